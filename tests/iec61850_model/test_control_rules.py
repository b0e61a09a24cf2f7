"""Who may command now: mode, local and remote, command block, and the checks a command asks for."""

from __future__ import annotations

import pytest
from box_server import structure
from control_models import DIRECT, ENHANCED, SELECT
from control_scene import ON, ControlBox, said

from iec61850_model.mms.pdu import Data
from iec61850_model.values import GOOD, AddCause, OrCat, Quality

RUNS = ["switch SPCSO1 True"]
NODE, DEVICE = "HP/EvuGGIO1", "HP/LLN0"


@pytest.fixture
def box() -> ControlBox:
    return ControlBox()


def refused(cause: AddCause) -> list[str]:
    denied = cause in (AddCause.BLOCKED_BY_MODE, AddCause.BLOCKED_BY_SWITCHING_HIERARCHY)
    return [f"LastApplError {cause.text}", "object-access-denied" if denied else "temporarily-unavailable"]


HIERARCHY = refused(AddCause.BLOCKED_BY_SWITCHING_HIERARCHY)
LOCAL = (OrCat.BAY_CONTROL, OrCat.AUTOMATIC_BAY, OrCat.MAINTENANCE)
STATION = (OrCat.STATION_CONTROL, OrCat.AUTOMATIC_STATION)
REMOTE = (OrCat.REMOTE_CONTROL, OrCat.AUTOMATIC_REMOTE)


@pytest.mark.parametrize("category", OrCat)
@pytest.mark.parametrize(
    ("switches", "allowed"),
    [
        ({}, LOCAL + REMOTE),
        ({"LocSta": True}, LOCAL + STATION),
        ({"Loc": True}, LOCAL),
        ({"Loc": True, "LocSta": True}, LOCAL),
        ({"MltLev": True}, LOCAL + STATION + REMOTE),
        ({"MltLev": True, "LocSta": True}, LOCAL + STATION),
        ({"MltLev": True, "Loc": True}, LOCAL),
    ],
    ids=str,
)
def test_local_station_and_remote(
    box: ControlBox, switches: dict[str, bool], allowed: tuple[OrCat, ...], category: OrCat
) -> None:
    for name, value in switches.items():
        if name == "MltLev":
            box.set(f"{DEVICE}.MltLev.setVal[SP]", value)
        else:
            box.set(f"{NODE}.{name}.stVal[ST]", value)
    expected = RUNS if category in allowed else HIERARCHY
    assert box.operates(DIRECT, box.command(category=category)) == expected


def test_the_switch_of_the_logical_device_is_that_of_all_its_nodes(box: ControlBox) -> None:
    box.set(f"{DEVICE}.Loc.stVal[ST]", True)
    assert box.operates(DIRECT, box.command()) == HIERARCHY
    assert box.operates(ENHANCED, box.command()) == HIERARCHY


def test_a_node_without_station_level_takes_station_and_remote(box: ControlBox) -> None:
    for number, category in enumerate((OrCat.STATION_CONTROL, OrCat.REMOTE_CONTROL)):
        answer = box.operates(ENHANCED, box.command(number=number, category=category))
        assert answer == ["done", "switch SPCSO2 True"]
        box.process()


def test_a_command_block_lets_nothing_through(box: ControlBox) -> None:
    box.set(f"{NODE}.CmdBlk.stVal[ST]", True)
    assert box.operates(DIRECT, box.command()) == refused(AddCause.BLOCKED_BY_COMMAND)
    box.set(f"{NODE}.CmdBlk.stVal[ST]", False)
    assert box.operates(DIRECT, box.command()) == RUNS


@pytest.mark.parametrize("check", ["00", "01", "10", "11"])
def test_the_check_bits_change_nothing(box: ControlBox, check: str) -> None:
    """What the process forbids it forbids always; there is nothing that could be out of step."""
    parts = box.command().value
    assert isinstance(parts, tuple)
    oper = structure(*parts[:-1], Data("bit-string", check))  # type: ignore[arg-type]  # a structure
    assert box.operates(DIRECT, oper) == RUNS
    assert box.process(AddCause.BLOCKED_BY_INTERLOCKING) == refused(AddCause.BLOCKED_BY_INTERLOCKING)


# --- mode (7-4 Annex A) ---------------------------------------------------------------------------


def test_in_mode_test_a_test_is_carried_out_and_its_status_says_so(box: ControlBox) -> None:
    box.set(f"{NODE}.Beh.stVal[ST]", 3)
    assert box.operates(DIRECT, box.command(test=True)) == RUNS
    assert box.process() == ["done"]
    assert (box.value(DIRECT), box.value(DIRECT, "q")) == (True, Quality.TEST)


def test_in_mode_on_the_status_is_good(box: ControlBox) -> None:
    box.operates(DIRECT, box.command())
    box.process()
    assert box.value(DIRECT, "q") == GOOD


@pytest.mark.parametrize("after", [0.0, 60.0])
def test_in_mode_test_blocked_a_test_is_answered_and_the_process_left_alone(
    box: ControlBox, after: float
) -> None:
    for node in ("EvuGGIO1", "RlyGGIO1"):
        box.set(f"HP/{node}.Beh.stVal[ST]", 4)
    box.select(SELECT)
    told = {DIRECT: [], SELECT: [], ENHANCED: ["CommandTermination+"]}
    for target, termination in told.items():
        begun = "TimeActivatedOperateTermination+"
        oper = box.command(test=True, after=after)
        if after:
            assert box.operates(target, oper) == ["done"]
            assert box.later(after) == [begun, *termination]
            box.select(SELECT)
        else:
            assert box.operates(target, oper) == ["done", *termination]
            assert box.operates(target, oper) == ["done", *termination]
        assert box.value(target) is False


def test_in_mode_test_blocked_nothing_real_is_carried_out(box: ControlBox) -> None:
    box.set(f"{NODE}.Beh.stVal[ST]", 4)
    assert box.operates(DIRECT, box.command(ON)) == refused(AddCause.BLOCKED_BY_MODE)


def test_a_mode_is_looked_at_again_when_it_is_time(box: ControlBox) -> None:
    box.operates(DIRECT, box.command(after=60))
    box.set(f"{NODE}.Beh.stVal[ST]", 2)
    assert said(box.wait(60)) == ["TimeActivatedOperateTermination- Blocked-by-Mode"]
