"""Which stanza carries which PDU (8-2 Annex D, Table D.1)."""

from __future__ import annotations

import enum

from iec61850_model.mms.pdu import (
    CancelRequest,
    ConcludeRequest,
    ConfirmedRequest,
    DefineNamedVariableListRequest,
    DeleteNamedVariableListRequest,
    InitiateRequest,
    Pdu,
    Reject,
    Unconfirmed,
    UnknownService,
    WriteRequest,
)


class Carrier(enum.StrEnum):
    """A stanza kind with its type."""

    IQ_GET = "get"
    IQ_SET = "set"
    IQ_RESULT = "result"
    MESSAGE = "normal"


def carriers(pdu: Pdu) -> tuple[Carrier, ...]:
    """The stanzas a PDU may travel in, the one we send first.

    A rejectPDU is a message by Table D.1; as the answer to an iq it is taken from an iq result too, for an iq
    must be answered (RFC 6120, 8.2.3). A request of an unknown service may come in either iq: it is for the
    server to refuse it by a PDU.
    """
    if isinstance(pdu, ConfirmedRequest):
        return _OF_SERVICE.get(type(pdu.service), (Carrier.IQ_GET,))
    return _OF_PDU.get(type(pdu), (Carrier.IQ_RESULT,))


_OF_SERVICE: dict[type, tuple[Carrier, ...]] = {
    WriteRequest: (Carrier.IQ_SET,),
    DefineNamedVariableListRequest: (Carrier.IQ_SET,),
    DeleteNamedVariableListRequest: (Carrier.IQ_SET,),
    UnknownService: (Carrier.IQ_GET, Carrier.IQ_SET),
}
_OF_PDU: dict[type, tuple[Carrier, ...]] = {
    InitiateRequest: (Carrier.IQ_SET,),
    ConcludeRequest: (Carrier.IQ_SET,),
    CancelRequest: (Carrier.IQ_GET,),
    Unconfirmed: (Carrier.MESSAGE,),
    Reject: (Carrier.IQ_RESULT, Carrier.MESSAGE),
}
_REQUESTS = (ConfirmedRequest, InitiateRequest, ConcludeRequest, CancelRequest)


def is_request(pdu: Pdu) -> bool:
    """The PDU asks for an answer."""
    return isinstance(pdu, _REQUESTS)
