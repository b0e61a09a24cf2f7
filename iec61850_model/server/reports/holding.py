"""Who may write a report control block: one client at a time (7-2, 17.2: Resv, ResvTms, Owner)."""

from __future__ import annotations

from dataclasses import dataclass

from iec61850_model.mms.pdu import DataAccessError
from iec61850_model.server.control import Client

OWNER_OCTETS = 64
"""Owner is an Octet64; a longer JID is cut."""


@dataclass(slots=True)
class Holding:
    """Whose a block is. ``client`` None: nobody's, and any client may write it.

    ``reserved_for``: a bare JID or a domain; by configuration nobody else may ever write. ``asked_for``: the
    client has reserved it (Resv, ResvTms), so it stays his when he disables it. ``until``: his association is
    over and it is kept for him until then, seconds since 1970 UTC; he is known by his bare JID, for his
    resource may be another one when he comes back.
    """

    reserved_for: str = ""
    client: Client | None = None
    asked_for: bool = False
    until: float | None = None

    def refusal(self, client: Client) -> DataAccessError | None:
        """Why ``client`` may not write, None if he may."""
        bare = _bare(client.peer)
        if self.reserved_for and self.reserved_for not in (bare, bare.rpartition("@")[2]):
            return DataAccessError.OBJECT_ACCESS_DENIED
        if self.client is None:
            return None
        his = bare == _bare(self.client.peer) if self.until is not None else client.peer == self.client.peer
        return None if his else DataAccessError.TEMPORARILY_UNAVAILABLE

    def take(self, client: Client, *, asked_for: bool = False) -> None:
        """The block is this client's as long as his association lives."""
        self.client, self.until = client, None
        self.asked_for = self.asked_for or asked_for

    def keep(self, until: float) -> None:
        """The association of its client is over; the block stays his until then."""
        self.until = until

    def release(self) -> None:
        """The block is nobody's."""
        self.client, self.asked_for, self.until = None, False, None

    def is_of(self, client: Client) -> bool:
        """The block is this client's, by this very association."""
        return self.until is None and self.client == client

    def owner_for(self, reader: Client | None) -> bytes:
        """Owner as ``reader`` sees it: himself, or nothing (DESIGN section 4)."""
        if reader is None or self.client is None or reader.peer != self.client.peer:
            return b""
        return self.client.peer.encode()[:OWNER_OCTETS]


def _bare(peer: str) -> str:
    return peer.partition("/")[0]
