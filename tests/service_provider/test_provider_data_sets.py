"""Data sets by heat pump and name: read with everything, made, written, deleted; those of an association."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from iec61850_model.blocks import DataSetConfig
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.values import NOT_CONNECTED, ServiceError
from service_provider import (
    ConfiguredDataSet,
    NoSuchObject,
    ServiceErrorReceived,
    UnusableValue,
)
from service_provider.access import HeatPumpAccess
from tests.service_provider.reporting_box import START, ReportingBox

POWER, FLOW = "MET/MMXU1.TotW", "MET/FwdSTMP1.Tmp"
POINTS, ENERGY = "HP/HcFCSD1.Crv.numPts", "MET/MMTR1.TotWh"
MINE, OWN = "MET/LLN0.dsMine", "@mine"
GONE = Reference.parse("MET/MMXU1.Nope[MX]")
PART = DataSetConfig(
    "MET", "LLN0", "dsPart", (Reference.parse(f"{POWER}[MX]"), GONE, Reference.parse(f"{ENERGY}[ST]"))
)


@pytest.fixture
def box() -> ReportingBox:
    return ReportingBox(PART)


@pytest.fixture
def sp(box: ReportingBox) -> HeatPumpAccess:
    return box.sp


# --- names and members -----------------------------------------------------------------------------


async def test_all_data_sets_are_listed_or_those_of_a_device(sp: HeatPumpAccess) -> None:
    met = ["MET/LLN0.dsCnt", "MET/LLN0.dsMeas", "MET/LLN0.dsPart"]
    assert await sp.data_sets.names("hp0001", "MET") == met
    every = await sp.data_sets.names("hp0001")
    assert {"AVG/LLN0.dsAvg", "LD0/LLN0.dsStat", *met} <= set(every)
    await sp.associate("hp0001")
    await sp.data_sets.create("hp0001", OWN, [POWER])
    assert await sp.data_sets.names("hp0001") == [*every, OWN]


async def test_a_directory_names_the_members_in_order(sp: HeatPumpAccess) -> None:
    found = await sp.data_sets.directory("hp0001", "MET/LLN0.dsCnt")
    assert str(found.members[0]) == "MET/MMTR1.TotWh[ST]"
    assert not found.deletable
    with pytest.raises(NoSuchObject):
        await sp.data_sets.directory("hp0001", MINE)


# --- reading ---------------------------------------------------------------------------------------


async def test_a_reading_has_unit_quality_and_time_of_every_value(
    sp: HeatPumpAccess, box: ReportingBox
) -> None:
    box.has(POWER, 1234.5, pause=0)
    found = await sp.data_sets.read("hp0001", "MET/LLN0.dsMeas")
    assert (found.heatpump, found.name, len(found.readings), found.failed) == (
        "hp0001",
        "MET/LLN0.dsMeas",
        25,
        (),
    )
    (power,) = [one for one in found.readings if one.reference.without_fc == POWER]
    assert (power.text, power.valid, power.time) == ("1234.5 W", True, datetime.fromtimestamp(START, UTC))
    assert sum(not one.valid for one in found.readings) == 24, "what was never measured is not zero"


async def test_value_quality_and_time_that_are_members_of_their_own_are_one_reading(
    sp: HeatPumpAccess, box: ReportingBox
) -> None:
    box.has("AVG/FwdSTMP1.Tmp", 35.5, pause=0)
    found = await sp.data_sets.read("hp0001", "AVG/LLN0.dsAvg")
    assert len(found.readings) == 20
    (flow,) = [one for one in found.readings if "FwdSTMP1" in str(one.reference)]
    assert (flow.text, flow.quality is not None and flow.quality.text) == ("35.5 °C", "good")


async def test_a_member_that_cannot_be_read_does_not_stop_the_others(
    sp: HeatPumpAccess, box: ReportingBox
) -> None:
    box.has(POWER, 1.0, pause=0)
    box.has(ENERGY, 7, NOT_CONNECTED, pause=0)
    found = await sp.data_sets.read("hp0001", "MET/LLN0.dsPart")
    assert [(one.reference.without_fc, one.valid) for one in found.readings] == [
        (POWER, True),
        (ENERGY, False),
    ]
    ((member, error),) = found.failed
    assert (member, error.service_error) == (GONE, ServiceError.INSTANCE_NOT_AVAILABLE)
    shown = json.loads(json.dumps(found.as_dict()))
    assert shown["failed"] == [
        {
            "reference": "MET/MMXU1.Nope[MX]",
            "error": str(ServiceError.INSTANCE_NOT_AVAILABLE),
            "detail": "object-non-existent",
        }
    ]
    assert [one["reference"] for one in shown["values"]] == [POWER, ENERGY]


# --- writing ---------------------------------------------------------------------------------------


async def test_settings_are_written_as_people_write_them_member_by_member(
    sp: HeatPumpAccess, box: ReportingBox
) -> None:
    await sp.data_sets.create("hp0001", "HP/LLN0.dsCurve", [POINTS, "HP/HcFCSD1.Crv.maxPts"])
    written = await sp.data_sets.write("hp0001", "HP/LLN0.dsCurve", ["3", "12"])
    assert [error and error.service_error for _, error in written] == [None, ServiceError.ACCESS_VIOLATION]
    assert (await sp.read("hp0001", POINTS)).value == 3


@pytest.mark.parametrize(("values", "says"), [(["3"], "2 members"), (["many", "1"], "not a whole number")])
async def test_values_that_do_not_fit_are_not_sent(
    sp: HeatPumpAccess, box: ReportingBox, values: list[str], says: str
) -> None:
    await sp.data_sets.create("hp0001", "HP/LLN0.dsCurve", [POINTS, POINTS])
    with pytest.raises(UnusableValue, match=says):
        await sp.data_sets.write("hp0001", "HP/LLN0.dsCurve", values)
    assert (await sp.read("hp0001", POINTS)).value != 1


# --- made and deleted ------------------------------------------------------------------------------


async def test_a_data_set_is_made_of_names_without_constraints_and_deleted(sp: HeatPumpAccess) -> None:
    await sp.data_sets.create("hp0001", MINE, [POWER, f"{ENERGY}[ST]", f"{FLOW}.mag.f"])
    found = await sp.data_sets.directory("hp0001", MINE)
    assert [str(one) for one in found.members] == [f"{POWER}[MX]", f"{ENERGY}[ST]", f"{FLOW}.mag.f[MX]"]
    assert found.deletable
    with pytest.raises(ServiceErrorReceived) as raised:
        await sp.data_sets.create("hp0001", MINE, [POWER])
    assert raised.value.service_error is ServiceError.INSTANCE_IN_USE
    await sp.data_sets.delete("hp0001", MINE)
    with pytest.raises(NoSuchObject):
        await sp.data_sets.delete("hp0001", MINE)


async def test_what_is_configured_stays_and_says_so(sp: HeatPumpAccess) -> None:
    with pytest.raises(ConfiguredDataSet, match="stays"):
        await sp.data_sets.delete("hp0001", "MET/LLN0.dsMeas")


async def test_one_of_the_association_ends_with_it(sp: HeatPumpAccess) -> None:
    with pytest.raises(UnusableValue, match="associate"):
        await sp.data_sets.create("hp0001", OWN, [POWER])
    await sp.associate("hp0001")
    await sp.data_sets.create("hp0001", OWN, [POWER])
    assert [str(one.reference) for one in (await sp.data_sets.read("hp0001", OWN)).readings] == [
        f"{POWER}[MX]"
    ]
    await sp.release("hp0001")
    await sp.associate("hp0001")
    with pytest.raises(NoSuchObject):
        await sp.data_sets.read("hp0001", OWN)


@pytest.mark.parametrize(
    ("members", "error"),
    [([], UnusableValue), (["MET/MMXU1"], InvalidReference), (["MET/MMXU1.Nope"], NoSuchObject)],
)
async def test_members_that_cannot_be_are_refused(
    sp: HeatPumpAccess, members: list[str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await sp.data_sets.create("hp0001", MINE, members)
