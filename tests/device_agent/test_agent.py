"""The box put together, with hardware that misbehaves and a client that asks through real XML."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from fake_box import EVU, MODE, PATIENCE, PEER, POWER, ROOM, SG_READY, SPARE, VOLTAGE, Box, prepared
from fake_driver import MEASURED_AT, Monotonic
from prometheus_client import generate_latest

from device_agent import agent as agent_module
from device_agent import guarded_relay, measuring
from device_agent.config import ConfigError
from device_agent.drivers import DriverStartError, Health, OutputError, Sample
from device_agent.metrics import registry_of
from iec61850_model.client import ControlRefused
from iec61850_model.mms.pdu import Data
from iec61850_model.mms.xer import MalformedPdu
from iec61850_model.reference import Reference
from iec61850_model.values import GOOD, NOT_CONNECTED, AddCause, OrCat, Timestamp


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    return prepared(tmp_path, monkeypatch)


# --- measuring ----------------------------------------------------------------------------------------


async def test_what_is_measured_is_served_from_the_first_moment_on(box: Box) -> None:
    async with box.running():
        assert box.shown(POWER) == (1500.0, GOOD, Timestamp.from_unix(MEASURED_AT))
        assert box.shown(MODE)[:2] == (1, GOOD)
        values = await box.client.get_data_values("box", [Reference.parse(f"{POWER}.mag.f[MX]")])
        assert values == [Data("floating-point", 1500.0)]


@pytest.mark.parametrize(
    "fault", [RuntimeError("a mistake"), OutputError("x"), TimeoutError(), KeyError("y")]
)
async def test_a_driver_that_raises_costs_its_own_points_only(box: Box, fault: Exception) -> None:
    async with box.running():
        box.b.broken["read"] = fault
        await box.until(lambda: box.shown(VOLTAGE)[1] == NOT_CONNECTED)
        assert box.shown(VOLTAGE)[0] == 230.0
        box.a.values["power"] = 1600.0
        await box.until(lambda: box.shown(POWER)[0] == 1600.0)
        assert box.shown(POWER)[1] == GOOD
        del box.b.broken["read"]
        await box.until(lambda: box.shown(VOLTAGE)[1] == GOOD)


async def test_a_driver_that_leaves_a_reading_out_is_no_trouble(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = box.a.read

    async def forgetful(names: list[str]) -> dict[str, Sample]:
        return {name: sample for name, sample in (await real(names)).items() if name != "mode"}

    monkeypatch.setattr(box.a, "read", forgetful)
    async with box.running():
        assert box.shown(MODE)[1] == NOT_CONNECTED
        assert box.shown(POWER)[1] == GOOD


async def test_a_bus_that_hangs_delays_nobody(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """It neither keeps the box from its hub nor the other points from their rhythm."""
    monkeypatch.setattr(agent_module, "FIRST_SAMPLES", 0.05)
    box.b.hanging.add("read")
    async with box.running():
        before = box.a.reads
        await box.until(lambda: box.a.reads >= before + 2)
        assert box.b.reads == 1, "the slow bus is not asked again while it is working"


async def test_a_bus_that_hangs_is_given_up_and_asked_again(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "READ_LIMIT", 0.1)
    async with box.running():
        await box.until(lambda: box.shown(VOLTAGE)[1] == GOOD)
        box.b.hanging.add("read")
        await box.until(lambda: box.shown(VOLTAGE)[1] == NOT_CONNECTED)
        await box.until(lambda: box.shown("LD0/BoxCALH1.GrWrn")[0] is True)
        box.b.hanging.clear()
        await box.until(lambda: box.shown(VOLTAGE)[1] == GOOD)


async def test_a_sensor_that_fails_is_a_warning_of_the_box(box: Box) -> None:
    async with box.running():
        await box.until(lambda: box.shown("LD0/BoxCALH1.GrWrn")[:2] == (False, GOOD))
        box.b.values["voltage"] = Sample(None, Health.FAILED, MEASURED_AT, "unplugged")
        await box.until(lambda: box.shown("LD0/BoxCALH1.GrWrn")[0] is True)
        assert box.shown("LD0/LLN0.Health")[0] == 2


async def test_what_is_not_wired_is_never_shown_as_zero(box: Box) -> None:
    async with box.running():
        for reference in ("MET/MMXU1.TotVAr", "HP/RlyGGIO1.SPCSO2", "HP/DhwFSPT1.SptVal"):
            assert box.shown(reference)[1] == NOT_CONNECTED
        assert box.shown(ROOM)[1] == NOT_CONNECTED, "wired, but nobody has set it yet"


# --- switching ----------------------------------------------------------------------------------------


async def test_an_operate_switches_and_shows_who_did_it(box: Box) -> None:
    async with box.running():
        assert box.shown(EVU)[:2] == (False, GOOD)
        await box.operate(EVU, True, number=7)
        assert box.a.pins["evu"] is True
        assert box.shown(EVU)[:2] == (True, GOOD)
        assert box.attribute(f"{EVU}.origin.orCat[ST]") == OrCat.REMOTE_CONTROL
        assert box.attribute(f"{EVU}.origin.orIdent[ST]") == b"", "who he is reads he alone"
        assert box.attribute(f"{EVU}.ctlNum[ST]") == 7
        await asyncio.sleep(0.1)
        assert box.attribute(f"{EVU}.origin.orCat[ST]") == OrCat.REMOTE_CONTROL, "the watch leaves it"


async def test_sg_ready_and_a_set_point(box: Box) -> None:
    async with box.running():
        await box.operate(SG_READY, 4)
        assert (box.a.pins["one"], box.a.pins["two"], box.shown(SG_READY)[:2]) == (True, True, (4, GOOD))
        await box.operate(ROOM, 21.3)
        assert box.b.pins["room"] == pytest.approx(21.3)
        time_set = box.shown(ROOM)[2]
        await asyncio.sleep(0.1)
        assert box.shown(ROOM)[1:] == (GOOD, time_set), "not shown anew for the rounding of a FLOAT32"


async def test_an_operate_at_its_time(box: Box) -> None:
    async with box.running():
        await box.operate(EVU, True, at=time.time() + 0.3)
        assert box.a.pins["evu"] is False
        await box.until(lambda: box.a.pins["evu"] is True)
        await box.until(lambda: box.shown(EVU)[0] is True)


async def test_what_is_not_wired_cannot_be_switched(box: Box) -> None:
    async with box.running():
        with pytest.raises(ControlRefused) as refused:
            await box.operate("HP/RlyGGIO1.SPCSO2", True)
        assert refused.value.add_cause is AddCause.NOT_SUPPORTED
        assert box.shown("HP/RlyGGIO1.SPCSO2")[1] == NOT_CONNECTED


@pytest.mark.parametrize("fault", [OutputError("no answer"), RuntimeError("a mistake")])
async def test_a_relay_that_cannot_be_reached_is_refused_and_its_state_unknown(
    box: Box, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    clock = Monotonic()
    monkeypatch.setattr(guarded_relay, "time", clock)
    async with box.running():
        box.a.broken["evu"] = fault
        with pytest.raises(ControlRefused) as refused:
            await box.operate(EVU, True)
        assert refused.value.add_cause is AddCause.BLOCKED_BY_PROCESS
        await box.until(lambda: box.shown(EVU)[1] == NOT_CONNECTED)
        await box.until(lambda: box.shown("LD0/BoxCALH1.GrWrn")[0] is True)
        box.a.broken.clear()
        clock.now += 60
        await box.until(lambda: box.shown(EVU)[:2] == (False, GOOD))
        assert box.a.pins["evu"] is False
        await box.operate(EVU, True, number=2)


async def test_a_driver_that_hangs_costs_its_client_only_and_he_gets_his_answer(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded_relay, "WRITE_LIMIT", 0.5)
    async with box.running():
        box.a.hanging.add("evu")
        stuck = asyncio.create_task(box.operate(EVU, True))
        await box.until(lambda: ("evu", True) in box.a.writes)
        await box.operate(SPARE, True)
        assert box.b.pins["spare"] is True and not stuck.done()
        with pytest.raises(ControlRefused) as refused:
            await asyncio.wait_for(stuck, PATIENCE)
        assert refused.value.add_cause is AddCause.BLOCKED_BY_PROCESS


async def test_a_refusal_that_changed_nothing_leaves_the_status_as_it_was(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with box.running() as agent:
        await box.operate(EVU, True)
        before = box.shown(EVU)
        process = agent._switching.processes[Reference.parse(EVU)]

        async def refuse(value: object) -> AddCause:
            return AddCause.BLOCKED_BY_PROCESS

        monkeypatch.setattr(process, "command", refuse)
        with pytest.raises(ControlRefused):
            await box.operate(EVU, False, number=2)
        assert box.shown(EVU) == before
        assert box.attribute(f"{EVU}.origin.orCat[ST]") == OrCat.REMOTE_CONTROL


async def test_the_longest_time_ends_in_pin_and_model_and_names_no_client(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Monotonic()
    monkeypatch.setattr(guarded_relay, "time", clock)
    async with box.running():
        await box.operate(EVU, True)
        since = box.shown(EVU)[2]
        clock.now += 3600
        await box.until(lambda: box.a.pins["evu"] is False)
        await box.until(lambda: box.shown(EVU)[:2] == (False, GOOD))
        assert box.shown(EVU)[2].unix > since.unix
        assert box.attribute(f"{EVU}.origin.orCat[ST]") == OrCat.PROCESS
        assert box.attribute(f"{EVU}.origin.orIdent[ST]") == b""


async def test_a_relay_that_hangs_does_not_keep_another_from_its_end(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Monotonic()
    monkeypatch.setattr(guarded_relay, "time", clock)
    async with box.running():
        await box.operate(EVU, True)
        await box.operate(SPARE, True)
        box.a.hanging.add("evu")
        monkeypatch.setattr(agent_module, "STOP_WITHIN", 0.1)
        clock.now += 7200
        await box.until(lambda: box.b.pins["spare"] is False)


async def test_a_half_done_sg_ready_says_what_the_contacts_have(box: Box) -> None:
    async with box.running():
        box.a.broken["one"] = OutputError("stuck")
        with pytest.raises(ControlRefused) as refused:
            await box.operate(SG_READY, 4)
        assert refused.value.add_cause is AddCause.BLOCKED_BY_PROCESS
        await box.until(lambda: box.a.pins["two"] is False)
        assert box.shown(SG_READY)[1] == NOT_CONNECTED, "contact 1 is not known"


async def test_an_operate_is_refused_while_the_clock_is_not_synchronized(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device_agent.clock.Clock._kernel_synchronized", lambda self: False)
    box = prepared(tmp_path, monkeypatch, clock="kernel")
    async with box.running():
        with pytest.raises(ControlRefused) as refused:
            await box.operate(EVU, True)
        assert refused.value.add_cause is AddCause.BLOCKED_BY_HEALTH
        assert not box.shown(POWER)[2].synchronized
        await box.until(lambda: box.shown("LD0/LTMS1.TmSyn")[:2] == (0, GOOD))


# --- settings -----------------------------------------------------------------------------------------


async def test_a_written_setting_is_there_after_a_restart(box: Box) -> None:
    reference = Reference.parse("HP/HcFCSD1.Crv.numPts[SP]")
    async with box.running():
        assert await box.client.set_data_values("box", [(reference, 7)]) == [None]
    async with box.running():
        assert await box.client.get_data_values("box", [reference]) == [Data("unsigned", 7)]
        measured = Reference.parse(f"{POWER}.mag.f[MX]")
        (refused,) = await box.client.set_data_values("box", [(measured, 1.0)])
        assert refused is not None and box.shown(POWER)[0] == 1500.0


async def test_a_setting_that_cannot_be_kept_is_an_alarm(box: Box) -> None:
    async with box.running():
        await box.until(lambda: box.shown("LD0/BoxCALH1.GrAlm")[:2] == (False, GOOD))
        box.config.settings_file.mkdir()
        await box.client.set_data_values("box", [(Reference.parse("HP/HcFCSD1.Crv.numPts[SP]"), 7)])
        await box.until(lambda: box.shown("LD0/BoxCALH1.GrAlm")[0] is True)


# --- requests ----------------------------------------------------------------------------------------


async def test_a_request_that_is_no_pdu_is_rejected(box: Box) -> None:
    async with box.running() as agent:
        (answer,) = await agent._serving.request(PEER, MalformedPdu("nonsense"), 10)
        assert type(answer.pdu).__name__ == "Reject"


async def test_what_the_box_tells_prometheus(box: Box) -> None:
    def told() -> list[str]:
        return generate_latest(registry_of(box.agent.snapshot)).decode().splitlines()

    async with box.running():
        await box.operate(EVU, True)
        await box.agent._serving.request(PEER, MalformedPdu("not a PDU"), 10)
        lines = told()
    assert "box_link_up 1.0" in lines
    assert "box_clock_synchronized 1.0" in lines
    assert "box_failing 0.0" in lines
    assert "box_associations 0.0" in lines
    assert 'box_controls_total{outcome="done"} 1.0' in lines
    assert 'box_requests_total{kind="malformed"} 1.0' in lines
    assert any(line.startswith('box_requests_total{kind="served"}') for line in lines)
    assert "box_link_up 0.0" in told()


# --- start and stop ------------------------------------------------------------------------------------


def pins(box: Box) -> list[Any]:
    return [box.a.pins["evu"], box.a.pins["one"], box.a.pins["two"], box.b.pins["spare"]]


async def test_relays_are_safe_before_the_link_and_after_the_end(box: Box) -> None:
    async with box.running() as agent:
        assert pins(box) == [False] * 4
        await box.operate(EVU, True)
        await box.operate(SG_READY, 4)
        await box.operate(SPARE, True)
        link = agent._link
    assert pins(box) == [False] * 4
    assert not (box.a.running or box.b.running or link.online)


async def test_stopping_in_the_middle_of_an_operate_ends_safe_and_answers(box: Box) -> None:
    async with box.running():
        box.a.gate.clear()
        operate = asyncio.create_task(box.operate(EVU, True))
        await box.until(lambda: ("evu", True) in box.a.writes)
        asyncio.get_running_loop().call_later(0.1, box.a.gate.set)
    assert pins(box) == [False] * 4
    await asyncio.wait_for(operate, PATIENCE)


async def test_stopping_in_the_middle_of_a_tick_ends_safe(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Monotonic()
    monkeypatch.setattr(guarded_relay, "time", clock)
    async with box.running():
        await box.operate(SPARE, True)
        box.b.gate.clear()
        box.b.writes.clear()
        box.b.failing_once.add("spare")
        clock.now += 7200
        await box.until(lambda: box.b.writes != [])
        asyncio.get_running_loop().call_later(0.1, box.b.gate.set)
    assert pins(box) == [False] * 4


async def test_one_relay_that_hangs_does_not_keep_the_others_from_their_safe_state(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_module, "STOP_WITHIN", 0.3)
    async with box.running():
        await box.operate(EVU, True)
        await box.operate(SPARE, True)
        box.a.hanging.add("evu")
    assert box.b.pins["spare"] is False
    assert not (box.a.running or box.b.running)


async def test_a_mistake_of_the_box_itself_ends_safe(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = box.make()
    task = asyncio.create_task(agent.run())
    await box.until(lambda: agent._link.online)
    await box.operate(EVU, True)

    def mistake(now: float) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(agent._server, "tick", mistake)
    agent._serving._due.set()
    with pytest.raises(ExceptionGroup):
        await asyncio.wait_for(task, PATIENCE)
    assert pins(box) == [False] * 4


async def test_hardware_that_cannot_be_opened_ends_the_box_and_names_only_that(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse() -> None:
        raise DriverStartError("no pins here: use driver simulated")

    monkeypatch.setattr(box.b, "start", refuse)
    with pytest.raises(DriverStartError, match="no pins here"):
        await box.make().run()
    assert not box.a.running
    assert box.a.writes == box.b.writes == [], "relays that were never opened are not written"


async def test_a_driver_that_does_not_stop_properly_does_not_keep_the_others_open(box: Box) -> None:
    box.a.stop_error = OutputError("stopped without reaching the safe state")
    agent = box.make()
    task = asyncio.create_task(agent.run())
    await box.until(lambda: agent._link.online)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled(), "an orderly end"
    assert not box.b.running


async def test_an_end_that_comes_together_with_a_request_is_an_end(box: Box) -> None:
    agent = box.make()
    task = asyncio.create_task(agent.run())
    await box.until(lambda: agent._link.online)
    await box.operate(EVU, True)
    agent._serving._due.set()  # what a request does
    task.cancel()
    await asyncio.wait({task}, timeout=PATIENCE)
    assert task.cancelled()
    assert pins(box) == [False] * 4


@pytest.mark.parametrize("again", [False, True])
async def test_sigterm_ends_the_box_and_a_second_one_does_not_cut_it_short(box: Box, again: bool) -> None:
    online = asyncio.create_task(agent_module.run(box.config))
    await box.until(lambda: box.a.reads > 0 and box.b.pins["spare"] is False)
    box.a.gate.clear()
    box.a.writes.clear()
    os.kill(os.getpid(), signal.SIGTERM)
    await box.until(lambda: box.a.writes != [])
    if again:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(0.1)
        assert not online.done()
    box.a.gate.set()
    await asyncio.wait_for(online, PATIENCE)
    assert pins(box) == [False] * 4
    assert not (box.a.running or box.b.running)


# --- configuration ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"points": {POWER: "c.power"}}, [f"points: {POWER}", "no driver c; there is: a, b"]),
        ({"points": {POWER: "a.pwr"}}, [f"points: {POWER}", "a.pwr is unknown; it reads: mode, power"]),
        ({"points": {EVU: "a.mode"}}, [f"points: {EVU} is an output"]),
        ({"points": {SG_READY: "a.mode"}}, [f"points: {SG_READY} is an output"]),
        ({"model": "nowhere.icd"}, ["model ", "nowhere.icd"]),
        ({"model": "box.yaml"}, ["model ", "box.yaml"]),
    ],
)
def test_what_does_not_fit_together_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], said: list[str]
) -> None:
    box = prepared(tmp_path, monkeypatch, **changes)
    with pytest.raises(ConfigError) as caught:
        box.make()
    for words in said:
        assert words in str(caught.value)
