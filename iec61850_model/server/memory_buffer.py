"""An entry buffer in memory: for servers whose reports and logs need not survive a restart."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import islice

from iec61850_model.server.buffer import EPOCH_SHIFT, Entry, Member

MAX_ENTRIES = 1_000
"""Entries kept unless said otherwise; 1,000 entries of a data set of 20 members are some 10 MB."""
FIRST_EPOCH = 1
"""Epoch unless said otherwise: an EntryID is never all zero (7-2, 17.2)."""
MAX_EPOCH = (1 << EPOCH_SHIFT) - 1


class MemoryBuffer:
    """An ``EntryBuffer`` that is gone with its process.

    ``capacity``: entries kept, at least 1. ``epoch``: 1 to 2^32-1; a server that is started again and whose
    clients remember EntryIDs gives a higher one at each start. Raises ValueError outside these ranges.
    """

    def __init__(self, capacity: int = MAX_ENTRIES, epoch: int = FIRST_EPOCH) -> None:
        if capacity < 1:
            raise ValueError(f"a buffer of {capacity} entries keeps nothing: give at least 1")
        if not 0 < epoch <= MAX_EPOCH:
            raise ValueError(f"{epoch} is no epoch: give 1 to {MAX_EPOCH}")
        self._capacity = capacity
        self._next = (epoch << EPOCH_SHIFT) + 1
        self._entries: list[Entry] = []
        self._lost = 0
        self._content = ""

    def begin(self, content: str) -> None:
        """Say what the entries from here on are of; those of another content are forgotten."""
        if content != self._content:
            self.clear()
        self._content = content

    def append(self, time: float, members: Sequence[Member]) -> Entry:
        """Keep an entry under the next number; the oldest go if there is no more room."""
        entry = Entry(self._next, time, tuple(members))
        self._next += 1
        self._entries.append(entry)
        if len(self._entries) > self._capacity:
            self._lost = self._entries.pop(0).number
        return entry

    def replace(self, entry: Entry) -> None:
        """Keep this in place of the newest entry, whose number it has; raises ValueError for any other."""
        if self.last is None or self.last.number != entry.number:
            raise ValueError(f"entry {entry.number} is not the newest one")
        self._entries[-1] = entry

    def after(self, number: int, limit: int) -> list[Entry]:
        """The first entries above ``number``, at most ``limit``."""
        start = self._start(number)
        return self._entries[start : start + limit]

    def between(self, start: float, stop: float, number: int, limit: int) -> list[Entry]:
        """Entries above ``number`` with a time in start..stop, at most ``limit``."""
        above = islice(self._entries, self._start(number), None)
        return list(islice((entry for entry in above if start <= entry.time <= stop), limit))

    def drop(self, numbers: Sequence[int]) -> None:
        """Forget these entries."""
        gone = set(numbers)
        self._entries = [entry for entry in self._entries if entry.number not in gone]

    def clear(self) -> None:
        """Forget all entries; numbers go on."""
        self._entries.clear()
        self._lost = 0

    @property
    def first(self) -> Entry | None:
        """The oldest entry kept."""
        return self._entries[0] if self._entries else None

    @property
    def last(self) -> Entry | None:
        """The newest entry kept."""
        return self._entries[-1] if self._entries else None

    @property
    def lost(self) -> int:
        """Number of the newest entry that went because there was no room; 0: none since ``clear``."""
        return self._lost

    def _start(self, number: int) -> int:
        return bisect_right(self._entries, number, key=lambda entry: entry.number)
