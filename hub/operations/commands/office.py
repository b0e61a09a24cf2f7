"""What commands have at hand: registry, audit, the clock, and the way to boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy.orm import Session

from hub.addresses import Addresses
from hub.audit import AuditEntry, AuditLog, StoredEntry
from hub.changing import make_change
from hub.registry import Registry
from hub.registry.people import Ownership
from hub.registry.usage import Used
from hub.seen import seen
from iec61850_model.client import Client, Transport
from iec61850_model.mms.pdu import Payload

P = ParamSpec("P")
T = TypeVar("T")

MAX_SEEN = 1_000
"""Entries of the audit that are looked at for one answer, of each heat pump: the newest."""


@dataclass(frozen=True, slots=True)
class Office:
    """``speaking_for`` gives the way to boxes in a provider's name or (empty) in the hub's own; ``clock``
    seconds since 1970 UTC.
    """

    registry: Registry
    audit: AuditLog
    audit_url: str
    addresses: Addresses
    speaking_for: Callable[[str], Transport]
    clock: Callable[[], float]
    used: Counter[Used] = field(default_factory=Counter)
    """What providers used by command, until it is in their accounts."""
    _listening: dict[str, set[Client]] = field(default_factory=dict)

    @contextmanager
    def listening(self, provider: str, client: Client) -> Iterator[None]:
        """A client hears what boxes say by themselves to whoever speaks in this name."""
        clients = self._listening.setdefault(provider, set())
        clients.add(client)
        try:
            yield
        finally:
            clients.discard(client)
            if not clients:
                self._listening.pop(provider, None)

    def heard(self, provider: str, peer: str, payload: Payload) -> None:
        """A box has said something by itself to whoever speaks in this name."""
        for client in tuple(self._listening.get(provider, ())):
            client.receive(peer, payload)

    async def read(self, fn: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Read the registry: ``fn(session, ...)`` in one transaction."""
        return await self.registry.read(fn, *args, **kwargs)

    async def change(
        self,
        fn: Callable[Concatenate[Session, P], T],
        describe: Callable[[T], AuditEntry],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Change the registry, audited, and in force when it returns; see ``make_change``."""
        return await make_change(self.registry, self.audit, fn, describe, *args, **kwargs)

    async def seen(self, owns: Iterable[Ownership], since: float) -> list[StoredEntry]:
        """What was done with what is or was somebody's."""
        return await seen(self.audit_url, owns, since, MAX_SEEN)
