"""The box put together: schedules, local switch, lost hub and a limit of power, as a client sees them."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from fake_box import EVU, MODE, OUTPUTS, POWER, ROOM, SG_READY, VOLTAGE, Box, prepared
from fake_driver import Monotonic

from device_agent import guarded_relay
from device_agent.drivers import OutputError
from device_agent.power_limit import OVER_FOR_S, STOPS_WITHIN_S
from device_agent.relays import RETRY_S
from iec61850_model.client import ControlRefused
from iec61850_model.reference import Reference
from iec61850_model.server.effects import Drive
from iec61850_model.values import GOOD, NOT_CONNECTED, AddCause, OrCat

HOLDER, SCHEDULE = "HP/EvuGGIO1.Hld1", "SCH/EvuFSCH1"
LIMIT, LIMIT_STATE, LIMIT_HOLDER = "DER/DWMX1.WMaxSpt", "DER/DWMX1.LimSt", "DER/DWMX1.Hld1"
LOCAL, KEY = "HP/LLN0.Loc", "HP/LLN0.LocKey"
DER: dict[str, Any] = {"rated_power": 3200}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Monotonic:
    moved = Monotonic()
    monkeypatch.setattr(guarded_relay, "time", moved)
    return moved


def drive(box: Box, reference: str, value: Any, seconds: float = 900) -> None:
    """What a running schedule asks for; it comes as an effect of the server."""
    until = None if value is None else time.time() + seconds
    schedule = "" if value is None else SCHEDULE
    box.agent._serving._perform([Drive(Reference.parse(reference), value, schedule, until)])


async def refused(box: Box, reference: str, value: Any) -> AddCause | None:
    with pytest.raises(ControlRefused) as caught:
        await box.operate(reference, value, number=99)
    return caught.value.add_cause


# --- schedules ----------------------------------------------------------------------------------------


async def test_a_schedule_switches_and_shows_that_it_does(tmp_path: Path, monkeypatch: Any) -> None:
    box = prepared(tmp_path, monkeypatch)
    async with box.running():
        await box.until(lambda: box.shown(HOLDER)[:2] == ("nobody", GOOD))
        drive(box, EVU, True)
        await box.until(lambda: box.shown(EVU)[:2] == (True, GOOD))
        assert box.a.pins["evu"] is True
        assert box.shown(HOLDER)[0].startswith(f"schedule {SCHEDULE} until 20")
        assert box.attribute(f"{EVU}.origin.orCat[ST]") == OrCat.AUTOMATIC_BAY
        assert box.attribute(f"{EVU}.origin.orIdent[ST]") == SCHEDULE.encode()
        await box.operate(EVU, False)
        assert box.a.pins["evu"] is False
        await box.until(lambda: box.shown(HOLDER)[0].startswith("command until 20"))
        drive(box, EVU, True, seconds=1800)
        await box.until(lambda: box.a.pins["evu"] is True)
        drive(box, EVU, None)
        await box.until(lambda: box.a.pins["evu"] is False)
        await box.until(lambda: box.shown(HOLDER)[0] == "nobody")


async def test_a_schedule_drives_set_points_and_states_too(tmp_path: Path, monkeypatch: Any) -> None:
    outputs = OUTPUTS | {ROOM: {"set_point": "b.room", "initial": 20.5}}
    box = prepared(tmp_path, monkeypatch, outputs=outputs)
    async with box.running():
        assert box.b.pins["room"] == 20.5
        drive(box, ROOM, 22.0)
        drive(box, SG_READY, 4)
        await box.until(lambda: box.b.pins["room"] == 22.0 and box.shown(SG_READY)[0] == 4)
        drive(box, ROOM, None)
        await box.until(lambda: box.b.pins["room"] == 20.5)


async def test_what_a_limit_forbids_a_schedule_is_done_when_it_is_over(
    tmp_path: Path, monkeypatch: Any, clock: Monotonic
) -> None:
    evu = OUTPUTS[EVU] | {"min_off": 100}
    box = prepared(tmp_path, monkeypatch, outputs=OUTPUTS | {EVU: evu})
    async with box.running():
        await box.operate(EVU, True)
        await box.operate(EVU, False, number=2)
        drive(box, EVU, True)
        await box.until(lambda: "; waits: it must pause until 20" in box.shown(HOLDER)[0])
        assert box.a.pins["evu"] is False
        assert await refused(box, EVU, True) is AddCause.BLOCKED_BY_INTERLOCKING
        clock.now += 99
        clock.now += 1
        await box.until(lambda: box.a.pins["evu"] is True)
        await box.until(lambda: "waits" not in box.shown(HOLDER)[0])


async def test_a_command_that_failed_is_not_tried_again_and_a_schedule_is(
    tmp_path: Path, monkeypatch: Any, clock: Monotonic
) -> None:
    box = prepared(tmp_path, monkeypatch)
    async with box.running():
        await box.operate(EVU, True)
        box.a.broken["evu"] = OutputError("bus down")
        assert await refused(box, EVU, False) is AddCause.BLOCKED_BY_PROCESS
        await box.until(lambda: box.shown(EVU)[1] == NOT_CONNECTED)
        box.a.broken.clear()
        clock.now += RETRY_S
        await box.until(lambda: box.shown(EVU)[:2] == (False, GOOD))
        await box.until(lambda: box.shown(HOLDER)[0] == "nobody")
        box.a.failing_once.add("evu")
        drive(box, EVU, True)
        await box.until(lambda: "evu" not in box.a.failing_once)
        clock.now += 2 * RETRY_S
        await box.until(lambda: box.shown(EVU)[:2] == (True, GOOD))


# --- the local switch ---------------------------------------------------------------------------------


async def test_the_local_switch_takes_over_and_gives_back(tmp_path: Path, monkeypatch: Any) -> None:
    points = {POWER: "a.power", MODE: "a.mode", VOLTAGE: "b.voltage", KEY: "a.key"}
    box = prepared(tmp_path, monkeypatch, points=points)
    box.a.values["key"] = False
    async with box.running():
        await box.until(lambda: box.shown(LOCAL)[:2] == (False, GOOD))
        await box.until(lambda: box.shown(HOLDER)[0] == "nobody")
        await box.operate(EVU, True)
        box.a.values["key"] = True
        await box.until(lambda: box.shown(LOCAL)[0] is True)
        await box.until(lambda: box.a.pins["evu"] is False)
        assert await refused(box, EVU, True) is AddCause.BLOCKED_BY_SWITCHING_HIERARCHY
        await box.until(lambda: box.shown(HOLDER)[0] == "local switch")
        box.a.values["key"] = None
        await box.until(lambda: box.shown(KEY)[1] == NOT_CONNECTED)
        assert box.shown(LOCAL)[:2] == (True, GOOD), "its last word holds"
        box.a.values["key"] = False
        await box.until(lambda: box.shown(LOCAL)[0] is False)
        await box.until(lambda: box.shown(HOLDER)[0] == "nobody")
        await box.operate(EVU, True, number=3)


async def test_a_local_switch_that_was_never_read_counts_as_turned(tmp_path: Path, monkeypatch: Any) -> None:
    points = {POWER: "a.power", MODE: "a.mode", VOLTAGE: "b.voltage", KEY: "a.key"}
    box = prepared(tmp_path, monkeypatch, points=points)
    box.a.values["key"] = None
    async with box.running():
        await box.until(lambda: box.shown(LOCAL)[:2] == (True, GOOD))
        assert await refused(box, EVU, True) is AddCause.BLOCKED_BY_SWITCHING_HIERARCHY


async def test_without_a_local_switch_the_box_is_remote(tmp_path: Path, monkeypatch: Any) -> None:
    box = prepared(tmp_path, monkeypatch)
    async with box.running():
        await box.until(lambda: box.shown(LOCAL)[:2] == (False, GOOD))
        assert box.shown(KEY)[1] == NOT_CONNECTED


# --- a lost hub ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["safe", "hold"])
async def test_a_lost_hub_ends_or_holds_commands_as_configured_and_then_releases_them(
    tmp_path: Path, monkeypatch: Any, clock: Monotonic, rule: str
) -> None:
    evu = OUTPUTS[EVU] | {"lost_hub": rule, "max_on": 9000}
    box = prepared(
        tmp_path, monkeypatch, outputs=OUTPUTS | {EVU: evu}, lost_hub={"timeout": 120, "fail_safe": 1000}
    )
    async with box.running():
        link: Any = box.agent._link
        await box.operate(EVU, True)
        drive(box, SG_READY, 3, seconds=9000)
        await box.until(lambda: box.shown(SG_READY)[0] == 3)
        clock.now += 50
        await box.until(lambda: link.asked > 0)
        link.hub_answers = False
        clock.now += 121
        await box.until(lambda: box.shown(HOLDER)[0].startswith("fail-safe until 20"))
        await box.until(lambda: box.a.pins["evu"] is (rule == "hold"))
        await box.until(lambda: box.shown("LD0/BoxCALH1.GrWrn")[0] is True)
        assert box.shown(SG_READY)[0] == 3, "schedules go on"
        clock.now += 1000
        await box.until(lambda: box.shown(HOLDER)[0] == "nobody")
        await box.until(lambda: box.a.pins["evu"] is False)
        link.on_heartbeat()
        await box.until(lambda: box.shown("LD0/BoxCALH1.GrWrn")[0] is False)
        await box.operate(EVU, True, number=5)


async def test_a_hub_that_answers_is_not_lost(tmp_path: Path, monkeypatch: Any, clock: Monotonic) -> None:
    box = prepared(tmp_path, monkeypatch)
    async with box.running():
        link: Any = box.agent._link
        await box.operate(EVU, True)
        for _ in range(4):
            asked = link.asked
            clock.now += 60
            await box.until(lambda asked=asked: link.asked > asked)
        assert box.a.pins["evu"] is True


# --- a limit of power ---------------------------------------------------------------------------------


async def test_a_limit_of_power_is_obeyed_with_a_block_and_what_it_says(
    tmp_path: Path, monkeypatch: Any, clock: Monotonic
) -> None:
    box = prepared(tmp_path, monkeypatch, der=DER)
    async with box.running():
        await box.until(lambda: box.shown(LIMIT_STATE)[:2] == ("no limit", GOOD))
        assert box.shown(LIMIT)[:2] == (3200.0, GOOD)
        await box.operate(LIMIT, 1000.0)
        await box.until(lambda: box.shown(LIMIT_HOLDER)[0].startswith("command"))
        await box.until(lambda: box.shown(LIMIT_STATE)[0] == "met")
        clock.now += OVER_FOR_S
        await box.until(lambda: box.a.pins["evu"] is True)
        await box.until(lambda: box.shown(HOLDER)[0] == "power limit")
        assert await refused(box, EVU, False) is AddCause.BLOCKED_BY_COMMAND
        box.a.values["power"] = 8.0
        await box.until(lambda: box.shown(LIMIT_STATE)[0] == f"met, by {EVU}")
        await box.operate(LIMIT, 3200.0, number=2)
        await box.until(lambda: box.a.pins["evu"] is False)
        await box.until(lambda: box.shown(LIMIT_STATE)[0] == "no limit")


async def test_a_limit_that_cannot_be_met_is_a_warning_with_its_reason(
    tmp_path: Path, monkeypatch: Any, clock: Monotonic
) -> None:
    evu = OUTPUTS[EVU] | {"max_on": 100, "min_off": 3000}
    box = prepared(tmp_path, monkeypatch, der=DER, outputs=OUTPUTS | {EVU: evu})
    async with box.running():
        await box.operate(LIMIT, 1000.0)
        await box.until(lambda: box.shown(LIMIT_STATE)[0] == "met")
        clock.now += OVER_FOR_S
        await box.until(lambda: box.a.pins["evu"] is True)
        box.a.values["power"] = 8.0
        await box.until(lambda: box.shown(POWER)[0] == 8.0)
        clock.now += 100
        await box.until(lambda: box.a.pins["evu"] is False)
        box.a.values["power"] = 1500.0
        await box.until(lambda: box.shown(POWER)[0] == 1500.0)
        assert box.shown(LIMIT_STATE)[0] in ("met", f"met, by {EVU}"), "it has a minute to stop"

        def said_later() -> bool:
            clock.now += STOPS_WITHIN_S / 100
            return bool(box.shown(LIMIT_STATE)[0] == f"not met: {EVU}: it must pause")

        await box.until(said_later)
        await box.until(lambda: box.shown("LD0/BoxCALH1.GrWrn")[0] is True)


@pytest.mark.parametrize("switch", [False, True])
async def test_a_limit_survives_a_restart(
    tmp_path: Path, monkeypatch: Any, clock: Monotonic, switch: bool
) -> None:
    """Also beside a local switch, which counts as turned until it is read."""
    points = {POWER: "a.power", MODE: "a.mode", VOLTAGE: "b.voltage"} | ({KEY: "a.key"} if switch else {})
    box = prepared(tmp_path, monkeypatch, der=DER, points=points)
    box.a.values |= {"power": 900.0, "key": False}
    async with box.running():
        await box.until(lambda: box.shown(LOCAL)[:2] == (False, GOOD))
        await box.operate(LIMIT, 1000.0)
        file = box.config.limits_file
        await box.until(lambda: box.shown(LIMIT_HOLDER)[0].startswith("command"))
        await box.until(lambda: file.exists() and '"power_limit": 1000.0' in file.read_text())
    async with box.running():
        await box.until(lambda: box.shown(LIMIT)[:2] == (1000.0, GOOD))
        await box.until(lambda: box.shown(LIMIT_HOLDER)[0].startswith("command"))


async def test_a_box_that_cannot_block_takes_no_limit(tmp_path: Path, monkeypatch: Any) -> None:
    box = prepared(tmp_path, monkeypatch, der=DER, outputs={ROOM: {"set_point": "b.room"}})
    async with box.running():
        assert box.shown("DER/DWMX1.Beh")[0] == 5
        assert await refused(box, LIMIT, 1000.0) is AddCause.BLOCKED_BY_MODE


async def test_without_an_evu_block_sg_ready_blocks(
    tmp_path: Path, monkeypatch: Any, clock: Monotonic
) -> None:
    box = prepared(tmp_path, monkeypatch, der=DER, outputs={SG_READY: OUTPUTS[SG_READY]})
    async with box.running():
        await box.operate(LIMIT, 1000.0)
        await box.until(lambda: box.shown(LIMIT_STATE)[0] == "met")
        clock.now += OVER_FOR_S
        await box.until(lambda: box.shown(SG_READY)[0] == 1)


# --- the watchdog -------------------------------------------------------------------------------------


async def test_an_output_that_is_stuck_ends_the_words_of_life(tmp_path: Path, monkeypatch: Any) -> None:
    box = prepared(tmp_path, monkeypatch)
    async with box.running() as agent:
        assert agent._switching.alive()
        process = agent._switching.processes[Reference.parse(EVU)]
        stuck = asyncio.Event()
        monkeypatch.setattr(process, "tick", stuck.wait)
        monkeypatch.setattr("device_agent.switching.ALIVE_WITHIN", 0.3)
        await box.until(lambda: not agent._switching.alive())
        monkeypatch.undo()
        stuck.set()


# --- where it is kept ---------------------------------------------------------------------------------


async def test_a_place_that_cannot_be_written_is_an_alarm_from_the_start(
    tmp_path: Path, monkeypatch: Any
) -> None:
    box = prepared(tmp_path, monkeypatch)
    box.config.limits_file.mkdir()
    async with box.running():
        await box.until(lambda: box.shown("LD0/BoxCALH1.GrAlm")[0] is True)
        assert await refused(box, EVU, True) is not None
        assert box.a.pins["evu"] is False
