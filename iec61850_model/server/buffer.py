"""What a buffered report control block or a log keeps: bounded, in order, each under its own number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from iec61850_model.mms.pdu import Data
from iec61850_model.values import Trigger

EPOCH_SHIFT = 32
"""An EntryID is the buffer's epoch (4 octets) and a counter (4 octets), never reused (DESIGN section 6)."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an entry: its place in the data set, why it is there, its value then."""

    index: int
    reason: Trigger
    value: Data


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened at one moment. ``number`` is the EntryID as a number, above that of every earlier entry.

    ``time``: seconds since 1970 UTC of the server's clock when the entry was made.
    """

    number: int
    time: float
    members: tuple[Member, ...]

    @property
    def entry_id(self) -> bytes:
        """The 8 octets on the wire."""
        return self.number.to_bytes(8)


class EntryBuffer(Protocol):
    """Keeps the entries of one control block or log. What ``append`` returned survives a power cut."""

    def begin(self, content: str) -> None:
        """Say what the entries from here on are of; those of another content are forgotten as by ``clear``.

        A short text that is another one as soon as a place in an entry means something else: entries outlive
        the model they were made under.
        """
        ...

    def append(self, time: float, members: Sequence[Member]) -> Entry:
        """Keep an entry under the next number; the oldest go if there is no more room.

        The new entry itself is always kept. Raises OSError if it could not be stored: it is gone then, but
        the number is not given again.
        """
        ...

    def replace(self, entry: Entry) -> None:
        """Keep this in place of the newest entry, whose number and time it has: more has come to it.

        Raises OSError if it could not be stored: the newest entry is then as it was, or is gone.
        """
        ...

    def after(self, number: int, limit: int) -> list[Entry]:
        """The first entries above ``number``, at most ``limit``; raises OSError if it cannot be read now."""
        ...

    def between(self, start: float, stop: float, number: int, limit: int) -> list[Entry]:
        """Entries above ``number`` with a time in start..stop, at most ``limit``."""
        ...

    def drop(self, numbers: Sequence[int]) -> None:
        """Forget these entries (replay keeps only the latest general interrogation)."""
        ...

    def clear(self) -> None:
        """Forget all entries; numbers go on."""
        ...

    @property
    def first(self) -> Entry | None:
        """The oldest entry kept."""
        ...

    @property
    def last(self) -> Entry | None:
        """The newest entry kept."""
        ...

    @property
    def lost(self) -> int:
        """Number of the newest entry that went because there was no room; 0: none since ``clear``."""
        ...
