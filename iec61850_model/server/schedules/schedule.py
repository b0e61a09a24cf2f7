"""One schedule: the state machine of FSCH (7-4, Annex K). Time is passed in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo

from iec61850_model.reference import Reference
from iec61850_model.server.effects import Moment
from iec61850_model.server.schedules.keeping import Kept
from iec61850_model.server.schedules.plan import NotValid, Plan, kind_of, read_plan
from iec61850_model.server.schedules.states import ENABLED, EnablingError, ScheduleState
from iec61850_model.tree import Tree, Update
from iec61850_model.types import Value
from iec61850_model.values import GOOD, MAX_SECONDS, NO_TIME, OrCat, Quality, Timestamp

NONE_NOW = Quality.INVALID
"""Quality of what a schedule has only while it runs."""


@dataclass(frozen=True, slots=True)
class Run:
    """The entry in force: ``start`` of its run and ``until`` when it ends, seconds since 1970 UTC."""

    start: float
    entry: int
    value: Value
    until: float


class Schedule:
    """One FSCH. Enabled, its settings are those it was enabled with."""

    def __init__(self, tree: Tree, node: Reference, zone: tzinfo) -> None:
        """Raises ValueError for a node that is no schedule."""
        self.node = node
        self.controlled: Reference | None = None
        """What its values are for; its limits bind them."""
        self.state = ScheduleState.NOT_READY
        self.plan: Plan | None = None
        self.run: Run | None = None
        self.owner = (OrCat.NOT_SUPPORTED, b"")
        """Origin of the EnaReq that enabled it."""
        self._tree = tree
        self._zone = zone
        self._value = kind_of(tree, node).value
        self._error = EnablingError.NONE
        self._next: float | None = None
        self._shown = self._facts()
        at_rest(tree, node, self._shown)

    @property
    def name(self) -> str:
        """Its reference, such as SCH/EvuFSCH1."""
        return str(self.node)

    @property
    def enabled(self) -> bool:
        """It waits for its start or runs: no setting may be written."""
        return self.state in ENABLED

    @property
    def next_change(self) -> float | None:
        """When an entry ends or a run begins, seconds since 1970 UTC."""
        times = (self._next, self.run.until if self.run else None)
        return min((time for time in times if time is not None), default=None)

    def kept(self) -> Kept | None:
        """What must survive a restart; None: nothing."""
        if self.state is ScheduleState.NOT_READY:
            return None
        return Kept(self.state, *self.owner)

    def enable(self, now: float | None) -> EnablingError:
        """EnaReq: check the settings, and wait for the start or run; ``now`` None: the clock is not known."""
        try:
            plan = read_plan(self._tree, self.node, self.controlled, self._zone)
            if now is not None and plan.run_at(now) is None and plan.next_start(now) is None:
                raise NotValid(EnablingError.START_TIME)
        except NotValid as refused:
            self._error = refused.error
            return refused.error
        self._error = EnablingError.NONE
        self.plan, self.state = plan, ScheduleState.READY
        if now is not None:
            self.advance(now)
        return EnablingError.NONE

    def disable(self, error: EnablingError = EnablingError.NONE) -> None:
        """DsaReq, from any state."""
        self._error = error
        self._end(ScheduleState.NOT_READY)

    def restore(self, kept: Kept, now: float | None) -> None:
        """Go on as before a restart; settings that no longer hold end it, and SchdEnaErr says why."""
        self.owner = (kept.or_cat, kept.or_ident)
        if kept.state not in ENABLED:
            self.state = kept.state
        elif self.enable(None) is EnablingError.NONE and now is not None:
            self.advance(now)

    def start_given(self, now: float | None) -> None:
        """A start time was written: one that was required makes the schedule ready (SchdReuse)."""
        if self.state is not ScheduleState.START_TIME_REQUIRED:
            return
        if self.enable(now) not in (EnablingError.NONE, EnablingError.START_TIME):
            self._end(ScheduleState.NOT_READY)

    def advance(self, now: float) -> None:
        """Be in the state of ``now``."""
        if self.plan is None:
            return
        start = self.plan.run_at(now)
        self._next = self.plan.next_start(now)
        if start is not None:
            entry = self.plan.entry_at(start, now)
            until = min(self.plan.entry_end(start, entry), self._next or float("inf"))
            self.run = Run(start, entry, self.plan.values[entry], until)
            self.state = ScheduleState.RUNNING
        elif self._next is not None:
            self.run, self.state = None, ScheduleState.READY
        else:
            over = ScheduleState.START_TIME_REQUIRED if self.plan.reuse else ScheduleState.NOT_READY
            self._end(over)

    def updates(self, moment: Moment) -> Iterator[Update]:
        """What the model shows otherwise than before."""
        facts = self._facts()
        for name, (value, quality) in facts.items():
            if self._shown.get(name) != (value, quality):
                at = self.node.child(name)
                if self._tree.cdc(at) is not None:
                    yield Update(at, value, quality, moment.timestamp)
        self._shown = facts

    def _end(self, state: ScheduleState) -> None:
        self.state, self.plan, self.run, self._next = state, None, None, None

    def _facts(self) -> dict[str, tuple[object, Quality]]:
        run = self.run
        return {
            "SchdSt": (int(self.state), GOOD),
            "SchdEnaErr": (int(self._error), GOOD),
            "SchdEntr": (run.entry + 1 if run else 0, GOOD),
            self._value: (run.value, GOOD) if run else (None, NONE_NOW),
            "ActStrTm": _time(run.start if run else None),
            "NxtStrTm": _time(self._next),
        }


def _time(time: float | None) -> tuple[object, Quality]:
    if time is None or not 0 <= time < MAX_SECONDS:
        return NO_TIME, NONE_NOW
    return Timestamp.from_unix(time), GOOD


def at_rest(tree: Tree, node: Reference, facts: Mapping[str, tuple[object, Quality]]) -> None:
    """Before anything happened: what has no value now has none, which is no failure."""
    for name, (_, quality) in facts.items():
        if tree.cdc(node.child(name)) is not None:
            _, branch = tree.value_branch(node.child(name))
            leaf = branch.leaf("q")
            if leaf is not None:
                leaf.value = quality
