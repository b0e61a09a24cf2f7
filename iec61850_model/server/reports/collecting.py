"""Changes into entries: one for each moment, or what BufTm collects; snapshots of all members (7-2, 17.2)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

from iec61850_model.server.buffer import Entry, Member
from iec61850_model.server.reports.observing import Watched
from iec61850_model.values import NO_TRIGGER, Trigger

MAX_HEARD = 1_024
"""Moments one block has heard of and no ``tick`` has dated yet; a shell that ticks when told to has few."""


class Collecting(ABC):
    """The part of a block that makes entries. Times are seconds since 1970 UTC, spans are seconds."""

    def __init__(self) -> None:
        self.unstored = 0
        """Entries lost so far because the buffer could not store them, or because nobody ticked."""
        self._trg_ops = NO_TRIGGER
        self._buf_tm = 0.0
        self._intg_pd = 0.0
        self._heard: deque[tuple[Member, ...]] = deque()
        self._open: Entry | None = None
        """What BufTm still collects, until ``_open_until``."""
        self._open_until = 0.0
        self._integrity_at: float | None = None

    @property
    @abstractmethod
    def listening(self) -> Watched | None:
        """What it listens to now, None if to nothing."""

    def hear(self, members: tuple[Member, ...]) -> None:
        """These members changed, in one moment; the next ``tick`` gives it a time."""
        if len(self._heard) >= MAX_HEARD:
            self._heard.popleft()
            self._missed()
        self._heard.append(members)

    def _settle(self, now: float) -> None:
        """Give what was heard its time."""
        while self._heard:
            self._take(self._heard.popleft(), now)

    def _collect(self, now: float) -> None:
        """Make the entries that are due."""
        self._settle(now)
        if self._open is not None and over(now, self._open_until, self._buf_tm):
            self._close()
        self._plan_integrity(now)
        at, period = self._integrity_at, self._period()
        if at is not None and period is not None and over(now, at, period):
            # What was missed is not made up for: the values of then are gone.
            self._integrity_at = at + period if 0 <= now - at < period else now + period
            self._snapshot(Trigger.INTEGRITY, now)

    def _due(self) -> Iterable[float | None]:
        """When there is something to do: 0.0 at once."""
        yield 0.0 if self._heard else None
        yield self._open_until if self._open is not None else None
        yield (self._integrity_at or 0.0) if self._period() is not None else None

    def _take(self, members: tuple[Member, ...], now: float) -> None:
        """One moment: BufTm collects others to it, until one of its members changes again."""
        entry = self._open
        if entry is not None and not _indices(entry.members).isdisjoint(_indices(members)):
            self._close()
            entry = None
        if entry is not None:
            self._open = self._join(entry, replace(entry, members=_in_order((*entry.members, *members))))
            return
        self._open, self._open_until = self._begin(now, members), now + self._buf_tm
        if not self._buf_tm:
            self._close()

    def _snapshot(self, reason: Trigger, now: float) -> None:
        """An entry of all members, now; BufTm is for changes only."""
        listening = self.listening
        if listening is not None:
            self._close()
            self._open = self._begin(now, listening.all_now(reason))
            self._close()

    def _close(self) -> None:
        entry, self._open = self._open, None
        if entry is not None:
            self._closed(entry)

    def _period(self) -> float | None:
        """The integrity period; None: no integrity reports now."""
        if self.listening is None or not self._trg_ops & Trigger.INTEGRITY:
            return None
        return self._intg_pd or None

    def _plan_integrity(self, now: float) -> None:
        """The period runs from when it takes effect, not from full minutes: many boxes must not all speak at
        once."""
        period = self._period()
        if period is None:
            self._integrity_at = None
        elif self._integrity_at is None:
            self._integrity_at = now + period

    @abstractmethod
    def _begin(self, now: float, members: Sequence[Member]) -> Entry | None:
        """A new entry; None if it is lost."""

    @abstractmethod
    def _join(self, before: Entry, after: Entry) -> Entry:
        """The open entry, more members having come to it: ``after``, or ``before`` if they are lost."""

    @abstractmethod
    def _closed(self, entry: Entry) -> None:
        """Nothing comes to this entry any more: it can be sent."""

    @abstractmethod
    def _missed(self) -> None:
        """Something that happened is in no entry."""


def over(now: float, at: float, span: float) -> bool:
    """A span that ends ``at`` is over, or the clock was set back to before it began."""
    return now >= at or at - now > span


def _indices(members: Iterable[Member]) -> set[int]:
    return {member.index for member in members}


def _in_order(members: Iterable[Member]) -> tuple[Member, ...]:
    return tuple(sorted(members, key=lambda member: member.index))
