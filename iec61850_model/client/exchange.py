"""Requests and their answers, inside an association or without one (7-2 clause 8, 8-2 clause 10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from iec61850_model.client import errors
from iec61850_model.client.errors import AssociationRefused, BadAnswer, ClientError, Rejected
from iec61850_model.mms.pdu import (
    ConcludeError,
    ConcludeRequest,
    ConcludeResponse,
    ConfirmedError,
    ConfirmedRequest,
    ConfirmedResponse,
    InitiateError,
    InitiateRequest,
    InitiateResponse,
    Payload,
    Pdu,
    Reject,
    RejectReason,
    RequestService,
)

_Response = TypeVar("_Response")

MAX_INVOKE_ID = 0x7FFF_FFFF
"""After this invokeID the count starts anew; it need only differ among the requests of one peer under way."""
MAX_HALF_ID = 999
"""Largest half of an association id: three digits (62351-4, 13.3)."""


class Transport(Protocol):
    """Carries one request PDU to a peer and brings back the answer."""

    async def request(self, peer: str, payload: Payload) -> Payload:
        """Raises ClientError, e.g. NoAnswer."""
        ...


@dataclass(frozen=True, slots=True)
class Association:
    """An association with a peer (7-2 clause 8): its id and what was agreed."""

    peer: str
    id: str
    pdu_size: int
    max_outstanding: int


class Exchange:
    """Sends requests to peers and judges what comes back."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._invoke_id = 0
        self._next_half = 0
        self._associations: dict[str, Association] = {}

    async def associate(self, peer: str) -> Association:
        """Associate; later requests to the peer go inside the association.

        Raises AssociationRefused with the device's reason.
        """
        self._next_half = self._next_half % MAX_HALF_ID + 1
        half = str(self._next_half)
        answer = await self._transport.request(peer, Payload(InitiateRequest(), half))
        match answer.pdu:
            case InitiateResponse() as agreed if (answer.association or "").partition(":")[0] == half:
                association = Association(
                    peer, answer.association or half, agreed.local_detail, agreed.max_calling
                )
                self._associations[peer] = association
                return association
            case InitiateError(error):
                raise AssociationRefused(f"{peer} refuses the association: {error.text}")
        raise _unexpected(answer.pdu)

    async def release(self, peer: str) -> None:
        """Release; raises AssociationRefused if the device still works on a request."""
        association = self._associations.get(peer)
        if association is None:
            return
        answer = await self._transport.request(peer, Payload(ConcludeRequest(), association.id))
        match answer.pdu:
            case ConcludeResponse():
                self._associations.pop(peer, None)
            case ConcludeError(error):
                raise AssociationRefused(f"{peer} refuses the release: {error.text}")
            case _:
                raise _unexpected(answer.pdu)

    def abort(self, peer: str) -> None:
        """Abort: forget the association. 8-2 has no PDU for it; the device's lease runs out."""
        self._associations.pop(peer, None)

    def association(self, peer: str) -> Association | None:
        """The association with a peer, if there is one."""
        return self._associations.get(peer)

    async def confirmed(
        self, peer: str, service: RequestService, expected: type[_Response], what: str
    ) -> _Response:
        """Send a confirmed request; ``what`` names its object in errors.

        Raises ServiceErrorReceived, Rejected, BadAnswer and what the transport raises.
        """
        request = self.numbered(service)
        association = self._associations.get(peer)
        payload = Payload(request, association.id if association else None)
        answer = await self._transport.request(peer, payload)
        if association is not None and _knows_no_association(answer.pdu):
            self.abort(peer)
        return response_in(answer.pdu, request, expected, what)

    def numbered(self, service: RequestService) -> ConfirmedRequest:
        """A request under the next invokeID."""
        self._invoke_id = self._invoke_id % MAX_INVOKE_ID + 1
        return ConfirmedRequest(self._invoke_id, service)


def response_in(answer: Pdu, request: ConfirmedRequest, expected: type[_Response], what: str) -> _Response:
    """The response that answers a request; ``what`` names its object in errors.

    Raises ServiceErrorReceived, Rejected, BadAnswer.
    """
    match answer:
        case ConfirmedResponse(its_id, response) if its_id == request.invoke_id and isinstance(
            response, expected
        ):
            return response
        case ConfirmedError(its_id, error) if its_id == request.invoke_id:
            raise errors.of_mms(what, error)
        case Reject(reason):
            raise Rejected(reason)
    raise _unexpected(answer)


def _knows_no_association(answer: Pdu) -> bool:
    return isinstance(answer, Reject) and answer.reason is RejectReason.ILLEGAL_ACSE_MAPPING


def _unexpected(pdu: Pdu) -> ClientError:
    return BadAnswer(f"the answer is a {type(pdu).__name__} that does not belong to the request")
