"""Associations as leases (7-2 clause 8, 8-2 clause 10, DESIGN section 3)."""

from __future__ import annotations

from dataclasses import dataclass

from iec61850_model.mms.pdu import (
    DEFAULT_PDU_SIZE,
    MAX_CALLING_INSUFFICIENT,
    MAX_NESTING,
    MAX_OUTSTANDING,
    MEMORY_UNAVAILABLE,
    MIN_PDU_SIZE,
    NEEDED_CBB,
    PARAMETER_CBB,
    PARAMETER_CBB_INSUFFICIENT,
    PDU_SIZE,
    VERSION_INCOMPATIBLE,
    InitiateError,
    InitiateRequest,
    InitiateResponse,
    MmsError,
    Payload,
)
from iec61850_model.server.control import Client

LEASE_SECONDS = 660.0
"""An association ends after this long without a request or a report: two periods of the 5-minute reports and
a minute. So they alone keep it, whatever their delay, even if one of them fails to come."""
MAX_ASSOCIATIONS = 32
"""Associations of one server: its memory is bounded whatever its clients do."""
MAX_ASSOCIATIONS_PER_PEER = 4
"""Associations one client (full JID) may hold, so that none can take all."""
MAX_HALF_ID = 999
"""Largest half of an association id: three digits (62351-4, 13.3)."""


@dataclass(slots=True)
class Association:
    """One association; ``pdu_size`` is what both sides can take, in octets."""

    peer: str
    id: str
    pdu_size: int
    last_used: float


class Associations:
    """All associations of a server. I/O-free: time is passed in."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], Association] = {}
        self._next_half = 0

    def __len__(self) -> int:
        return len(self._held)

    def open(self, peer: str, asking_half: str | None, request: InitiateRequest, now: float) -> Payload:
        """Associate: the answer to an initiate request that came with the client's half of the id."""
        refused = self._refusal(peer, request)
        if refused is not None:
            return Payload(InitiateError(refused), asking_half)
        id_ = self._free_id(peer, asking_half or "0")
        size = min(request.local_detail, DEFAULT_PDU_SIZE)
        self._held[peer, id_] = Association(peer, id_, size, now)
        return Payload(
            InitiateResponse(
                local_detail=size,
                max_calling=min(request.max_calling, MAX_OUTSTANDING),
                max_called=min(request.max_called, MAX_OUTSTANDING),
                nesting=min(request.nesting, MAX_NESTING),
                parameter_cbb=request.parameter_cbb & PARAMETER_CBB,
            ),
            id_,
        )

    def use(self, peer: str, id_: str, now: float) -> Association | None:
        """The association of a request, its lease renewed; None if there is none of this id for this peer."""
        association = self._held.get((peer, id_))
        if association is None or now - association.last_used >= LEASE_SECONDS:
            return None
        association.last_used = now
        return association

    def renew(self, client: Client, now: float) -> None:
        """A report is sent in an association. That it is not taken is told by another way: it bounces, or the
        link is lost because it is not acknowledged (XEP-0198); either ends the association."""
        held = self._held.get((client.peer, client.association or ""))
        if held is not None:
            held.last_used = now

    def pdu_size(self, client: Client) -> int:
        """Octets a PDU to a client may have: what its association agreed, the default without one."""
        held = self._held.get((client.peer, client.association or ""))
        return DEFAULT_PDU_SIZE if held is None else held.pdu_size

    def close(self, peer: str, id_: str) -> list[Association]:
        """Release; what ended by it, if there was such an association."""
        return self._drop([one for one in self._held.values() if (one.peer, one.id) == (peer, id_)])

    def abort_peer(self, peer: str) -> list[Association]:
        """Abort every association of a peer that is gone; a bare JID means all its resources, a domain all
        its addresses."""
        return self._drop([one for one in self._held.values() if peer in _itself_and_above(one.peer)])

    def abort_all(self) -> list[Association]:
        """Abort every association: the server's own link is lost."""
        return self._drop(list(self._held.values()))

    def expire(self, now: float) -> list[Association]:
        """Abort what neither request nor report has used for a lease."""
        return self._drop([one for one in self._held.values() if now - one.last_used >= LEASE_SECONDS])

    def next_expiry(self) -> float | None:
        """When the next lease ends if nothing happens, seconds since 1970 UTC."""
        return min((one.last_used + LEASE_SECONDS for one in self._held.values()), default=None)

    def _refusal(self, peer: str, request: InitiateRequest) -> MmsError | None:
        if request.version < 1:
            return VERSION_INCOMPATIBLE
        if request.local_detail < MIN_PDU_SIZE:
            return PDU_SIZE
        if request.max_calling < 1:
            return MAX_CALLING_INSUFFICIENT
        if not request.parameter_cbb >= NEEDED_CBB:
            return PARAMETER_CBB_INSUFFICIENT
        of_peer = sum(1 for one in self._held.values() if one.peer == peer)
        if len(self._held) >= MAX_ASSOCIATIONS or of_peer >= MAX_ASSOCIATIONS_PER_PEER:
            return MEMORY_UNAVAILABLE
        return None

    def _free_id(self, peer: str, asking_half: str) -> str:
        while True:
            self._next_half = self._next_half % MAX_HALF_ID + 1
            id_ = f"{asking_half.partition(':')[0]}:{self._next_half}"
            if (peer, id_) not in self._held:
                return id_

    def _drop(self, gone: list[Association]) -> list[Association]:
        for one in gone:
            del self._held[one.peer, one.id]
        return gone


def _itself_and_above(peer: str) -> tuple[str, str, str]:
    bare = peer.partition("/")[0]
    return peer, bare, bare.rpartition("@")[2]
