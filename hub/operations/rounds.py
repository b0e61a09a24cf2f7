"""When the settings of which box are read or written back: I/O-free, times are seconds since 1970 UTC.

Of boxes that are there only, each has one thing done at a time:

- its settings are read when it was never read, a day after it was, and when something was written in it;
- what is kept of the box before it is written when that is wanted, before anything is read.

What does not work is tried again, later each time. A box that has just come in place of another waits until
no router takes the former one for it.
"""

from __future__ import annotations

import enum
import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from hub.registry.settings_work import SETTLED, SettingsTask

READ_EVERY = 86_400.0
"""Seconds between two readings of a box in which nothing was written: one request of 1 kB a day."""
READ_AFTER_WRITING = 600.0
"""Least seconds between two readings, however much is written or commanded."""
FIRST_RETRY = 5.0
"""Seconds until what did not work is tried again."""
LAST_RETRY = 900.0
"""Longest time until then, seconds."""
MAX_REFUSALS = 8
"""Times a box is asked to take settings, some of which it refuses: over 10 minutes, in which its clock gets
set."""


class Work(enum.StrEnum):
    """What is done."""

    READ = "read"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True)
class Begin:
    """Do this now, and tell what came of it with the same ``token``. ``task``: as it was known then."""

    task: SettingsTask
    token: int
    work: Work


@dataclass(slots=True)
class _Box:
    task: SettingsTask
    token: int = 0
    busy: bool = False
    not_before: float = 0.0
    retry: float = field(default_factory=lambda: FIRST_RETRY)
    refusals: int = 0
    anew: bool = False
    planned: float | None = None

    @property
    def due(self) -> float:
        task = self.task
        if task.restore is not None or task.read_at is None or self.anew:
            at = 0.0
        elif task.written != task.seen:
            at = task.read_at + READ_AFTER_WRITING
        else:
            at = task.read_at + READ_EVERY
        return max(at, self.not_before, task.since + SETTLED if task.since else 0.0)


@dataclass(slots=True)
class SettingsRounds:
    """All boxes that are there."""

    _boxes: dict[str, _Box] = field(default_factory=dict)
    _plan: list[tuple[float, str]] = field(default_factory=list)
    _tokens: int = 0

    def __len__(self) -> int:
        return len(self._boxes)

    def told(self, task: SettingsTask) -> None:
        """The registry says so of a heat pump: its box came, went or was replaced, or there is something to
        do.
        """
        if not task.online:
            self._boxes.pop(task.heat_pump, None)
            return
        box = self._boxes.get(task.heat_pump)
        if box is None or box.task.since != task.since:
            box = self._boxes[task.heat_pump] = _Box(task)
        if task.restore != box.task.restore:
            box.not_before, box.retry, box.refusals = 0.0, FIRST_RETRY, 0
        if (box.task.read_at or 0.0) > (task.read_at or 0.0):  # what was read last is not written yet
            task = replace(task, read_at=box.task.read_at, seen=box.task.seen)
        box.task = task
        self._schedule(box)

    def due(self, now: float, at_most: int) -> Iterator[Begin]:
        """What is to be begun now, as much as there is room for."""
        while at_most > 0 and self._plan and self._plan[0][0] <= now:
            at, id_ = heapq.heappop(self._plan)
            box = self._boxes.get(id_)
            if box is None or box.planned != at:
                continue  # it went, or is planned for another time
            box.planned = None
            if box.due > now:
                self._schedule(box)
                continue
            self._tokens += 1
            box.token, box.busy = self._tokens, True
            at_most -= 1
            yield Begin(box.task, box.token, Work.READ if box.task.restore is None else Work.RESTORE)

    def read(self, begun: Begin, asked_at: float | None, now: float) -> bool:
        """The settings were read, asked for at ``asked_at``, or (None) could not be.

        Returns whether they count: the box is still there and the same one.
        """
        box = self._over(begun)
        if box is None:
            return False
        if asked_at is None:
            self._put_off(box, now)
        else:
            box.task = replace(box.task, read_at=asked_at, seen=begun.task.written)
            box.retry, box.not_before, box.anew = FIRST_RETRY, 0.0, False
        self._schedule(box)
        return asked_at is not None

    def is_last(self, begun: Begin, *, refused: bool) -> bool:
        """Whether the box is not asked again; it ``refused`` some settings for a reason that may go."""
        box = self._boxes.get(begun.task.heat_pump)
        return not refused or (box is not None and box.refusals + 1 >= MAX_REFUSALS)

    def restored(self, begun: Begin, *, done: bool, refused: bool, now: float) -> None:
        """The settings were written, and what came of it; not ``done``: it is tried again."""
        box = self._over(begun)
        if box is None:
            return
        box.refusals += refused
        if done and box.task.restore == begun.task.restore:
            box.task = replace(box.task, restore=None)
            box.retry, box.not_before, box.anew = FIRST_RETRY, 0.0, True
        else:
            self._put_off(box, now)
        self._schedule(box)

    def _over(self, begun: Begin) -> _Box | None:
        box = self._boxes.get(begun.task.heat_pump)
        if box is None or box.token != begun.token or not box.busy:
            return None
        box.busy = False
        return box

    def _put_off(self, box: _Box, now: float) -> None:
        box.not_before = now + box.retry
        box.retry = min(2 * box.retry, LAST_RETRY)

    def _schedule(self, box: _Box) -> None:
        if not box.busy and (box.planned is None or box.due < box.planned):
            box.planned = box.due
            heapq.heappush(self._plan, (box.planned, box.task.heat_pump))
