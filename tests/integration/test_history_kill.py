"""Everything between a box and its history is killed and cut at random: each interval is stored once.

What is random comes from a seed, which is printed. ``HISTORY_KILL_SEED`` repeats it, as far as moments can be
repeated; ``HISTORY_KILL_SECONDS`` makes it longer.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from history_backlog import fill
from history_world import FIVE_MINUTES, HistoryWorld, Sample, box_name, heat_pump, single
from raw_operator import configure, operator

from support.postgresql import PostgresqlServer, PostgresqlUnavailableError
from support.prosody import ProsodyInstall
from support.scene import Scene
from support.swallow import SwallowingProxy

SECONDS = float(os.environ.get("HISTORY_KILL_SECONDS", "25"))
"""How long things are broken."""
SEED = int(os.environ.get("HISTORY_KILL_SEED", random.SystemRandom().randrange(1 << 32)))
INTERVAL = 1
"""Seconds of an interval, so that there are many."""
MEAN_PAUSE = 1.8
"""Seconds between two faults; they may overlap."""
LONGEST = 5.0
"""Seconds that something is away."""
PATIENCE = 150.0
"""Seconds until all is stored that was kept; never the measure of anything."""
AT_AN_END = "killed at an interval's end"
BOXES = (1, 2)
TORN, WHOLE = BOXES
"""The box that is killed and whose line is cut, and the one to which nothing of its own happens."""
HEAT_PUMPS = [heat_pump(number) for number in BOXES]
BACKLOG = 1_000
HELD_UP = 5.0
"""Seconds by which samples of a busy machine may be late."""


@dataclass(frozen=True, slots=True)
class Fault:
    """``what`` is hit at ``at``, seconds from the beginning, and is back ``seconds`` later."""

    at: float
    what: str
    how: str
    seconds: float


def faults(seed: int, duration: float, hows: Sequence[tuple[str, str]]) -> Iterator[Fault]:
    """Each part is hit again only when it is back."""
    rng = random.Random(seed)
    back: dict[str, float] = {}
    at = 0.0
    while (at := at + rng.expovariate(1 / MEAN_PAUSE)) < duration:
        what, how = rng.choice(hows)
        seconds = rng.uniform(0, LONGEST)
        if back.get(what, 0.0) < at:
            back[what] = at + seconds
            yield Fault(round(at, 3), what, how, round(seconds, 3))


@dataclass
class Torn:
    """A world with all that can be torn in it."""

    world: HistoryWorld
    database: PostgresqlServer
    lines: dict[str, SwallowingProxy]

    async def start(self, *names: str) -> None:
        """Start parts of the hub and boxes."""
        for name in names:
            if name in ("router", "collector"):
                self.world.start_hub(name)
            elif name == "server":
                await asyncio.to_thread(self.world.scene.prosody.start)
            elif name == "database":
                await asyncio.to_thread(self.database.start)
            else:
                number = int(name.removeprefix("box"))
                own = self.lines["box line"].port if number == TORN else None
                self.world.start_box(number, own or self.world.scene.prosody.c2s_port)

    async def suffer(self, fault: Fault) -> None:
        """It happens."""
        await asyncio.sleep(fault.at)
        print(f"{fault.at:7.2f} s: {fault.what} {fault.how} for {fault.seconds:.1f} s")
        if fault.how == AT_AN_END:
            await asyncio.sleep(INTERVAL - time.time() % INTERVAL)
        if fault.how in ("killed", AT_AN_END):
            kills: dict[str, Callable[[], None]] = {
                "server": self.world.scene.prosody.kill,
                "database": self.database.kill,
            }
            kills.get(fault.what, lambda: self.world.kill(fault.what))()
            await asyncio.sleep(fault.seconds)
            await self.start(fault.what)
            return
        line = self.lines[fault.what]
        if fault.how != "reset":
            line.swallow()
            await asyncio.sleep(fault.seconds)
        if fault.how != "held up":
            line.reset()
        line.heal()


HOWS = [
    *((part, "killed") for part in (box_name(TORN), "server", "router", "collector", "database")),
    *((line, how) for line in ("box line", "collector line") for how in ("reset", "cut", "held up")),
]


@pytest.fixture
def database() -> Iterator[PostgresqlServer]:
    """Each test has its own: who starts one from a thread takes it along at the end of the thread."""
    try:
        with PostgresqlServer() as server:
            yield server
    except PostgresqlUnavailableError as error:
        if os.environ.get("CI", "").lower() not in ("", "0", "false"):
            pytest.fail(f"no PostgreSQL: {error}")
        pytest.skip(f"no PostgreSQL: {error}")


@asynccontextmanager
async def torn_world(
    directory: Path, install: ProsodyInstall, database: PostgresqlServer, interval: int
) -> AsyncIterator[Torn]:
    async with AsyncExitStack() as stack:
        scene = Scene(directory, install)
        stack.push_async_callback(asyncio.to_thread, scene.close)
        scene.start_server()
        lines = {}
        for name, port in (
            ("box line", scene.prosody.c2s_port),
            ("collector line", scene.prosody.component_port),
        ):
            lines[name] = SwallowingProxy(port)
            await lines[name].start()
            stack.push_async_callback(lines[name].stop)
        configure(
            scene,
            databases={"history": database.url},
            history={"interval": interval, "component_port": lines["collector line"].port},
        )
        await asyncio.to_thread(operator, scene, "init", "--dir", str(scene.directory / "hub"))
        yield Torn(HistoryWorld(scene, interval), database, lines)


async def test_whatever_is_killed_each_interval_is_stored_once(
    prosody_install: ProsodyInstall, database: PostgresqlServer, tmp_path: Path
) -> None:
    async with torn_world(tmp_path / "world", prosody_install, database, INTERVAL) as torn:
        world = torn.world
        await asyncio.to_thread(world.introduce, len(BOXES))
        await torn.start("router", "collector", *map(box_name, BOXES))
        await world.reached(int(time.time()), HEAT_PUMPS, PATIENCE)
        print(f"HISTORY_KILL_SEED={SEED}")
        async with asyncio.TaskGroup() as tasks:
            for fault in faults(SEED, SECONDS, HOWS):
                tasks.create_task(torn.suffer(fault))
        await world.reached(int(time.time()), HEAT_PUMPS, PATIENCE)
        await torn.suffer(Fault(0.0, box_name(TORN), AT_AN_END, 0.3))
        healed = int(time.time()) + INTERVAL
        await world.reached(healed, HEAT_PUMPS, PATIENCE)
        print(f"all was stored {time.time() - healed:.1f} s after the last fault")
        for number in BOXES:
            await asyncio.to_thread(world.scene.programs[box_name(number)].stop)
        stored = await world.stored()
        for number in BOXES:
            kept = world.kept(number)
            compare(kept, stored[heat_pump(number)], healed)
            for life in world.lives[number]:
                assert_nothing_left_out(kept, life)
            print(f"{sum(one.power is None for one in kept)} of {len(kept)} intervals kept as missing")
            assert_known(kept, world.since)
            status = await world.status(number)
            here = [sample.interval for sample in stored[heat_pump(number)]]
            assert (status["samples"], status["overflows"], status["misdated"]) == (len(here), 0, 0)
            assert status["gaps"] == len(set(range(here[0], here[-1], INTERVAL)) - set(here))
            print(f"{heat_pump(number)}: {len(here)} stored, {status['doubles']} doubles refused")


async def test_killed_while_the_backlog_of_an_outage_drains(
    prosody_install: ProsodyInstall, database: PostgresqlServer, tmp_path: Path
) -> None:
    """The box has been alone for days; as soon as it is there again, all that it needs is killed in turn."""
    async with torn_world(tmp_path / "world", prosody_install, database, FIVE_MINUTES) as torn:
        world = torn.world
        await asyncio.to_thread(world.introduce, 1)
        last = await asyncio.to_thread(fill, world.box_folder(TORN) / "buffer.db", BACKLOG)
        await torn.start("router", "collector", box_name(TORN))
        name = heat_pump(TORN)
        for share, (what, how) in enumerate(HOWS, 1):
            wanted = last - FIVE_MINUTES * (BACKLOG - BACKLOG * share // (len(HOWS) + 2))
            await world.reached(wanted, [name], PATIENCE)
            await torn.suffer(Fault(0.0, what, how, 0.3))
        await world.reached(last, [name], PATIENCE)
        await asyncio.to_thread(world.scene.programs[box_name(TORN)].stop)
        stored = (await world.stored())[name]
        kept = world.kept(TORN)
        assert len(kept) >= BACKLOG
        compare(kept, stored, last)
        status = await world.status(TORN)
        assert status["overflows"] == 0
        print(f"{len(stored)} stored, {status['doubles']} doubles refused")


def compare(kept: Sequence[Sample], stored: Sequence[Sample], until: int) -> None:
    """What the box has kept is stored, once and as it was; at the end something may be on its way."""
    assert len({sample.interval for sample in kept}) == len(kept), "the box kept an interval twice"
    assert kept == sorted(kept, key=lambda sample: sample.interval)
    intervals = [sample.interval for sample in stored]
    assert len(set(intervals)) == len(intervals), "an interval is stored twice"
    missing = {sample.interval for sample in kept if sample.interval <= until} - set(intervals)
    assert not missing, f"lost on the way: {sorted(missing)}"
    unknown = set(intervals) - {sample.interval for sample in kept}
    assert not unknown, f"the box has lost what it sent: {sorted(unknown)}"
    there = {sample.interval: sample for sample in kept}
    assert [there[sample.interval] for sample in stored] == list(stored)


def assert_nothing_left_out(kept: Sequence[Sample], life: Sequence[float]) -> None:
    """From its first interval to its death a box leaves none out: also what ended just before, and which it
    can say only of in its next life, as missing."""
    ended = int(life[1]) if len(life) > 1 else kept[-1].interval
    intervals = [sample.interval for sample in kept if life[0] < sample.interval <= ended]
    missing = set(range(intervals[0], ended + 1, INTERVAL)) - set(intervals) if intervals else ()
    assert not missing, f"the box itself has lost {sorted(missing)}"


def assert_known(kept: Sequence[Sample], since: float) -> None:
    """The values are those of their intervals: the mean of the ramp lies between its values at their ends."""
    for sample in kept:
        end = sample.interval - since
        if sample.power is not None:
            assert end - INTERVAL - HELD_UP <= sample.power <= single(end)
        if sample.energy is not None:
            assert end - HELD_UP <= sample.energy <= end
    powers = [sample.power for sample in kept if sample.power is not None]
    assert powers == sorted(set(powers))
    assert len(powers) > len(kept) / 2
