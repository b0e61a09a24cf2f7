"""What is wired where: a reading becomes value, quality and time of a data object, all three at once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from device_agent.config import ConfigError, Point
from device_agent.drivers import Health, Sample
from device_agent.points import bind, taken
from iec61850_model.reference import Reference
from iec61850_model.scl import read_scl
from iec61850_model.tree import Tree
from iec61850_model.values import (
    ACCURACY_1_MS,
    CLOCK_NOT_SYNCHRONIZED,
    GOOD,
    NO_TIME,
    NOT_CONNECTED,
    Quality,
    Timestamp,
)

ICD = (Path(__file__).parents[2] / "config" / "heatpump-box.icd").read_bytes()
T0, T1, T2 = 1_800_000_000.5, 1_800_000_001.5, 1_800_000_002.5
POWER = "MET/MMXU1.TotW"
MODE = "HP/HpGGIO1.IntIn1"
RUNS = "HP/HpGGIO1.Ind1"
ENERGY = "MET/MMTR1.DmdWh"
VOLUME = "MET/ShMFLW1.VlmCnt"


@pytest.fixture
def tree() -> Tree:
    return read_scl(ICD)


class Wire:
    """One wired point of a model."""

    def __init__(self, tree: Tree, reference: str, **options: float) -> None:
        self.tree = tree
        point = Point.model_validate({"source": "meter.it", **options})
        (self.bound,) = bind(tree, {reference: point})
        self.reference = self.bound.reference

    def take(
        self, value: Any, time: float = T0, health: Health = Health.GOOD, time_quality: int = ACCURACY_1_MS
    ) -> str:
        update, reason = taken(self.tree, self.bound, Sample(value, health, time, "why"), time_quality)
        self.tree.update_all([update] if update is not None else [])
        return reason

    @property
    def shown(self) -> tuple[Any, Quality, float]:
        value, quality, time = self.tree.read(self.reference)
        return value, quality, time.unix


# --- value, quality and time are one (promise 1) ----------------------------------------------------


def test_a_measurand_has_the_time_of_its_measurement_even_if_it_is_the_same(tree: Tree) -> None:
    wire = Wire(tree, POWER)
    assert wire.take(1500.0, T0) == ""
    assert wire.shown == (1500.0, GOOD, T0)
    wire.take(1500.0, T1)
    assert wire.shown == (1500.0, GOOD, T1)


@pytest.mark.parametrize(
    ("reference", "first", "second"), [(MODE, 1, 2), (RUNS, False, True), (ENERGY, 7.0, 8.0)]
)
def test_a_status_has_the_time_of_its_last_change(
    tree: Tree, reference: str, first: Any, second: Any
) -> None:
    wire = Wire(tree, reference)
    wire.take(first, T0)
    wire.take(first, T1)
    assert wire.shown == (first, GOOD, T0)
    wire.take(second, T2)
    assert wire.shown == (second, GOOD, T2)


def test_a_status_that_becomes_good_with_the_value_it_rested_at_gets_quality_and_time(tree: Tree) -> None:
    wire = Wire(tree, RUNS)
    assert wire.shown[:2] == (False, NOT_CONNECTED)
    wire.take(False, T0)
    assert wire.shown == (False, GOOD, T0)


def test_a_value_that_is_not_taken_leaves_all_three_together(tree: Tree) -> None:
    wire = Wire(tree, MODE)
    wire.take(3, T0)
    assert wire.take(1 << 40, T1) != ""
    assert wire.shown == (3, Quality.INVALID | Quality.OUT_OF_RANGE, T1)
    wire.take(3, T2)
    assert wire.shown == (3, GOOD, T2)


# --- missing is not zero (promise 2) ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("health", "quality"),
    [
        (Health.FAILED, Quality.INVALID | Quality.FAILURE),
        (Health.OUT_OF_RANGE, Quality.INVALID | Quality.OUT_OF_RANGE),
    ],
)
@pytest.mark.parametrize(("reference", "value"), [(POWER, 1500.0), (MODE, 2), (RUNS, True), (ENERGY, 9)])
def test_no_value_keeps_the_last_one_and_says_invalid(
    tree: Tree, reference: str, value: Any, health: Health, quality: Quality
) -> None:
    wire = Wire(tree, reference)
    wire.take(value, T0)
    assert wire.take(None, T1, health) == "why"
    assert wire.shown == (value, quality, T1)


@pytest.mark.parametrize("reference", [POWER, MODE])
def test_how_long_there_has_been_no_value_can_be_seen(tree: Tree, reference: str) -> None:
    """An old value must not seem to have been measured again and again."""
    wire = Wire(tree, reference)
    wire.take(1, T0)
    wire.take(None, T1, Health.FAILED)
    wire.take(None, T2, Health.FAILED)
    assert wire.shown[2] == T1


def test_a_late_bus_is_questionable_with_the_time_the_value_was_measured(tree: Tree) -> None:
    wire = Wire(tree, POWER)
    assert wire.take(1500.0, T0, Health.STALE) == ""
    assert wire.shown == (1500.0, Quality.QUESTIONABLE | Quality.OLD_DATA, T0)


def test_every_health_has_a_quality_and_only_good_is_good(tree: Tree) -> None:
    for health in Health:
        wire = Wire(tree, POWER)
        wire.take(None if health in (Health.FAILED, Health.OUT_OF_RANGE) else 1.0, T0, health)
        assert (wire.shown[1] == GOOD) is (health is Health.GOOD)


def test_a_failure_without_a_reason_is_still_a_failure(tree: Tree) -> None:
    wire = Wire(tree, POWER)
    _, reason = taken(tree, wire.bound, Sample(None, Health.FAILED, T0), ACCURACY_1_MS)
    assert reason != ""


def test_what_is_not_wired_is_invalid_in_the_model(tree: Tree) -> None:
    for reference in (POWER, MODE, RUNS, ENERGY, "HP/EvuGGIO1.SPCSO1", "HP/RmFSPT1.SptVal"):
        _, quality, time = tree.read(Reference.parse(reference))
        assert (quality, time) == (NOT_CONNECTED, NO_TIME)


# --- numbers ----------------------------------------------------------------------------------------


def test_scale_and_offset(tree: Tree) -> None:
    wire = Wire(tree, POWER, scale=1000, offset=-5)
    wire.take(1.5)
    assert wire.shown[0] == 1495.0


@pytest.mark.parametrize(("reading", "shown"), [(2.4, 2), (2.6, 3), (True, 1), (-2.6, -3)])
def test_a_whole_number_is_rounded(tree: Tree, reading: float, shown: int) -> None:
    wire = Wire(tree, MODE)
    wire.take(reading)
    assert wire.shown[0] == shown and type(wire.shown[0]) is int


def test_a_counter_counts_in_steps_of_its_pulsqty(tree: Tree) -> None:
    """VlmCnt: the reading is in m³, one count is a litre (pulsQty 0.001)."""
    litres = Wire(tree, VOLUME)
    litres.take(12.3456)
    assert litres.shown[0] == 12346
    energy = Wire(tree, ENERGY)
    energy.take(1_234_567.4)
    assert energy.shown[0] == 1_234_567


@pytest.mark.parametrize(("reading", "shown"), [(0, False), (1, True), (1.0, True), (True, True)])
def test_a_boolean(tree: Tree, reading: Any, shown: bool) -> None:
    wire = Wire(tree, RUNS)
    wire.take(reading)
    assert wire.shown[:2] == (shown, GOOD) and type(wire.shown[0]) is bool


@pytest.mark.parametrize(
    ("reference", "reading"),
    [
        (RUNS, 0.3),
        (RUNS, 2),
        (RUNS, math.nan),
        (MODE, math.nan),
        (MODE, math.inf),
        (MODE, 2**31),
        (POWER, math.nan),
        (POWER, -math.inf),
        (POWER, 1e39),
        (ENERGY, 1e30),
        ("LD0/LTMS1.TmSyn", 9),
    ],
)
def test_a_number_that_does_not_fit_is_out_of_range_and_said_so(
    tree: Tree, reference: str, reading: float
) -> None:
    wire = Wire(tree, reference)
    before = wire.shown[0]
    assert wire.take(reading, T1) not in ("", "why")
    assert wire.shown == (before, Quality.INVALID | Quality.OUT_OF_RANGE, T1)


# --- the clock --------------------------------------------------------------------------------------


def test_the_time_says_whether_the_clock_is_synchronized(tree: Tree) -> None:
    wire = Wire(tree, POWER)
    wire.take(1.0, T0, time_quality=ACCURACY_1_MS | CLOCK_NOT_SYNCHRONIZED)
    assert tree.read(wire.reference)[2].synchronized is False
    wire.take(1.0, T1)
    assert tree.read(wire.reference)[2] == Timestamp.from_unix(T1, ACCURACY_1_MS)


# --- wiring -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "options", "said"),
    [
        ("MET/MMXU1", {}, "name a data object"),
        ("MET/MMXU1.TotW[MX]", {}, "name a data object"),
        ("total power", {}, "write LD/LN.DO"),
        ("MET/MMXU1.Totw", {}, "MET/MMXU1.TotPF, MET/MMXU1.Hz, MET/MMXU1.PhV.phsA, "),
        ("MET/MMXU2.TotW", {}, "no MET/MMXU2; it has: MET/LLN0, MET/FwdSTMP1, "),
        ("MTE/MMXU1.TotW", {}, "no MTE; it has: LD0, MET, HP"),
        ("MET/MMXU1.TotW.mag", {}, "MET/MMXU1.TotW.mag is not a data object"),
        ("MET/MMXU1.PhV", {}, "MET/MMXU1.PhV is not a data object with a value"),
        ("MET/ShMFLW1.MatTyp", {}, "is a setting"),
        ("LD0/LTMS1.TmSrc", {}, "holds a VisString255"),
        (RUNS, {"scale": -1}, "true or false"),
        (RUNS, {"offset": 1}, "true or false"),
    ],
)
def test_a_point_that_cannot_be_wired_is_named(
    tree: Tree, reference: str, options: dict[str, float], said: str
) -> None:
    with pytest.raises(ConfigError, match="points: ") as caught:
        Wire(tree, reference, **options)
    assert said in str(caught.value)


def test_every_phase_can_be_wired(tree: Tree) -> None:
    wire = Wire(tree, "MET/MMXU1.PhV.phsB")
    wire.take(230.5)
    assert wire.shown[:2] == (230.5, GOOD)
    assert tree.read(Reference.parse("MET/MMXU1.PhV.phsA"))[1] == NOT_CONNECTED
