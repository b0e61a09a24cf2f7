"""Whatever is written, enabled, disabled, waited or restarted: one winner by the rule, no entry shifted.

The model says which schedule is in force by looking at every start and entry one by one, without states.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from box_server import written
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from schedule_scene import ScheduleBox

from iec61850_model.mms.pdu import Data, DataAccessError
from iec61850_model.server import Drive, Reply, Send
from iec61850_model.server.schedules import ScheduleState
from iec61850_model.server.schedules.calendar import CalendarTime, Occurrence, Period

SLOTS = (1, 2, 3)
HOUR = 3600
INTERVAL = 600
NEVER = CalendarTime(Occurrence.NONE, Period.DAY)
NOT_READY, WAITING, READY, RUNNING = ScheduleState

slots = st.sampled_from(SLOTS)
ahead = st.integers(-3, 6).map(lambda tens: tens * INTERVAL + 60.0)
"""A start time as seconds from now, a minute beside the steps that time takes."""


@dataclass
class Wanted:
    """What one schedule is told to do."""

    values: list[float] = field(default_factory=list)
    once: list[float] = field(default_factory=list)
    hourly: bool = False
    priority: int = 0
    reuse: bool = False
    enabled: bool = False
    waits: bool = False

    def starts(self, now: float) -> list[float]:
        """Every start within two days of now."""
        found = list(self.once)
        if self.hourly:
            first = int(now // HOUR) - 48
            found += [hour * HOUR for hour in range(first, first + 96)]
        return sorted(found)

    def run(self, now: float) -> float | None:
        length = len(self.values) * INTERVAL
        running = [start for start in self.starts(now) if start <= now < start + length]
        return running[-1] if running else None

    def comes(self, now: float) -> bool:
        return any(start > now for start in self.starts(now))

    @property
    def complete(self) -> bool:
        return bool(self.values) and all(5 <= value <= 30 for value in self.values)


class Scheduler(RuleBasedStateMachine):
    """Three schedules of the room set point, their clock, and what they drive."""

    def __init__(self) -> None:
        super().__init__()
        self.box = ScheduleBox()
        self.wanted = {slot: Wanted() for slot in SLOTS}
        self.driven: Drive | None = None

    # --- what happens -------------------------------------------------------------------------------

    @rule(
        slot=slots,
        values=st.lists(st.sampled_from([5.0, 18.0, 21.0, 30.0]), max_size=6) | st.just([18.0, 31.0]),
        once=st.lists(ahead, max_size=2),
        hourly=st.booleans(),
        priority=st.integers(-1, 1),
        reuse=st.booleans(),
    )
    def write(
        self, slot: int, values: list[float], once: list[float], hourly: bool, priority: int, reuse: bool
    ) -> None:
        """Settings are written: all of them, or none while the schedule is Ready or Running."""
        once = [self.box.moment.now + seconds for seconds in once]
        schedule, wanted = f"RmFSCH{slot}", self.wanted[slot]
        before = self.box.shown(f"SCH/{schedule}[SP]")
        if wanted.enabled:
            name = f"SCH/{schedule}.SchdPrio.setVal[SP]"
            assert self.box.write({name: Data("integer", priority)}) == (
                DataAccessError.TEMPORARILY_UNAVAILABLE,
            )
            assert self.box.shown(f"SCH/{schedule}[SP]") == before
            return
        calendar = CalendarTime(Occurrence.TIME, Period.HOUR) if hourly else NEVER
        self.box.disable(schedule)  # one that waits for a start time would take the first that is written
        self.box.plan(schedule, values, start=None, interval=INTERVAL, priority=priority, reuse=reuse)
        for number in (1, 2):
            self.box.start_time(schedule, number, once[number - 1] if number <= len(once) else None, NEVER)
        self.box.start_time(schedule, 3, None, calendar)
        self.wanted[slot] = Wanted(values, once, hourly, priority, reuse)

    @rule(
        slots=st.permutations(SLOTS),
        priority=st.integers(0, 1),
        starts=st.lists(ahead, min_size=3, max_size=3),
    )
    def begin_several(self, slots: list[int], priority: int, starts: list[float]) -> None:
        """What happens seldom by chance: several run at a time, some of one priority, some of one start."""
        for number, (slot, start) in enumerate(zip(slots, starts, strict=True)):
            self.disable(slot)
            values = [18.0 + slot, 21.0 + slot / 4, 5.0 + slot, 30.0]
            self.write(slot, values, [starts[0] if number else start], False, priority * number // 2, True)
            self.enable(slot)

    @rule(slot=slots)
    def enable(self, slot: int) -> None:
        wanted, now = self.wanted[slot], self.box.moment.now
        able = wanted.complete and (wanted.run(now) is not None or wanted.comes(now))
        effects = self.box.request(f"RmFSCH{slot}", "EnaReq")
        self._take([one for one in effects if isinstance(one, Drive)])
        (result,) = written([one for one in effects if isinstance(one, Send | Reply)])
        assert (result is None) == (able or wanted.enabled)
        if able:
            wanted.enabled, wanted.waits = True, False

    @rule(slot=slots)
    def disable(self, slot: int) -> None:
        self._take(self.box.disable(f"RmFSCH{slot}"))
        self.wanted[slot].enabled = self.wanted[slot].waits = False

    @precondition(lambda self: any(one.waits for one in self.wanted.values()))
    @rule(seconds=ahead)
    def give_a_start_time(self, seconds: float) -> None:
        """SchdReuse: one that waits is ready with the next start time that is still to come."""
        start = self.box.moment.now + seconds
        slot, wanted = next((slot, one) for slot, one in self.wanted.items() if one.waits)
        wanted.once = [start, *wanted.once[1:]]
        self._take(self.box.start_time(f"RmFSCH{slot}", 1, start, NEVER))
        now = self.box.moment.now
        if wanted.run(now) is not None or wanted.comes(now):
            wanted.enabled, wanted.waits = True, False
        self.pass_time(0)

    @rule(seconds=st.sampled_from([0, 1, 299, 600, 1800, 3601, 7200]))
    def pass_time(self, seconds: float) -> None:
        """Time goes by, with a tick whenever the server wants one."""
        until = self.box.moment.now + seconds
        while (due := self.box.server.schedules.next_tick()) is not None and due <= until:
            self._take(self.box.at(max(due, self.box.moment.now)))
            self._over()
        self._take(self.box.at(until))
        self._over()

    @rule(seconds=st.sampled_from([0, 599, 3600, 40_000]))
    def sleep(self, seconds: float) -> None:
        """The box hangs: one tick, late."""
        self._take(self.box.at(self.box.moment.now + seconds))
        self._over()

    @rule(seconds=st.sampled_from([0, 30, 1200, 90_000]))
    def restart(self, seconds: float) -> None:
        self.driven = None
        self._take(self.box.restart(seconds))
        self._over()

    @rule(seconds=st.sampled_from([1, 59]))
    def set_the_clock_back_a_little(self, seconds: float) -> None:
        """Nothing is driven otherwise; the clock is right again at once."""
        now = self.box.moment.now
        assert self.box.at(now - seconds) == []
        assert self.box.at(now) == []

    def _take(self, drives: list[Drive]) -> None:
        for drive in drives:
            assert str(drive.reference) == "HP/RmFSPT1.SptVal"
            assert drive != self.driven, "the same is not told twice"
            self.driven = drive

    def _over(self) -> None:
        """What has neither a run nor a start to come is over."""
        now = self.box.moment.now
        for wanted in self.wanted.values():
            if wanted.enabled and wanted.run(now) is None and not wanted.comes(now):
                wanted.enabled, wanted.waits = False, wanted.reuse

    # --- what must hold -----------------------------------------------------------------------------

    @invariant()
    def each_schedule_is_in_the_state_and_entry_of_its_starts(self) -> None:
        now = self.box.moment.now
        for slot, wanted in self.wanted.items():
            schedule = f"RmFSCH{slot}"
            start = wanted.run(now) if wanted.enabled else None
            if start is not None:
                expected = RUNNING
            else:
                expected = READY if wanted.enabled else WAITING if wanted.waits else NOT_READY
            assert self.box.state(schedule) is expected
            entry = 0 if start is None else int((now - start) // INTERVAL) + 1
            assert self.box.entry(schedule) == entry
            assert self.box.time(schedule, "ActStrTm") == start

    @invariant()
    def the_winner_is_the_one_of_the_rule_and_it_is_what_is_driven(self) -> None:
        now = self.box.moment.now
        running = {
            slot: (one.priority, start, -slot)
            for slot, one in self.wanted.items()
            if one.enabled and (start := one.run(now)) is not None
        }
        if not running:
            assert self.box.active("RmFSCC1") == ""
            assert self.driven is None or self.driven.value is None
            return
        winner = max(running, key=lambda slot: running[slot])
        assert self.box.active("RmFSCC1") == f"SCH/RmFSCH{winner}"
        wanted, start = self.wanted[winner], running[winner][1]
        value = wanted.values[int((now - start) // INTERVAL)]
        assert self.driven is not None
        assert (self.driven.value, self.driven.schedule) == (value, f"SCH/RmFSCH{winner}")
        assert self.box.shown("SCH/RmFSCC1.ValMV.mag.f[MX]") == value


Scheduler.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestScheduler = Scheduler.TestCase
