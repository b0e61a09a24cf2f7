"""Looking, reading, writing and switching by id and reference, against our own server."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from iec61850_model.mms.pdu import ConfirmedRequest, ConfirmedResponse, DataAccessError, Payload, ReadResponse
from iec61850_model.reference import Reference
from iec61850_model.server.effects import Moment, Switch
from iec61850_model.tree import Leaf
from iec61850_model.values import (
    GOOD,
    NOT_CONNECTED,
    AddCause,
    FunctionalConstraint,
    Quality,
    ServiceError,
    Timestamp,
)
from service_provider import (
    AmbiguousReference,
    ControlRefused,
    InvalidHeatPumpId,
    InvalidReference,
    Kind,
    NoSuchObject,
    ServiceErrorReceived,
    UnusableValue,
)
from service_provider.access import HeatPumpAccess
from tests.iec61850_model.in_memory_box import Box

FC = FunctionalConstraint
THEN = Timestamp.from_unix(1_800_000_000.25)
EVU = "HP/EvuGGIO1.SPCSO1"


class LiveBox(Box):
    """A box whose clock is the computer's, as commands carry the time they were given."""

    async def request(self, peer: str, payload: Payload) -> Payload:
        assert peer == "hp0001@hub.example.org/IEC"
        self.now = time.time()
        return await super().request(peer, payload)

    def has(self, reference: str, value: bool | int | float, quality: Quality = GOOD) -> None:
        self.server.tree.update(Reference.parse(reference), value, quality, THEN)


@pytest.fixture
def box() -> LiveBox:
    return LiveBox()


@pytest.fixture
def sp(box: LiveBox) -> HeatPumpAccess:
    access = HeatPumpAccess(box, "hub.example.org")
    box.client = access._client
    return access


# --- looking ---------------------------------------------------------------------------------------


async def test_ls_goes_down_level_by_level(sp: HeatPumpAccess) -> None:
    assert await sp.ls("hp0001") == ["AVG", "DER", "HP", "LD0", "MET", "SCH"]
    assert "MMXU1" in await sp.ls("hp0001", "MET")
    assert "TotW" in await sp.ls("hp0001", "MET/MMXU1")
    assert "mag[MX]" in await sp.ls("hp0001", "MET/MMXU1.TotW")
    assert await sp.ls("hp0001", "MET/MMXU1.TotW.mag") == ["f[MX]"]
    for missing in ("XXX", "MET/XXX1", "MET/MMXU1.Xxx"):
        with pytest.raises(NoSuchObject):
            await sp.ls("hp0001", missing)


async def test_browse_shows_every_level_with_values(sp: HeatPumpAccess, box: LiveBox) -> None:
    box.has("MET/MMXU1.TotW", 1234.5)
    tree = await sp.browse("hp0001")
    kinds = {branch.kind for branch in tree.walk()}
    assert kinds == set(Kind)
    assert [device.name for device in tree.children] == ["AVG", "DER", "HP", "LD0", "MET", "SCH"]
    labels = [branch.label for branch in tree.walk()]
    assert "TotW = 1234.5 W  [good]" in labels
    assert "stVal [ST] = on" in labels, "an enumeration is shown as text at the attribute too"
    json.dumps(tree.as_dict())


async def test_browse_of_a_part_is_the_same_as_in_the_whole(sp: HeatPumpAccess) -> None:
    node = await sp.browse("hp0001", "MET/MMXU1")
    whole = await sp.browse("hp0001", "MET")
    assert node in whole.children
    assert await sp.browse("hp0001", "MET/MMXU1.PhV.phsA") in list(node.walk())
    with pytest.raises(NoSuchObject):
        await sp.browse("hp0001", "MET/MMXU1.Xxx")


async def test_browse_does_not_read_controls(sp: HeatPumpAccess) -> None:
    tree = await sp.browse("hp0001", EVU)
    controls = [branch.label for branch in tree.walk() if branch.fc is FC.CO]
    assert controls == ["Oper [CO]", "Cancel [CO]"]


# --- reading ---------------------------------------------------------------------------------------


async def test_a_reading_is_value_unit_quality_and_time(sp: HeatPumpAccess, box: LiveBox) -> None:
    box.has("MET/MMXU1.TotW", 23.4)
    reading = await sp.read("hp0001", "MET/MMXU1.TotW")
    assert reading.as_dict() == {
        "heatpump": "hp0001",
        "reference": "MET/MMXU1.TotW",
        "fc": "MX",
        "value": 23.4,
        "unit": "W",
        "quality": "good",
        "time": "2027-01-15T08:00:00.250Z",
    }
    assert list(reading.as_dict()) == ["heatpump", "reference", "fc", "value", "unit", "quality", "time"]
    assert reading.text == "23.4 W"


async def test_an_attribute_comes_with_the_quality_of_its_object(sp: HeatPumpAccess, box: LiveBox) -> None:
    box.has("MET/MMXU1.PhV.phsA", 230.5)
    reading = await sp.read("hp0001", "MET/MMXU1.PhV.phsA.cVal.mag.f")
    assert (reading.value, reading.unit, reading.quality) == (230.5, "V", GOOD)
    assert reading.time == THEN.datetime


async def test_an_invalid_value_is_a_dash_for_people_and_itself_for_programs(
    sp: HeatPumpAccess, box: LiveBox
) -> None:
    box.has("MET/MMXU1.TotW", 5.0, NOT_CONNECTED)
    reading = await sp.read("hp0001", "MET/MMXU1.TotW")
    assert reading.text == "—"
    assert reading.as_dict()["value"] == 5.0
    assert reading.as_dict()["quality"] == "invalid (failure)"
    assert not reading.valid


async def test_a_counter_is_multiplied_by_its_pulse_quantity(sp: HeatPumpAccess, box: LiveBox) -> None:
    box.has("MET/MMTR1.TotWh", 1_000)
    leaf = box.server.tree.find(Reference.parse("MET/MMTR1.TotWh.pulsQty[CF]"))
    assert isinstance(leaf, Leaf)
    leaf.value = 10.0
    reading = await sp.read("hp0001", "MET/MMTR1.TotWh")
    assert (reading.value, reading.unit) == (10_000, "Wh")


async def test_a_set_point_and_a_state(sp: HeatPumpAccess, box: LiveBox) -> None:
    box.has("HP/RmFSPT1.SptVal", 20.5)
    box.has(EVU, True)
    point, relay, mode = await sp.read("hp0001", "HP/RmFSPT1.SptVal", EVU, "HP/LLN0.Mod")
    assert (point.value, point.unit, point.fc) == (20.5, "°C", FC.MX)
    assert (relay.value, relay.text, relay.fc) == (True, "on", FC.ST)
    assert (mode.value, mode.text) == (1, "on")


async def test_several_references_and_their_units_need_one_request(sp: HeatPumpAccess, box: LiveBox) -> None:
    await sp.read("hp0001", "MET/MMXU1.TotW", "MET/MMXU1.Hz")
    box.requests = 0
    await sp.read("hp0001", "MET/MMXU1.TotW", "MET/MMXU1.TotVAr", "MET/MMXU1.Hz")
    assert box.requests == 1


async def test_what_fails_does_not_take_the_rest_with_it(sp: HeatPumpAccess) -> None:
    good, missing, ambiguous, node = await sp.read_each(
        "hp0001", ["MET/MMXU1.TotW", "MET/MMXU1.Xxx", "HP/LLN0.NamPlt", "MET/MMXU1"]
    )
    assert isinstance(good, list)
    assert len(good) == 1
    assert isinstance(missing, NoSuchObject)
    assert isinstance(ambiguous, AmbiguousReference)
    assert ambiguous.choices == ("HP/LLN0.NamPlt[DC]", "HP/LLN0.NamPlt[EX]")
    assert isinstance(node, list)
    assert len(node) > 5


async def test_read_names_what_a_reference_of_several_values_holds(sp: HeatPumpAccess) -> None:
    with pytest.raises(AmbiguousReference, match=r"MET/MMXU1\.PhV\.phsA\[MX\]"):
        await sp.read("hp0001", "MET/MMXU1.PhV")
    with pytest.raises(NoSuchObject):
        await sp.read("hp0001", "MET/MMXU1.TotW", "MET/MMXU9.TotW")


@pytest.mark.parametrize("reference", ["MET", "MET/", "MET/MMXU1.TotW[XX]", "a b", "MET/MMXU1..f"])
async def test_a_wrong_reference_says_how_to_write_it(sp: HeatPumpAccess, reference: str) -> None:
    with pytest.raises(InvalidReference, match=r"LD/LN|logical node|functional constraint"):
        await sp.read("hp0001", reference)


@pytest.mark.parametrize("heatpump", ["", "a@b", "x/y", "a b", "x" * 65, "<x>", "ä"])
async def test_a_wrong_id_is_never_sent(sp: HeatPumpAccess, box: LiveBox, heatpump: str) -> None:
    with pytest.raises(InvalidHeatPumpId):
        await sp.read(heatpump, "MET/MMXU1.TotW")
    assert box.requests == 0


async def test_without_its_weight_a_counter_is_no_value() -> None:
    class Scoped(LiveBox):
        async def request(self, peer: str, payload: Payload) -> Payload:
            answer = await super().request(peer, payload)
            if isinstance(payload.pdu, ConfirmedRequest) and "pulsQty" in str(payload.pdu):
                assert isinstance(answer.pdu, ConfirmedResponse)
                assert isinstance(answer.pdu.service, ReadResponse)
                denied = DataAccessError.OBJECT_ACCESS_DENIED
                results = (answer.pdu.service.results[0], *[denied] * (len(answer.pdu.service.results) - 1))
                return Payload(ConfirmedResponse(answer.pdu.invoke_id, ReadResponse(results)))
            return answer

    sp = HeatPumpAccess(Scoped(), "hub.example.org")
    with pytest.raises(ServiceErrorReceived) as raised:
        await sp.read("hp0001", "MET/MMTR1.TotWh")
    assert raised.value.service_error is ServiceError.ACCESS_VIOLATION


# --- writing and switching -------------------------------------------------------------------------


async def test_what_may_not_be_written_is_refused_by_the_device(sp: HeatPumpAccess) -> None:
    with pytest.raises(ServiceErrorReceived) as raised:
        await sp.write("hp0001", "MET/MMXU1.TotW.d", "mine")
    assert raised.value.service_error is ServiceError.ACCESS_VIOLATION


async def test_writing_to_a_measurement_is_no_write(sp: HeatPumpAccess, box: LiveBox) -> None:
    await sp.read("hp0001", "MET/MMXU1.TotW")
    box.requests = 0
    with pytest.raises(UnusableValue, match="cannot be written"):
        await sp.write("hp0001", "MET/MMXU1.TotW.mag", 1.0)
    with pytest.raises(NoSuchObject):
        await sp.write("hp0001", "MET/MMXU1.Xxx", 1.0)
    assert box.requests == 0


@pytest.mark.parametrize(("said", "meant"), [(True, True), ("on", True), ("0", False), ("False", False)])
async def test_a_relay_follows(sp: HeatPumpAccess, box: LiveBox, said: object, meant: bool) -> None:
    box.has(EVU, not meant)
    await sp.operate("hp0001", EVU, said)
    assert (await sp.read("hp0001", EVU)).value is meant


async def test_set_points_and_sg_ready(sp: HeatPumpAccess) -> None:
    await sp.operate("hp0001", "HP/RmFSPT1.SptVal", "20.5")
    await sp.operate("hp0001", "HP/SgrGGIO1.ISCSO1", 3)
    point, state = await sp.read("hp0001", "HP/RmFSPT1.SptVal", "HP/SgrGGIO1.ISCSO1")
    assert (point.value, state.value) == (20.5, 3)


@pytest.mark.parametrize("value", ["perhaps", "2", 1, 0.5, None])
async def test_a_value_that_fits_no_relay_is_never_sent(
    sp: HeatPumpAccess, box: LiveBox, value: object
) -> None:
    with pytest.raises(UnusableValue, match="EvuGGIO1"):
        await sp.operate("hp0001", EVU, value)
    assert box.server.next_tick() is None


async def test_a_control_with_a_time_waits_for_it(sp: HeatPumpAccess, box: LiveBox) -> None:
    box.has(EVU, False)
    at = datetime.now(UTC) + timedelta(minutes=5)
    await sp.operate("hp0001", EVU, True, at=at)
    assert (await sp.read("hp0001", EVU)).value is False
    due = box.server.next_tick()
    assert due is not None
    assert due == pytest.approx(at.timestamp(), abs=1e-6)
    (switch,) = box.server.tick(Moment(due))
    assert isinstance(switch, Switch)
    box.server.switched(switch.key, None, Moment(due))
    assert (await sp.read("hp0001", EVU)).value is True


async def test_a_time_without_zone_is_refused(sp: HeatPumpAccess) -> None:
    with pytest.raises(ValueError, match="zone"):
        await sp.operate("hp0001", EVU, True, at=datetime(2030, 1, 1))


async def test_a_refusal_says_why(sp: HeatPumpAccess, box: LiveBox) -> None:
    box.refuse = AddCause.BLOCKED_BY_PROCESS
    with pytest.raises(ControlRefused, match="Blocked-by-process"):
        await sp.operate("hp0001", EVU, True)


async def test_two_commands_in_a_row_are_two(sp: HeatPumpAccess) -> None:
    for number, value in enumerate((True, False, True), 1):
        await sp.operate("hp0001", EVU, value)
        state, ctl_num = await sp.read("hp0001", EVU, f"{EVU}.ctlNum[ST]")
        assert (state.value, ctl_num.value) == (value, number)


async def test_an_association_on_request(sp: HeatPumpAccess, box: LiveBox) -> None:
    await sp.associate("hp0001")
    assert len(box.server.associations) == 1
    assert (await sp.read("hp0001", EVU)).fc is FC.ST
    await sp.release("hp0001")
    assert len(box.server.associations) == 0
