"""What the audit says of what is or was somebody's, as long as it was."""

from __future__ import annotations

from collections.abc import Iterable

from hub.audit import AuditKind, AuditReader, StoredEntry
from hub.registry.people import Ownership

MAX_SEEN = 100_000
"""Entries of the audit of each heat pump at most: they are held in memory."""
SEEN = (AuditKind.REQUEST, AuditKind.REFUSAL, AuditKind.RESULT)
"""Kinds of what was done with a heat pump; the rest is what was decided about it."""


async def seen(
    audit_url: str, owns: Iterable[Ownership], since: float, most: int = MAX_SEEN
) -> list[StoredEntry]:
    """The last ``most`` entries of each heat pump since then, in order. Raises SchemaError."""
    reader = await AuditReader.open(audit_url)
    try:
        found: dict[int, StoredEntry] = {}
        for one in owns:
            start = max(one.since, since)
            for stored in await reader.of_heat_pump(one.heat_pump, start, one.until, most):
                found[stored.id] = stored
    finally:
        await reader.close()
    return [found[id_] for id_ in sorted(found)]


def who_did(stored: StoredEntry) -> str:
    """The provider, or who else asked for it."""
    return stored.entry.provider or stored.entry.actor
