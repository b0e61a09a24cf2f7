"""Reports of a whole box: one moment each, from a buffer that outlives it, an alarm before the oldest go."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fake_box import ICD, MODE, POWER, VOLTAGE, Box, prepared
from fake_driver import MEASURED_AT
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from device_agent.buffer_file import WAL_OCTETS
from device_agent.config import ConfigError
from device_agent.entry_codec import encode
from device_agent.metrics import registry_of
from device_agent.stored_buffer import octets_of_row
from iec61850_model.client import ServiceErrorReceived
from iec61850_model.client.reports import Report
from iec61850_model.mms.pdu import Data
from iec61850_model.reference import Reference
from iec61850_model.server.buffer import Member
from iec61850_model.tree import Update
from iec61850_model.values import GOOD, Timestamp, Trigger

COLLECTOR = "history.hub.example.org"
COLLECTORS = Reference.parse("AVG/LLN0.brcbAvg01")
LIVE = Reference.parse("MET/LLN0.urcbMeas01")
AVERAGE = "AVG/MMXU1.TotW"


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    made = prepared(tmp_path, monkeypatch, buffer={"report_delay": 0})
    made.peer = COLLECTOR
    return made


async def enabled(box: Box, block: Reference = COLLECTORS, **settings: Any) -> None:
    await box.client.associate("box")
    await box.client.reports.enable("box", block, **settings)


async def collected(box: Box, count: int) -> list[Report]:
    """As many reports as are to come."""
    found: list[Report] = []

    def come() -> bool:
        found.extend(box.reports())
        return len(found) >= count

    await box.until(come)
    return found


def average(box: Box, watts: float) -> None:
    """What every five minutes does."""
    reference = Reference.parse(AVERAGE)
    box.agent.tree.update_all([Update(reference, watts, GOOD, Timestamp.from_unix(MEASURED_AT))])


def watts(reports: list[Report]) -> list[Any]:
    """The first member, the average power."""
    return [report.members[0].value.value for report in reports if isinstance(report.members[0].value, Data)]


# --- one moment ---------------------------------------------------------------------------------------


async def test_what_one_driver_measured_is_one_report(box: Box) -> None:
    async with box.running():
        box.peer = "agg7@hub.example.org/desk"
        await enabled(box, LIVE)
        await asyncio.sleep(0)
        box.reports()
        told: list[list[str]] = []
        box.agent.tree.watchers.append(lambda changes: told.append([str(one.attribute) for one in changes]))
        box.a.values |= {"power": 1777.0, "mode": 3}
        await box.until(lambda: box.shown(POWER)[0] == 1777.0)
        changed = next(one for one in told if f"{POWER}.mag.f[MX]" in one)
        assert f"{MODE}.stVal[ST]" in changed, "one moment for all that the driver said"
        (report,) = await collected(box, 1)
        assert len(report.members) == 1, "the other driver said nothing new"
        box.b.values["voltage"] = 231.5
        await box.until(lambda: box.shown(VOLTAGE)[0] == 231.5)
        (report,) = await collected(box, 1)


async def test_a_change_is_reported_without_a_pause(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody asks and no timer is due: the change itself wakes the server."""
    async with box.running():
        await enabled(box)
        box.reports()
        average(box, 1500.0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert watts(box.reports()) == [1500.0]


async def test_averages_are_made_of_what_is_measured_and_reported_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "second.icd"
    model.write_text(ICD.read_text().replace("<Val>300000</Val>", "<Val>1000</Val>"))
    box = prepared(tmp_path, monkeypatch, model=str(model), buffer={"report_delay": 0})
    box.peer = COLLECTOR
    async with box.running():
        await enabled(box)
        report = (await collected(box, 2))[1]
        assert len(report.members) == report.data_set_size == 41
        assert watts([report]) == [1500.0]
        end = report.members[-1].value
        assert isinstance(end, Data) and isinstance(end.value, Timestamp)
        assert end.value.unix % 1 == 0, "the end of the interval"


async def test_the_heat_pump_as_a_load_of_the_grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = prepared(tmp_path, monkeypatch, der={"rated_power": 3000})
    async with box.running():
        running = 6
        await box.until(lambda: box.shown("DER/DLOD1.DEROpSt")[0] == running)
        assert box.shown("DER/DLOD1.Beh")[:2] == (1, GOOD)
        assert box.shown("DER/DLOD1.VAPct")[0] == pytest.approx(50)


# --- the collector ------------------------------------------------------------------------------------


async def test_the_collectors_block_is_his_alone_and_waits_a_time_of_this_box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = prepared(tmp_path, monkeypatch)
    async with box.running():
        values = await box.client.reports.values("box", COLLECTORS)
        assert (values.buf_tm, values.resv_tms) == (box.config.report_delay_ms, -1)
        assert 0 < values.buf_tm <= 240_000
        with pytest.raises(ServiceErrorReceived):
            await enabled(box)
        box.peer = "history.hub.example.org/elsewhere"
        box.client.abort("box")
        await enabled(box)
        values = await box.client.reports.values("box", COLLECTORS)
        assert values.rpt_ena


async def test_nothing_is_lost_or_doubled_by_a_cut_and_a_restart(box: Box) -> None:
    async with box.running():
        await enabled(box)
        for number in range(3):
            average(box, number)
            await asyncio.sleep(0.01)
        before = await collected(box, 3)
        box.agent._serving.link_lost()
        box.client.abort("box")
        for number in range(3, 6):
            average(box, number)
            await asyncio.sleep(0.01)
        await enabled(box, entry_id=before[-1].entry_id)
        after = await collected(box, 3)
        assert watts(before + after) == [0, 1, 2, 3, 4, 5]
        average(box, 6.0)
        await asyncio.sleep(0.05)
        box.reports()
    async with box.running():
        box.client.abort("box")
        average(box, 7.0)
        await enabled(box, entry_id=after[-1].entry_id)
        again = await collected(box, 2)
        assert watts(again) == [6, 7], "kept over the restart"
        numbers = [int.from_bytes(one.entry_id or b"") for one in before + after + again]
        assert numbers == list(range(numbers[0], numbers[0] + 8))
        assert not any(one.buf_ovfl for one in before + after + again)


async def test_a_report_that_comes_back_ends_the_association_and_stays(box: Box) -> None:
    async with box.running():
        await enabled(box)
        average(box, 1.0)
        (bounced,) = await collected(box, 1)
        box.agent._serving.peer_gone(COLLECTOR)
        average(box, 2.0)
        await asyncio.sleep(0.05)
        assert box.reports() == []
        box.client.abort("box")
        await enabled(box)
        assert watts(await collected(box, 2)) == [1, 2]
        assert bounced.entry_id is not None


# --- the alarm ----------------------------------------------------------------------------------------


def with_room_for(box: Box, averages: int) -> None:
    """Room in each of the eight buffers for so many entries of `average`."""
    magnitude, quality = Data("floating-point", 1.0), Data("bit-string", "0" * 13)
    time = Data("utc-time", Timestamp.from_unix(MEASURED_AT))
    members = [Member(index, Trigger.DUPD, one) for index, one in enumerate((magnitude, quality, time))]
    octets = octets_of_row(len(encode(members)))
    box.buffers._file._max_octets = WAL_OCTETS + 8 * averages * octets


async def test_an_alarm_comes_before_the_oldest_go_and_ends_when_they_are_fetched(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_room_for(box, 100)
    async with box.running() as agent:
        await box.until(lambda: box.shown("LD0/BoxCALH1.GrAlm")[:2] == (False, GOOD))
        with capture_logs() as logs:
            while not agent._backlog.alarm:
                average(box, 1.0)
                await asyncio.sleep(0)
                agent._backlog.refresh()
        buffer = box.buffers.of(f"{COLLECTORS.ld}/LLN0$BR$brcbAvg01")
        assert buffer.lost == 0, "in time"
        assert 0.9 <= agent._backlog.waiting < 0.95
        assert [(one["event"], one["percent"]) for one in logs] == [
            ("reports wait for the collector: when there is no more room, the oldest go", 90)
        ]
        await box.until(lambda: box.shown("LD0/BoxCALH1.GrAlm")[0] is True)
        monkeypatch.setattr("iec61850_model.server.reports.buffered.REPLAY_INTERVAL", 0.0)
        with capture_logs() as logs:
            await enabled(box)
            await box.until(lambda: box.shown("LD0/BoxCALH1.GrAlm")[0] is False)
        assert [one["event"] for one in logs] == ["the reports that waited are sent"]


async def test_the_oldest_go_and_the_report_says_so(box: Box) -> None:
    with_room_for(box, 40)
    async with box.running():
        for number in range(60):
            average(box, number)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await enabled(box)
        reports = await collected(box, 30)
        assert [one.buf_ovfl for one in reports] == [True] + [False] * (len(reports) - 1)
        await box.until(lambda: watts(reports + box.reports())[-1] == 59)


async def test_blocks_that_may_have_no_reader_give_no_alarm(box: Box) -> None:
    async with box.running() as agent:
        for index in (1, 2):
            buffer = box.buffers.of(f"LD0/LLN0$BR$brcbStat0{index}")
            assert buffer.last is not None, "they keep what happens"
        assert len(agent._backlog._watched) == 1
        assert not agent._backlog.alarm


async def test_a_buffer_that_cannot_be_kept_is_an_alarm_and_the_box_goes_on(box: Box) -> None:
    box.config.buffer.file.mkdir()
    async with box.running():
        await box.until(lambda: box.shown("LD0/BoxCALH1.GrAlm")[0] is True)
        assert box.shown(POWER)[1] == GOOD
        box.config.buffer.file.rmdir()
        average(box, 1.0)
        await box.until(lambda: box.shown("LD0/BoxCALH1.GrAlm")[0] is False)


async def test_what_the_box_tells_prometheus_of_its_reports(box: Box) -> None:
    def told() -> list[str]:
        return generate_latest(registry_of(box.agent.snapshot)).decode().splitlines()

    with_room_for(box, 100)
    async with box.running() as agent:
        for number in range(10):
            average(box, number)
            await asyncio.sleep(0.01)
        agent._backlog.refresh()
        lines = told()
        (waiting,) = [line for line in lines if line.startswith("box_reports_waiting ")]
        assert float(waiting.split()[1]) == pytest.approx(0.1, abs=0.02)
        assert "box_reports_total 0.0" in lines
        assert "box_entries_lost_total 0.0" in lines
        await enabled(box)
        await collected(box, 10)
        assert "box_reports_total 10.0" in told()


# --- what is checked beforehand -------------------------------------------------------------------------


def test_checking_a_configuration_touches_no_buffer(box: Box) -> None:
    box.make()
    assert not box.config.buffer.file.exists()


def test_a_model_whose_blocks_cannot_be_served_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "other.icd"
    with_data_set = '<LogControl name="lcbStat" datSet="dsStat"'
    text = ICD.read_text()
    assert with_data_set in text
    model.write_text(text.replace(with_data_set, '<LogControl name="lcbStat"'))
    box = prepared(tmp_path, monkeypatch, model=str(model))
    with pytest.raises(ConfigError, match=r"model .*other\.icd: .*lcbStat is enabled and has no data set"):
        box.make()
