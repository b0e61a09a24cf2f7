"""What a box says of itself, and of its clock."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import pytest
import structlog

from device_agent.clock import Clock, ClockSource
from device_agent.housekeeping import Housekeeping
from iec61850_model.reference import Reference
from iec61850_model.scl import read_scl
from iec61850_model.server import Moment
from iec61850_model.tree import Tree
from iec61850_model.values import GOOD, NO_TIME, NOT_CONNECTED, Quality

ICD = (Path(__file__).parents[2] / "config" / "heatpump-box.icd").read_bytes()
T0, T1, T2 = 1_800_000_000.0, 1_800_000_001.0, 1_800_000_002.0
OK, WARNING, ALARM = 1, 2, 3
HEALTHS = ["LD0/LLN0.Health", "MET/LLN0.Health", "HP/LLN0.Health", "LD0/LPHD1.PhyHealth"]


@pytest.fixture
def tree() -> Tree:
    return read_scl(ICD)


def shown(tree: Tree, reference: str) -> tuple[Any, Quality, float]:
    value, quality, time = tree.read(Reference.parse(reference))
    return value, quality, time.unix


def test_what_the_model_file_gives_holds_from_the_start(tree: Tree) -> None:
    Housekeeping(tree).start(Moment(T0))
    for reference, value in (
        ("LD0/LLN0.Beh", 1),
        ("LD0/LLN0.Mod", 1),
        ("LD0/LPHD1.Proxy", False),
        ("LD0/LTMS1.TmSrcTyp", 2),
        ("LD0/LTMS1.TmSrc", "kernel"),
    ):
        assert shown(tree, reference) == (value, GOOD, T0)


def test_what_nobody_knows_stays_invalid(tree: Tree) -> None:
    housekeeping = Housekeeping(tree)
    housekeeping.start(Moment(T0))
    housekeeping.refresh(Moment(T1), online=True, failing={}, alarm=False)
    for reference in ("LD0/LPHD1.NumPwrUp", "LD0/LPHD1.PwrSupAlm", "MET/MMXU1.TotW", "HP/EvuGGIO1.SPCSO1"):
        _, quality, time = tree.read(Reference.parse(reference))
        assert (quality, time) == (NOT_CONNECTED, NO_TIME)


def test_link_and_clock_keep_the_time_of_their_last_change(tree: Tree) -> None:
    housekeeping = Housekeeping(tree)
    housekeeping.start(Moment(T0, synchronized=False))
    housekeeping.refresh(Moment(T0, synchronized=False), online=False, failing={}, alarm=False)
    assert shown(tree, "LD0/XmpLCCH1.ChLiv") == (False, GOOD, T0)
    assert shown(tree, "LD0/LTMS1.TmSyn") == (0, GOOD, T0)
    assert not tree.read(Reference.parse("LD0/XmpLCCH1.ChLiv"))[2].synchronized
    housekeeping.refresh(Moment(T1), online=True, failing={}, alarm=False)
    housekeeping.refresh(Moment(T2), online=True, failing={}, alarm=False)
    assert shown(tree, "LD0/XmpLCCH1.ChLiv") == (True, GOOD, T1)
    assert shown(tree, "LD0/LTMS1.TmSyn") == (2, GOOD, T1)
    assert tree.read(Reference.parse("LD0/XmpLCCH1.ChLiv"))[2].synchronized


@pytest.mark.parametrize(
    ("failing", "alarm", "health"),
    [
        ({}, False, OK),
        ({"MET/MMXU1.TotW": "no answer"}, False, WARNING),
        ({}, True, ALARM),
        ({"MET/MMXU1.TotW": "no answer"}, True, ALARM),
    ],
)
def test_health_warning_and_alarm(tree: Tree, failing: dict[str, str], alarm: bool, health: int) -> None:
    housekeeping = Housekeeping(tree)
    housekeeping.start(Moment(T0))
    housekeeping.refresh(Moment(T1), online=True, failing=failing, alarm=alarm)
    assert shown(tree, "LD0/BoxCALH1.GrWrn") == (bool(failing), GOOD, T1)
    assert shown(tree, "LD0/BoxCALH1.GrAlm") == (alarm, GOOD, T1)
    for reference in HEALTHS:
        assert shown(tree, reference) == (health, GOOD, T0 if health == OK else T1)


def test_what_fails_is_logged_once_with_its_reason_and_once_when_it_is_over(tree: Tree) -> None:
    housekeeping = Housekeeping(tree)
    power = {"MET/MMXU1.TotW": "meter unplugged"}
    failing = dict(power)
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            housekeeping.refresh(Moment(T0), online=True, failing=failing, alarm=False)
        failing.clear()  # the same dictionary, as its owner changes it
        housekeeping.refresh(Moment(T0), online=True, failing=failing, alarm=False)
    assert [(one["event"], one["reference"], one.get("reason")) for one in logs] == [
        ("no usable value", "MET/MMXU1.TotW", "meter unplugged"),
        ("usable again", "MET/MMXU1.TotW", None),
    ]


def test_a_model_without_these_data_objects_is_no_trouble() -> None:
    tree = read_scl(ICD.replace(b"XmpLCCH", b"XmqLCCH").replace(b'prefix="Xmp"', b'prefix="Xmq"'))
    housekeeping = Housekeeping(tree)
    housekeeping.start(Moment(T0))
    housekeeping.refresh(Moment(T0), online=True, failing={}, alarm=False)
    assert shown(tree, "LD0/BoxCALH1.GrWrn") == (False, GOOD, T0)


# --- the clock --------------------------------------------------------------------------------------


class Kernel:
    """Stands in for libc: what adjtimex(2) returns."""

    def __init__(self, state: int) -> None:
        self.state = state

    def adjtimex(self, buffer: Any) -> int:
        assert bytes(buffer) == bytes(len(buffer)), "modes is 0: the clock is only asked, never set"
        return self.state


@pytest.mark.parametrize(
    ("state", "synchronized"), [(0, True), (1, True), (4, True), (5, False), (-1, False)]
)
def test_the_kernel_knows_whether_the_clock_is_right(
    monkeypatch: pytest.MonkeyPatch, state: int, synchronized: bool
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_args, **_options: Kernel(state))
    assert Clock(ClockSource.KERNEL).moment().synchronized is synchronized
    assert Clock(ClockSource.TRUSTED).moment().synchronized is True


def test_the_real_kernel_gives_an_answer() -> None:
    moment = Clock(ClockSource.KERNEL).moment()
    assert isinstance(moment.synchronized, bool)
    assert abs(moment.now - Clock.time()) < 60
