"""The client against our own server and its ICD: both sides of every service, with real XML between them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from iec61850_model.client import ControlRefused, NoSuchObject, Operation, to_plain
from iec61850_model.mms.pdu import Data
from iec61850_model.reference import Reference
from iec61850_model.server.effects import Moment, Switch
from iec61850_model.values import GOOD, AddCause, FunctionalConstraint, Timestamp
from tests.iec61850_model.in_memory_box import NOW, Box

PEER = "hp0001@hub.example.org/IEC"
FC = FunctionalConstraint
_T = TypeVar("_T")


def run(work: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run(work)


@pytest.fixture(scope="module")
def box() -> Box:
    return Box()


def test_every_object_can_be_found_and_read(box: Box) -> None:
    async def story() -> int:
        count = 0
        for ld in await box.client.server_directory(PEER):
            for ln in await box.client.logical_device_directory(PEER, ld):
                definition = await box.client.definition(PEER, ld, ln)
                objects = await box.client.logical_node_directory(PEER, ld, ln)
                assert tuple(objects) == definition.data_objects()
                for fc in definition.constraints:
                    if fc is FC.CO:
                        continue
                    values = await box.client.get_all_data_values(PEER, ld, ln, fc)
                    assert set(values) <= set(objects)
                    count += len(values)
        return count

    assert run(story()) > 100


def test_the_directories_are_those_of_the_icd(box: Box) -> None:
    assert run(box.client.server_directory(PEER)) == sorted(box.server.tree.devices)
    assert "MMXU1" in run(box.client.logical_device_directory(PEER, "MET"))


def test_a_value_with_its_quality_and_time(box: Box) -> None:
    box.server.tree.update(Reference.parse("MET/MMXU1.TotW"), 1234.5, GOOD, Timestamp.from_unix(NOW))

    async def story() -> object:
        reference = Reference.parse("MET/MMXU1.TotW[MX]")
        definition = await box.client.definition(PEER, "MET", "MMXU1")
        described = definition.find(FC.MX, reference.path)
        (result,) = await box.client.get_data_values(PEER, [reference])
        assert isinstance(result, Data)
        assert described is not None
        return to_plain(described, result)

    assert run(story()) == {"mag": {"f": 1234.5}, "q": GOOD, "t": Timestamp.from_unix(NOW)}


def test_what_is_not_there(box: Box) -> None:
    with pytest.raises(NoSuchObject):
        run(box.client.definition(PEER, "MET", "MMXU9"))
    with pytest.raises(NoSuchObject):
        run(box.client.logical_device_directory(PEER, "XXX"))
    (result,) = run(box.client.get_data_values(PEER, [Reference.parse("MET/MMXU1.Nothing[MX]")]))
    assert isinstance(result, NoSuchObject)


def relay(box: Box) -> Reference:
    controls = [reference for reference, cdc in box.server.tree.data_objects() if cdc == "SPC"]
    return next(
        reference
        for reference in controls
        if box.server.tree.find(reference.child("Oper").with_fc(FC.CO)) is not None
    )


def test_a_relay_is_switched_at_once(box: Box) -> None:
    target = relay(box)
    run(box.client.operate(PEER, target, Operation(True, box.now, 1)))
    assert box.server.tree.read(target)[0] is True


def test_a_relay_is_switched_later(box: Box) -> None:
    target = relay(box)
    run(box.client.operate(PEER, target, Operation(False, box.now, 2, at=box.now + 5)))
    due = box.server.next_tick()
    assert due == box.now + 5
    (switch,) = box.server.tick(Moment(box.now + 5))
    assert isinstance(switch, Switch)
    box.server.switched(switch.key, None, Moment(box.now + 5))
    assert box.server.tree.read(target)[0] is False


def test_a_command_that_is_too_old_is_refused_with_its_cause(box: Box) -> None:
    with pytest.raises(ControlRefused) as raised:
        run(box.client.operate(PEER, relay(box), Operation(True, box.now - 60, 3)))
    assert raised.value.add_cause is AddCause.TIME_LIMIT_OVER


def test_a_relay_that_does_not_obey_gives_its_cause(box: Box) -> None:
    box.refuse = AddCause.BLOCKED_BY_PROCESS
    try:
        with pytest.raises(ControlRefused) as raised:
            run(box.client.operate(PEER, relay(box), Operation(True, box.now, 4)))
    finally:
        box.refuse = None
    assert raised.value.add_cause is AddCause.BLOCKED_BY_PROCESS


def test_everything_works_inside_an_association_too(box: Box) -> None:
    async def story() -> None:
        association = await box.client.associate(PEER)
        assert association.pdu_size == 65_536
        assert await box.client.server_directory(PEER) == sorted(box.server.tree.devices)
        await box.client.release(PEER)

    run(story())
    assert len(box.server.associations) == 0


# --- a node too large to be described at once -----------------------------------------------------


def test_a_node_too_large_to_describe_at_once_is_described_in_parts_and_as_the_device_has_it() -> None:
    box = Box()
    definition = run(box.client.definition(PEER, "SCH", "RmFSCH1"))
    node = box.server.tree.devices["SCH"].nodes["RmFSCH1"]
    for fc, branch in node.by_fc.items():
        for name, child in branch.children.items():
            assert definition.find(fc, (name,)) == child.describe(), (fc, name)
    assert definition.unordered == {FC.SP}
    assert box.requests <= 15, "what differs by its number alone is asked for once"
    asked = box.requests
    run(box.client.definition(PEER, "SCH", "RmFSCH1"))
    assert box.requests == asked


def test_values_of_a_large_node_have_their_names() -> None:
    box = Box()
    written = Reference.parse("SCH/RmFSCH1.ValASG042.setMag.f[SP]")
    assert run(box.client.set_data_values(PEER, [(written, 21.5)])) == [None]
    values = run(box.client.get_all_data_values(PEER, "SCH", "RmFSCH1", FC.SP))
    assert values["ValASG042"] == {"setMag": {"f": 21.5}}
    assert values["ValASG041"] == {"setMag": {"f": 0.0}}
    assert values["NumEntr"] == {"setVal": 0}


def test_96_entries_are_written_and_read_in_one_request_each() -> None:
    box = Box()
    entries = [Reference.parse(f"SCH/RmFSCH1.ValASG{n:03}.setMag.f[SP]") for n in range(1, 97)]
    run(box.client.definition(PEER, "SCH", "RmFSCH1"))
    before = box.requests
    written = [(one, 18 + number / 8) for number, one in enumerate(entries)]
    assert run(box.client.set_data_values(PEER, written)) == [None] * 96
    values = run(box.client.get_data_values(PEER, entries))
    assert values == [Data("floating-point", value) for _, value in written]
    assert box.requests == before + 2
