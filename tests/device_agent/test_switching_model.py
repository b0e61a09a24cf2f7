"""Whatever commands, schedules, switches, cuts, limits and restarts come in whatever order: no pin breaks its
limits, and what the model says is what the pin does.

The pins are judged from outside, by a judge that knows only their movements and the time. They outlive the
process, as those of a relay board do.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fake_driver import FakeDriver, Monotonic
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from pytest import MonkeyPatch

from device_agent import guarded_relay, limits_file
from device_agent.authority import Holder, LostHub
from device_agent.clock import Clock
from device_agent.limits_file import LimitsFile
from device_agent.output_config import Output
from device_agent.outputs import ledgers, make_processes
from device_agent.switching import Switching
from iec61850_model.reference import Reference
from iec61850_model.scl import read_scl
from iec61850_model.server import Moment
from iec61850_model.server.effects import Drive
from iec61850_model.types import Value
from iec61850_model.values import GOOD

TREE = read_scl((Path(__file__).parents[2] / "config" / "heatpump-box.icd").read_bytes())
EVU, SG_READY = Reference.parse("HP/EvuGGIO1.SPCSO1"), Reference.parse("HP/SgrGGIO1.ISCSO1")
STATES = {(True, False): 1, (False, False): 2, (False, True): 3, (True, True): 4}
MAX_ON, MIN_ON, MIN_OFF, PER_HOUR, PER_DAY = 7200, 300, 400, 2, 4
HOLD, BLOCK_PAUSE, BLOCKS, SG_PER_HOUR = 600, 1800, 2, 2
OUTPUTS: dict[str, Any] = {
    str(EVU): {
        "relay": "board.evu",
        "max_on": MAX_ON,
        "min_on": MIN_ON,
        "min_off": MIN_OFF,
        "starts_per_hour": PER_HOUR,
        "starts_per_day": PER_DAY,
    },
    str(SG_READY): {
        "sg_ready": ["board.one", "board.two"],
        "max_on": MAX_ON,
        "hold": HOLD,
        "block_pause": BLOCK_PAUSE,
        "blocks_per_day": BLOCKS,
        "starts_per_hour": SG_PER_HOUR,
    },
}
FAIL_SAFE = 3600.0
HOUR, DAY = 3600.0, 86_400.0
STEP = 900.0
"""Seconds between two looks of the world while nothing happens; what is due in between is met in time."""


class FakeClock(Clock):
    """The time of the world: UTC goes on through reboots, the monotonic clock begins anew."""

    def __init__(self, world: World) -> None:
        self._world = world

    def moment(self) -> Moment:
        return Moment(self._world.utc)


@dataclass
class Judge:
    """The movements of one output, as its pins made them, and the rules it is judged by."""

    safe: int
    least: float
    moves: list[tuple[float, int]] = field(default_factory=list)

    def moved(self, now: float, value: int, forced: bool) -> None:
        """The pin has ``value`` now; ``forced``: what protects brought it there."""
        if not self.moves:
            assert value == self.safe
            self.moves.append((now, value))
            return
        since, before = self.moves[-1]
        if value == before:
            return
        first = len(self.moves) == 1
        if not (forced and value == self.safe) and not first:
            self.held(before, now - since)
        self.moves.append((now, value))
        if before == self.safe:
            self.departed(now)
        self.entered(now, value)

    def held(self, value: int, seconds: float) -> None:
        if value != self.safe:
            assert seconds >= self.least, f"{value} was held for {seconds} s only"

    def departures(self, now: float, window: float) -> int:
        pairs = zip(self.moves, self.moves[1:], strict=False)
        return sum(one[1] == self.safe and now - two[0] < window for one, two in pairs)

    def departed(self, now: float) -> None:
        raise NotImplementedError

    def entered(self, now: float, value: int) -> None:
        """Nothing more is asked of most outputs."""

    def away_for(self, now: float) -> float:
        away = 0.0
        for at, value in reversed(self.moves):
            if value == self.safe:
                break
            away = now - at
        return away


class RelayJudge(Judge):
    def departed(self, now: float) -> None:
        returned = self.moves[-2][0]
        assert len(self.moves) == 2 or now - returned >= MIN_OFF
        assert self.departures(now, HOUR) <= PER_HOUR
        assert self.departures(now, DAY) <= PER_DAY


class SgReadyJudge(Judge):
    def held(self, value: int, seconds: float) -> None:
        assert seconds >= HOLD, f"state {value} was held for {seconds} s only"

    def departed(self, now: float) -> None:
        assert self.departures(now, HOUR) <= SG_PER_HOUR

    def entered(self, now: float, value: int) -> None:
        if value == 1:
            blocks = [at for at, state in self.moves if state == 1]
            assert len([at for at in blocks if now - at < DAY]) <= BLOCKS
            if len(blocks) > 1:
                index = self.moves.index((blocks[-2], 1))
                assert now - self.moves[index + 1][0] >= BLOCK_PAUSE


class World:
    """Pins and the box beside them."""

    def __init__(
        self, folder: Path, monkeypatch: MonkeyPatch, lost_hub: LostHub, backup: dict[Reference, Value]
    ) -> None:
        self.backup = backup
        self.hub_there = True
        self.utc = 1_800_000_000.0
        self.boots = 0
        self.clock = Monotonic()
        self.lost_hub = lost_hub
        self.board = FakeDriver(outputs=["evu", "one", "two"])
        self.path = folder / "limits.json"
        self.judges: dict[Reference, Judge] = {EVU: RelayJudge(0, MIN_ON), SG_READY: SgReadyJudge(2, HOLD)}
        monkeypatch.setattr(guarded_relay, "time", self.clock)
        monkeypatch.setattr(limits_file, "time", self)
        monkeypatch.setattr(limits_file, "boot_id", lambda: f"boot {self.boots}")

    def time(self) -> float:
        """Stands in for the module ``time`` where UTC is asked for."""
        return self.utc

    def pin(self, reference: Reference) -> int:
        if reference == EVU:
            return int(bool(self.board.pins["evu"]))
        return STATES[bool(self.board.pins["one"]), bool(self.board.pins["two"])]

    async def start(self) -> None:
        file = LimitsFile(self.path)
        adapter: TypeAdapter[Output] = TypeAdapter(Output)
        outputs = {name: adapter.validate_python(one) for name, one in OUTPUTS.items()}
        processes = make_processes(TREE, outputs, {"board": self.board}, file)
        lost_hub = dict.fromkeys(processes, self.lost_hub)
        self.switching = Switching(
            TREE, processes, FakeClock(self), lost_hub, FAIL_SAFE, blocks_backup=self.backup
        )
        self.switching.hub(self.hub_there)
        file.restore(ledgers(processes), self.clock.now, self.utc)
        await self.switching.start()
        self.judge(forced=True)
        await self.look()

    async def look(self, forced: bool = False) -> None:
        for process in self.switching.processes.values():
            await self.switching.look_after(process)
        self.judge(forced)
        self.compare()

    def judge(self, forced: bool) -> None:
        for reference, judge in self.judges.items():
            wanted = self.switching.authorities[reference].wanted(self.clock.now)
            due = judge.away_for(self.utc) >= MAX_ON
            protects = wanted.holder is Holder.LOCAL or (not self.hub_there and reference in self.backup)
            judge.moved(self.utc, self.pin(reference), forced or due or protects)
            assert judge.away_for(self.utc) < MAX_ON

    def compare(self) -> None:
        """The model says what the pin does; the pin does what its holder wants, or a limit is named."""
        for reference, process in self.switching.processes.items():
            value, quality, _ = TREE.read(reference)
            assert (int(value), quality) == (self.pin(reference), GOOD)  # type: ignore[call-overload]
            wanted = self.switching.authorities[reference].wanted(self.clock.now)
            assert wanted.value is not None
            if not self.hub_there and reference in self.backup:
                assert self.pin(reference) != self.backup[reference], "the house has no backup heat"
            if wanted.holder is Holder.LOCAL:
                assert self.pin(reference) == process.rest
            says = TREE.read(reference.__class__(reference.ld, reference.ln, ("Hld1",)))[0]
            assert str(says).startswith(wanted.holder.value)
            if self.pin(reference) != int(wanted.value):
                assert process.refusal(wanted.value) is not None
                assert "waits: " in str(says)

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.utc += seconds

    async def wait(self, seconds: float) -> None:
        end = self.clock.now + seconds
        while self.clock.now < end:
            ends = [process.ends() for process in self.switching.processes.values()]
            due = [at for at in ends if at is not None and at > self.clock.now]
            await self.pass_to(min([end, self.clock.now + STEP, *due]))

    async def pass_to(self, now: float) -> None:
        self.pass_time(now - self.clock.now)
        await self.look()

    async def command(self, reference: Reference, value: int) -> None:
        before = self.pin(reference)
        typed = bool(value) if reference == EVU else value
        cause = await self.switching.command(reference, typed)
        if cause is None:  # as the server does
            TREE.update(reference, typed, GOOD, Moment(self.utc).timestamp)
        self.switching.commanded(reference, typed, cause)
        assert self.pin(reference) == (value if cause is None else before)
        self.judge(forced=False)

    def drive(self, reference: Reference, value: int | None, seconds: float) -> None:
        typed = bool(value) if reference == EVU and value is not None else value
        until = None if value is None else self.utc + seconds
        self.switching.drive(Drive(reference, typed, "" if value is None else "SCH/EvuFSCH1", until))

    async def crash(self, seconds: float) -> None:
        """kill -9: the pins keep their level until the next process starts."""
        self.pass_time(seconds)
        await self.start()

    async def reboot(self, seconds: float) -> None:
        """The machine goes down without a word; its monotonic clock begins anew."""
        self.utc += seconds
        self.boots += 1
        self.clock.now = 5.0
        await self.start()

    async def stop(self) -> None:
        await self.switching.stop()
        self.judge(forced=True)
        await self.start()


SECONDS = st.one_of(st.floats(1, 400), st.floats(400, 4000), st.floats(4000, 40_000)).map(round)
SHORT = st.integers(0, 20)
EVENT = st.one_of(
    st.tuples(st.just("command"), st.just(EVU), st.integers(0, 1)),
    st.tuples(st.just("command"), st.just(SG_READY), st.integers(1, 4)),
    st.tuples(st.just("drive"), st.just(EVU), st.sampled_from([0, 1, 1, None]), SECONDS),
    st.tuples(st.just("drive"), st.just(SG_READY), st.sampled_from([1, 2, 3, 4, None]), SECONDS),
    st.tuples(st.just("limit"), st.booleans()),
    st.tuples(st.just("local"), st.booleans()),
    st.tuples(st.just("hub"), st.booleans()),
    st.tuples(st.just("wait"), SECONDS),
    st.tuples(st.just("wait"), SECONDS),
    st.tuples(st.just("crash"), SHORT),
    st.tuples(st.just("reboot"), SHORT),
    st.tuples(st.just("stop")),
)
VISIT = st.one_of(
    st.tuples(st.just(EVU), st.sampled_from([(1, 0)])),
    st.tuples(st.just(SG_READY), st.sampled_from([(1, 2), (3, 2), (4, 2), (1, 3), (3, 4), (4, 1)])),
)
"""Two values that an output is commanded to have one after the other."""
EVENTS = st.lists(st.one_of(EVENT, st.tuples(st.just("visit"), VISIT, st.integers(250, 700))), max_size=40)
REPEATED = st.tuples(EVENTS, st.integers(1, 4)).map(lambda given: (given[0] * given[1])[:60])
"""The same again and again: so what is counted over hours and days comes to its end."""


async def play(world: World, events: list[Any]) -> None:
    await world.start()
    for event in events:
        match event:
            case ("command", reference, value):
                await world.command(reference, value)
            case ("visit", (reference, values), seconds):
                for value in values:
                    await world.command(reference, value)
                    await world.wait(seconds)
            case ("drive", reference, value, seconds):
                world.drive(reference, value, seconds)
            case ("limit", on):
                world.switching.limit(EVU, True if on else None)
            case ("local", on):
                world.switching.local(on)
            case ("hub", there):
                world.hub_there = there
                world.switching.hub(there)
            case ("wait", seconds):
                await world.wait(seconds)
            case ("crash", seconds):
                await world.crash(seconds)
            case ("reboot", seconds):
                await world.reboot(seconds)
            case ("stop",):
                await world.stop()
        await world.look()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    events=REPEATED,
    lost_hub=st.sampled_from(LostHub),
    backup=st.sampled_from([{}, {EVU: True}, {EVU: True, SG_READY: 1}]),
)
def test_no_pin_breaks_its_limits_nor_blocks_backup_heat_and_the_model_says_what_it_does(
    events: list[Any], lost_hub: LostHub, backup: dict[Reference, Value]
) -> None:
    memory = Path("/dev/shm")
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder,
        MonkeyPatch.context() as monkeypatch,
    ):
        asyncio.run(play(World(Path(folder), monkeypatch, lost_hub, backup), events))
