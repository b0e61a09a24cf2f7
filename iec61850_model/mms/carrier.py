"""Which stanza carries which PDU (8-2 Annex D, Table D.1)."""

from __future__ import annotations

import enum

from iec61850_model.mms.pdu import (
    CancelError,
    CancelRequest,
    CancelResponse,
    ConcludeError,
    ConcludeRequest,
    ConcludeResponse,
    ConfirmedError,
    ConfirmedRequest,
    ConfirmedResponse,
    InitiateError,
    InitiateRequest,
    InitiateResponse,
    Pdu,
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
    match pdu:
        case ConfirmedRequest(_, WriteRequest()) | InitiateRequest() | ConcludeRequest():
            return (Carrier.IQ_SET,)
        case ConfirmedRequest(_, UnknownService()):
            return (Carrier.IQ_GET, Carrier.IQ_SET)
        case ConfirmedRequest() | CancelRequest():
            return (Carrier.IQ_GET,)
        case ConfirmedResponse() | ConfirmedError() | CancelResponse() | CancelError():
            return (Carrier.IQ_RESULT,)
        case InitiateResponse() | InitiateError() | ConcludeResponse() | ConcludeError():
            return (Carrier.IQ_RESULT,)
        case Unconfirmed():
            return (Carrier.MESSAGE,)
    return (Carrier.IQ_RESULT, Carrier.MESSAGE)


def is_request(pdu: Pdu) -> bool:
    """The PDU asks for an answer."""
    return isinstance(pdu, ConfirmedRequest | InitiateRequest | ConcludeRequest | CancelRequest)
