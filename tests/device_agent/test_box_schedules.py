"""A box carries schedules out, across restarts, without a network; what it did is in its log."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fake_box import EVU, PATIENCE, Box, prepared

from iec61850_model.client import ControlRefused
from iec61850_model.reference import Reference
from iec61850_model.values import AddCause, EntryTime, Timestamp

DAY = 86_400.0


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    return prepared(tmp_path, monkeypatch)


async def plan(box: Box, schedule: str, start: float, *values: bool) -> None:
    """Hours of values from ``start`` on."""
    settings: dict[str, object] = {
        f"ValSPG{number:03}.setVal": value for number, value in enumerate(values, 1)
    }
    settings |= {"NumEntr.setVal": len(values), "SchdIntv.setVal": 3600}
    settings |= {"StrTm1.setTm": Timestamp.from_unix(start)}
    references = [(Reference.parse(f"SCH/{schedule}.{name}[SP]"), value) for name, value in settings.items()]
    assert await box.client.set_data_values("box", references) == [None] * len(references)


def state(box: Box, schedule: str = "EvuFSCH1") -> tuple[object, object]:
    return box.shown(f"SCH/{schedule}.SchdSt")[0], box.shown(f"SCH/{schedule}.SchdEntr")[0]


async def test_a_schedule_switches_and_is_switched_off_again(box: Box) -> None:
    async with box.running():
        await plan(box, "EvuFSCH1", time.time() - 1800, True)
        await box.operate("SCH/EvuFSCH1.EnaReq", True)
        await box.until(lambda: box.a.pins["evu"] is True)
        await box.until(lambda: box.shown(EVU)[0] is True)
        assert state(box) == (4, 1)
        await box.operate("SCH/EvuFSCH1.DsaReq", True)
        await box.until(lambda: box.a.pins["evu"] is False)
        assert state(box) == (1, 0)


async def test_a_running_schedule_goes_on_after_a_restart_at_the_right_entry(box: Box) -> None:
    async with box.running():
        await plan(box, "EvuFSCH1", time.time() - 1.5 * 3600, False, True, False)
        await box.operate("SCH/EvuFSCH1.EnaReq", True)
        await box.until(lambda: box.a.pins["evu"] is True)
    assert box.a.pins["evu"] is False, "a box that ends leaves its outputs in their safe states"
    async with box.running():
        await box.until(lambda: box.a.pins["evu"] is True)
        assert state(box) == (4, 2)
        assert box.attribute("SCH/EvuFSCH1.EnaReq.origin.orIdent[ST]") == b"me"
        await box.operate("SCH/EvuFSCH1.DsaReq", True)
    async with box.running():
        assert state(box) == (1, 0)


async def test_what_the_schedules_did_is_in_the_log_of_the_box(box: Box) -> None:
    async with box.running():
        await plan(box, "EvuFSCH1", time.time() - 1800, True)
        await box.operate("SCH/EvuFSCH1.EnaReq", True)
        await box.operate("SCH/EvuFSCH1.DsaReq", True)
        expected = ["SchdSt", "ActSchdRef", "SchdSt", "ActSchdRef"]
        await asyncio.wait_for(logged(box, expected), PATIENCE)


async def logged(box: Box, expected: list[str]) -> None:
    """The log has, of the EVU block's schedules, just these data objects in this order."""
    found: list[str] = []
    while sorted(found) != sorted(expected):
        assert len(found) <= len(expected), found
        await asyncio.sleep(0.01)
        entries = box.client.logs.query_by_time(
            "box", Reference.parse("LD0/LLN0.GeneralLog"), EntryTime(0, 0), EntryTime.from_unix(4e9)
        )
        members = [member.reference async for entry in entries for member in entry.members]
        found = [one.path[0] for one in members if one.ld == "SCH" and one.path[0] in expected]


async def test_a_schedule_that_cannot_be_kept_is_refused_and_an_alarm(box: Box) -> None:
    async with box.running():
        await plan(box, "EvuFSCH1", time.time() + DAY, True)
        box.config.schedules_file.unlink()
        box.config.schedules_file.mkdir()
        with pytest.raises(ControlRefused) as refused:
            await box.operate("SCH/EvuFSCH1.EnaReq", True)
        assert refused.value.add_cause is AddCause.BLOCKED_BY_HEALTH
        assert state(box) == (1, 0)
        await box.until(lambda: box.shown("LD0/BoxCALH1.GrAlm")[0] is True)


async def test_the_calendar_is_that_of_the_houses_time_zone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = ZoneInfo("Pacific/Auckland")
    box = prepared(tmp_path, monkeypatch, time_zone=zone.key)
    async with box.running():
        await plan(box, "EvuFSCH1", 0, True)
        six = {"occType": 0, "occPer": 1, "hr": 6, "mn": 30}
        calendar = [
            (Reference.parse(f"SCH/EvuFSCH1.StrTm2.setCal.{name}[SP]"), at) for name, at in six.items()
        ]
        assert await box.client.set_data_values("box", calendar) == [None] * 4
        await box.operate("SCH/EvuFSCH1.EnaReq", True)
        following = box.shown("SCH/EvuFSCH1.NxtStrTm")[0]
        assert f"{following.datetime.astimezone(zone):%H:%M}" == "06:30"
