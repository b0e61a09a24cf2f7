"""One box for which operations has something to do: when, in which order, and what if it does not work.

I/O-free. What is to be ended comes first, and each job is done whole before the next. A job that meets
trouble is left for the next round, the others go on; if no answer comes the round is over.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from hub.operations.events import Ask, Effect, Finished, Outcome, Queue, Trouble, Unanswered
from hub.operations.scripts import Script, script_of
from hub.registry import OpenSteering, SteeringState

FIRST_RETRY = 5.0
"""Seconds until what did not work is tried again."""
LAST_RETRY = 900.0
"""Longest time between two rounds, seconds: a box that is there and refuses is asked four times an hour."""


class Stage(enum.StrEnum):
    """What is going on with a box."""

    AWAY = "away"
    WAITING = "waiting"
    QUEUED = "queued"
    WORKING = "working"


@dataclass(slots=True)
class Desk:
    """``there``: the box is online, or, for that of a removed heat pump, may be."""

    there: bool = False
    stage: Stage = Stage.AWAY
    due: float | None = None
    jobs: dict[int, OpenSteering] = field(default_factory=dict)
    _round: list[int] = field(default_factory=list)
    _current: int = 0
    _script: Script | None = None
    _attempt: int = 0
    _retry: float = field(default_factory=lambda: FIRST_RETRY)
    _troubled: bool = False

    # --- what happens -----------------------------------------------------------------------------

    def take(self, job: OpenSteering, now: float) -> list[Effect]:
        """A job is new, or has become another one: what was to begin is to end now."""
        if job.state is SteeringState.GIVEN_UP:
            was_working = self._drop(job.key)
            return [Finished(job), *(self._next(now) if was_working else [])]
        restart = self._drop(job.key)
        self.jobs[job.key] = job
        if self.stage is Stage.WORKING and not restart:
            self._round.append(job.key)
            self._sort_round()
            return []
        return self._begin(now)

    def here(self, now: float) -> list[Effect]:
        """The box came online."""
        self.there = True
        self._retry = FIRST_RETRY
        return self._begin(now) if self.stage in (Stage.AWAY, Stage.WAITING) else []

    def away(self) -> None:
        """The box went; what was asked of it may have been done or not."""
        self.there = False
        self._stop()
        self.stage = Stage.AWAY
        self.due = None

    def turn(self, now: float) -> list[Effect]:
        """Its turn has come: do all there is, one after the other."""
        if self.stage is not Stage.QUEUED:
            return []
        self.stage = Stage.WORKING
        self._troubled = False
        self._round = list(self.jobs)
        self._sort_round()
        return self._next(now)

    def answered(self, attempt: int, outcome: Outcome, now: float) -> list[Effect]:
        """What came of a request."""
        if attempt != self._attempt or self._script is None:
            return []
        if isinstance(outcome, Unanswered):
            job = self.jobs[self._current]
            self._wait(now)
            return [Trouble(job, outcome.reason)]
        return self._step(outcome, now)

    def tick(self, now: float) -> list[Effect]:
        """Time went on."""
        if self.due is None or now < self.due or self.stage is not Stage.WAITING:
            return []
        return self._begin(now)

    # --- one round ----------------------------------------------------------------------------------

    def _begin(self, now: float) -> list[Effect]:
        self.due = None
        if not self.there:
            self.stage = Stage.AWAY
            return []
        if not self.jobs:
            self.stage = Stage.WAITING
            return []
        if self.stage is Stage.QUEUED:
            return []
        self._stop()
        self.stage = Stage.QUEUED
        return [Queue()]

    def _sort_round(self) -> None:
        self._round.sort(key=lambda key: (self.jobs[key].state is SteeringState.PENDING, key))

    def _next(self, now: float) -> list[Effect]:
        while self._round:
            self._current = self._round.pop(0)
            self._script = script_of(self.jobs[self._current])
            self._attempt += 1
            return [Ask(self._attempt, next(self._script))]
        self._script = None
        if self._troubled:
            self._wait(now)
        else:
            self.stage = Stage.WAITING
        return []

    def _step(self, outcome: Outcome, now: float) -> list[Effect]:
        assert self._script is not None
        try:
            self._attempt += 1
            return [Ask(self._attempt, self._script.send(outcome))]
        except StopIteration as ended:
            trouble = str(ended.value)
        job = self.jobs[self._current]
        if trouble:
            self._troubled = True
            return [Trouble(job, trouble), *self._next(now)]
        del self.jobs[self._current]
        return [Finished(job), *self._next(now)]

    def _drop(self, key: int) -> bool:
        """Forget a job; whether it was the one under way."""
        self.jobs.pop(key, None)
        if key in self._round:
            self._round.remove(key)
        if self._script is None or self._current != key:
            return False
        self._stop(keep_round=True)
        return True

    def _stop(self, *, keep_round: bool = False) -> None:
        self._script = None
        self._attempt += 1
        if not keep_round:
            self._round.clear()

    def _wait(self, now: float) -> None:
        self._stop()
        self.stage = Stage.WAITING
        self.due = now + self._retry
        self._retry = min(2 * self._retry, LAST_RETRY)
