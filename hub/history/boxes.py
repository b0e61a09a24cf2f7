"""The boxes a collector follows: found by JID, each with its state machine and when that is due."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

from hub.addresses import Addresses
from hub.history.collecting import Collecting


@dataclass(slots=True, eq=False)
class Box:
    """One followed box. ``greeted``: it heard of this collector since the link is up; ``waiting``: how many
    of its reports are not stored yet.
    """

    pk: int
    heat_pump: str
    bare_jid: str
    series: int
    machine: Collecting
    greeted: bool = False
    waiting: int = 0
    _scheduled: float | None = None

    @property
    def jid(self) -> str:
        """Where it takes requests."""
        return Addresses.box(self.bare_jid)


@dataclass(slots=True)
class Boxes:
    """All of them."""

    by_pk: dict[int, Box] = field(default_factory=dict)
    _by_jid: dict[str, Box] = field(default_factory=dict)
    _deadlines: list[tuple[float, int, Box]] = field(default_factory=list)
    _count: int = 0

    def __iter__(self) -> Iterator[Box]:
        return iter(self.by_pk.values())

    def __len__(self) -> int:
        return len(self.by_pk)

    def add(self, box: Box) -> None:
        """Follow a box."""
        self.by_pk[box.pk] = box
        self._by_jid[box.jid] = box

    def drop(self, box: Box) -> None:
        """Follow it no longer."""
        del self.by_pk[box.pk]
        self.unhear(box)
        box.machine.due = None

    def unhear(self, box: Box) -> None:
        """Find it no longer by its JID."""
        if self._by_jid.get(box.jid) is box:
            del self._by_jid[box.jid]

    def of_jid(self, full_jid: str) -> Box | None:
        """The box with this full JID."""
        return self._by_jid.get(full_jid)

    def schedule(self, box: Box) -> None:
        """Have it among ``due`` when its time has come; cheap if that is not earlier than before."""
        due = box.machine.due
        if due is not None and (box._scheduled is None or due < box._scheduled):
            box._scheduled = due
            self._count += 1
            heapq.heappush(self._deadlines, (due, self._count, box))

    def due(self, now: float) -> Iterator[Box]:
        """The boxes with something to do; schedule each anew afterwards."""
        while self._deadlines and self._deadlines[0][0] <= now:
            at, _, box = heapq.heappop(self._deadlines)
            if box._scheduled == at:
                box._scheduled = None
                yield box
