"""Keeps a flood of refusals out of the audit: beyond the first ones of a sender they are only counted."""

from __future__ import annotations

from dataclasses import dataclass

from hub.audit.entry import AuditEntry

WRITTEN_PER_PERIOD = 10
"""Refusals of one sender written in full in each period: enough to see what he tries."""
PERIOD = 60.0
"""Seconds over which the rest is counted into one entry."""
MAX_SENDERS = 1_000
"""Senders counted each for himself in one period; all further ones are counted together as one."""

FURTHER_SENDERS = "further senders"
"""Stands in ``provider_jid`` for all beyond MAX_SENDERS."""


@dataclass(slots=True)
class _Window:
    end: float
    first: AuditEntry
    seen: int = 0


class RefusalCounter:
    """Says what to write of each refusal. A state machine: no I/O, time in seconds since 1970 UTC passed in.

    A sender is a bare JID; of strangers (no provider id) it is their domain, for they can make up any number
    of names in their own.
    """

    def __init__(self) -> None:
        self._windows: dict[str, _Window] = {}

    def refused(self, entry: AuditEntry, now: float) -> tuple[AuditEntry, ...]:
        """Count a refusal; returns what to write now: counts that are due, then this entry or nothing."""
        due = self.due(now)
        sender = _sender(entry)
        if sender not in self._windows and len(self._windows) >= MAX_SENDERS:
            sender = FURTHER_SENDERS
        window = self._windows.setdefault(sender, _Window(now + PERIOD, entry))
        window.seen += 1
        return (*due, entry) if window.seen <= WRITTEN_PER_PERIOD else due

    def due(self, now: float) -> tuple[AuditEntry, ...]:
        """The counts of periods that have ended; to be called about once a second."""
        ended = []
        for sender, window in self._windows.items():  # oldest first: all periods are of one length
            if window.end > now:
                break
            ended.append(sender)
        return self._take(ended, now)

    def drain(self, now: float) -> tuple[AuditEntry, ...]:
        """All counts, when the router stops."""
        return self._take(list(self._windows), now)

    def _take(self, senders: list[str], now: float) -> tuple[AuditEntry, ...]:
        summaries = []
        for sender in senders:
            window = self._windows.pop(sender)
            more = window.seen - WRITTEN_PER_PERIOD
            if more > 0:
                summaries.append(_summary(window.first, sender, more, now))
        return tuple(summaries)


def _sender(entry: AuditEntry) -> str:
    bare = entry.provider_jid.partition("/")[0]
    return bare if entry.provider else bare.rpartition("@")[2]


def _summary(first: AuditEntry, sender: str, more: int, now: float) -> AuditEntry:
    return first._replace(
        at=now,
        provider="" if sender == FURTHER_SENDERS else first.provider,
        provider_jid=sender,
        heat_pump="",
        box="",
        stanza_id="",
        service="",
        references=(),
        detail=f"{more} more refused",
    )
