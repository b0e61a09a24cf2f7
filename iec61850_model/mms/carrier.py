"""Which stanza carries which PDU (8-2 Annex D, Table D.1), and which one also travels by message to many."""

from __future__ import annotations

import enum

from iec61850_model.mms.pdu import (
    CancelRequest,
    ConcludeRequest,
    ConfirmedError,
    ConfirmedRequest,
    ConfirmedResponse,
    DefineNamedVariableListRequest,
    DeleteNamedVariableListRequest,
    InitiateRequest,
    Pdu,
    ReadRequest,
    ReadResponse,
    Reject,
    Unconfirmed,
    UnknownService,
    WriteRequest,
    WriteResponse,
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
    server to refuse it by a PDU. Read and write, the requests that can be meant for many, may come by message
    too, for an iq has one answer; what answers them then is a message with the request's id. Table D.1 does
    not have that.
    """
    if isinstance(pdu, ConfirmedRequest):
        return _OF_SERVICE.get(type(pdu.service), (Carrier.IQ_GET,))
    if isinstance(pdu, ConfirmedResponse) and isinstance(pdu.service, ReadResponse | WriteResponse):
        return (Carrier.IQ_RESULT, Carrier.MESSAGE)
    return _OF_PDU.get(type(pdu), (Carrier.IQ_RESULT,))


_OF_SERVICE: dict[type, tuple[Carrier, ...]] = {
    ReadRequest: (Carrier.IQ_GET, Carrier.MESSAGE),
    WriteRequest: (Carrier.IQ_SET, Carrier.MESSAGE),
    DefineNamedVariableListRequest: (Carrier.IQ_SET,),
    DeleteNamedVariableListRequest: (Carrier.IQ_SET,),
    UnknownService: (Carrier.IQ_GET, Carrier.IQ_SET),
}
_OF_PDU: dict[type, tuple[Carrier, ...]] = {
    InitiateRequest: (Carrier.IQ_SET,),
    ConcludeRequest: (Carrier.IQ_SET,),
    CancelRequest: (Carrier.IQ_GET,),
    ConfirmedError: (Carrier.IQ_RESULT, Carrier.MESSAGE),
    Unconfirmed: (Carrier.MESSAGE,),
    Reject: (Carrier.IQ_RESULT, Carrier.MESSAGE),
}
_REQUESTS = (ConfirmedRequest, InitiateRequest, ConcludeRequest, CancelRequest)


def is_request(pdu: Pdu) -> bool:
    """The PDU asks for an answer."""
    return isinstance(pdu, _REQUESTS)
