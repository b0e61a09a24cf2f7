"""Reports of a real box through a real Prosody and the hub: live ones, and buffered ones over every cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest

from service_provider import ServiceProvider
from service_provider.reports import HeatPumpReport
from support.ports import LOOPBACK
from support.prosody import ProsodyInstall
from support.scene import (
    HUB,
    MODEL,
    PROVIDER_JID,
    Program,
    Scene,
    box_jid,
    simulated,
    simulated_outputs,
    simulated_points,
)

NUMBER, HEAT_PUMP = 7, "hp0007"
POWER, EVU = "MET/MMXU1.TotW", "HP/EvuGGIO1.SPCSO1"
STATES, AVERAGES = "LD0/LLN0.brcbStat01", "AVG/LLN0.brcbOwn01"
ALL = bytes(8)
"""EntryID of no entry: everything that is buffered."""
PATIENCE = 60.0
"""Seconds until a test gives up waiting; a stream is set up again after at most that long."""


class World:
    """One box in a scene, whose averages are over a second."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.box: Program | None = None
        self.model = scene.directory / "second.icd"
        text = MODEL.read_text(encoding="utf-8")
        assert text.count("<Val>300000</Val>") == 1
        self.model.write_text(text.replace("<Val>300000</Val>", "<Val>1000</Val>"), encoding="utf-8")

    def start_box(self) -> Program:
        more = {"model": str(self.model), "sample_every": 0.2}
        points, outputs = simulated_points(), simulated_outputs()
        self.box = self.scene.start_box(NUMBER, simulated(speed=20.0), points, outputs, more=more)
        self.wait_online()
        return self.box

    def wait_online(self) -> None:
        def online() -> bool:
            return self.scene.presence_of(HEAT_PUMP) == "online"

        self.scene.wait_for("the box", online, self.box, timeout=PATIENCE)

    @asynccontextmanager
    async def provider(self) -> AsyncIterator[ServiceProvider]:
        async with ServiceProvider(
            f"{PROVIDER_JID}/test",
            self.scene.passwords[PROVIDER_JID],
            hub=HUB,
            host=LOOPBACK,
            port=self.scene.prosody.c2s_port,
            ca_file=self.scene.prosody.ca_file,
        ) as provider:
            yield provider


@pytest.fixture(scope="module")
def world(prosody_install: ProsodyInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    scene = Scene(tmp_path_factory.mktemp("reports"), prosody_install)
    try:
        scene.start_server()
        scene.hphub("heatpump", "add", HEAT_PUMP, "--box", box_jid(NUMBER))
        scene.hphub("provider", "add", "agg", "--jid", PROVIDER_JID)
        rights = [part for right in ("read", "control", "settings") for part in ("--right", right)]
        scene.hphub("grant", "add", "agg", HEAT_PUMP, *rights)
        scene.start_hub()
        made = World(scene)
        made.start_box()
        yield made
    finally:
        scene.close()


async def next_of(reports: AsyncGenerator[HeatPumpReport, None]) -> HeatPumpReport:
    async with asyncio.timeout(PATIENCE):
        return await anext(reports)


async def take(reports: AsyncGenerator[HeatPumpReport, None], count: int) -> list[HeatPumpReport]:
    return [await next_of(reports) for _ in range(count)]


def entry(report: HeatPumpReport) -> int:
    assert report.entry_id is not None
    return int.from_bytes(report.entry_id)


def end_of_interval(report: HeatPumpReport) -> datetime:
    """The time that all averages of a report have."""
    (time,) = {
        reading.time for reading in report.readings if reading.reference.without_fc == "AVG/MMXU1.TotW.mag.f"
    }
    assert time is not None
    return time


def assert_each_second_once(reports: list[HeatPumpReport]) -> None:
    ends = [end_of_interval(report).timestamp() for report in reports]
    assert ends == [ends[0] + second for second in range(len(ends))]
    numbers = [entry(report) for report in reports]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert not any(report.buf_ovfl for report in reports)


def test_a_provider_sees_what_is_measured_as_it_changes(world: World) -> None:
    async def watch() -> list[HeatPumpReport]:
        async with (
            world.provider() as provider,
            aclosing(provider.reports(HEAT_PUMP, dataset="MET/LLN0.dsMeas")) as reports,
        ):
            return await take(reports, 5)

    reports = asyncio.run(watch())
    assert [one.seq_num for one in reports] == [0, 1, 2, 3, 4]
    # A change may come before everything, for that is asked for after the block was enabled.
    everything = next(one for one in reports if "gi" in one.entries[0].why)
    assert len(everything.entries) > 10
    assert everything.entry_id is None, "a URCB"
    power = next(one for one in everything.entries if one.reading.reference.without_fc == POWER)
    assert power.reading.unit == "W"
    changes = [one for one in reports if one is not everything]
    assert all(one.entries and "chg" in one.entries[0].why for one in changes)


def test_a_cut_and_a_resync_by_entry_id_lose_and_double_nothing(world: World) -> None:
    async def keep_averages() -> list[HeatPumpReport]:
        async with world.provider() as provider:
            await provider.set_report_block(HEAT_PUMP, AVERAGES, dat_set="AVG/LLN0$dsAvg")
            async with aclosing(provider.reports(HEAT_PUMP, AVERAGES, after=ALL, keep=True)) as reports:
                return await take(reports, 3)

    async def go_on(last: bytes) -> list[HeatPumpReport]:
        async with (
            world.provider() as provider,
            aclosing(provider.reports(HEAT_PUMP, AVERAGES, after=last, keep=True)) as reports,
        ):
            found = await take(reports, 3)
            world.scene.prosody.kill()
            await asyncio.sleep(3)
            # Not in a thread of the loop's: the server would end with it.
            world.scene.prosody.start()
            while end_of_interval(found[-1]).timestamp() < end_of_interval(found[2]).timestamp() + 15:
                found.append(await next_of(reports))
            return found

    averages = [one for one in asyncio.run(keep_averages()) if len(one.entries) > 1]
    last = averages[-1].entry_id
    assert last is not None
    after = asyncio.run(go_on(last))
    world.wait_online()
    assert_each_second_once([*averages, *after])


def test_what_happened_is_told_although_the_box_was_killed_and_once_only(world: World) -> None:
    async def operate(provider: ServiceProvider, *values: bool) -> None:
        for value in values:
            await provider.operate(HEAT_PUMP, EVU, value)

    async def first() -> list[HeatPumpReport]:
        async with (
            world.provider() as provider,
            aclosing(provider.reports(HEAT_PUMP, STATES, after=ALL, keep=True)) as reports,
        ):
            await operate(provider, True, False)
            found = [await next_of(reports)]
            while evu(found)[-2:] != [True, False]:
                found.append(await next_of(reports))
            return found

    async def meanwhile() -> None:
        async with world.provider() as provider:
            await operate(provider, True, False, True)

    async def later(after: bytes, switched: int) -> list[HeatPumpReport]:
        async with (
            world.provider() as provider,
            aclosing(provider.reports(HEAT_PUMP, STATES, after=after, keep=True)) as reports,
        ):
            await operate(provider, True, False)
            found = [await next_of(reports)]
            while len(evu(found)) < switched:
                found.append(await next_of(reports))
            return found

    before = asyncio.run(first())
    last = before[-1].entry_id
    assert last is not None and world.box is not None
    asyncio.run(meanwhile())
    world.box.kill()
    world.start_box()
    after = asyncio.run(later(last, switched=5))
    assert evu(after) == [True, False, True, True, False], "the safe state of the start is between the last"
    numbers = [entry(one) for one in before + after]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "each once, in order"
    everything = asyncio.run(later(ALL, switched=9))
    assert [entry(one) for one in everything][: len(numbers)] == numbers, "all there is, if that is asked"
    assert not any(one.buf_ovfl for one in before + after + everything)


def evu(reports: list[HeatPumpReport]) -> list[object]:
    """What is said of the EVU relay, in order."""
    return [
        one.reading.value
        for report in reports
        for one in report.entries
        if one.reading.reference.without_fc == EVU and "dchg" in one.why
    ]


def test_the_buffer_is_the_boxs_alone(world: World) -> None:
    folder = Path(world.scene.directory) / f"box{NUMBER:04d}"
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.glob("buffer.db*")} == {
        "buffer.db": 0o600,
        "buffer.db-wal": 0o600,
    }
    assert world.box is not None
    assert world.box.stop() == 0
    assert (folder / "buffer.db").exists() and not (folder / "buffer.db-wal").exists()
    assert "Traceback" not in world.box.log
