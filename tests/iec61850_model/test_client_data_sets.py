"""Data sets as a client uses them: against our own server, and against a device that answers oddly."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from box_model import box_blocks
from in_memory_box import Box

from iec61850_model.blocks import Blocks, DataSetConfig
from iec61850_model.client import BadAnswer, Client, NoSuchObject, ServiceErrorReceived, UnusableValue
from iec61850_model.client.data_sets import DataSetDirectory, DataSets, object_name
from iec61850_model.client.exchange import Exchange
from iec61850_model.mms.pdu import (
    ConfirmedRequest,
    ConfirmedResponse,
    Data,
    GetNamedVariableListAttributesResponse,
    ObjectName,
    Payload,
    ResponseService,
    WriteResponse,
)
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.values import GOOD, ServiceError, Timestamp

PEER = "hp0001@hub.example.org/IEC"
POWER, COUNT = Reference.parse("MET/MMXU1.TotW[MX]"), Reference.parse("HP/HcFCSD1.Crv.numPts[SP]")
GONE = Reference.parse("MET/MMXU1.Nope[MX]")
MIXED = "MET/LLN0.dsMixed"
_T = TypeVar("_T")


def run(work: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run(work)


def box_with(*members: Reference) -> Box:
    return Box(Blocks((DataSetConfig("MET", "LLN0", "dsMixed", members),)))


@pytest.fixture
def box() -> Box:
    return box_with(POWER, COUNT)


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["MET/LLN0.dsMixed", "MET/LLN0$dsMixed"])
def test_both_notations_name_a_data_set(text: str) -> None:
    assert object_name(text) == ObjectName("LLN0$dsMixed", "MET")


def test_an_at_sign_names_one_of_the_association() -> None:
    assert object_name("@mine") == ObjectName("@mine", aa_specific=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dsMixed",
        "MET",
        "MET/LLN0",
        "MET/LLN0.ds.Mixed",
        "MET/LLN0.ds[MX]",
        "@",
        "@a b",
        "@mine[MX]",
        "/mine",
    ],
)
def test_what_is_no_name_is_not_sent(box: Box, text: str) -> None:
    with pytest.raises(InvalidReference, match="LD/LN"):
        run(box.client.data_sets.values(PEER, text))
    assert box.requests == 0


# --- against our own server -----------------------------------------------------------------------


def test_the_data_sets_of_the_shipped_model_are_listed_and_described() -> None:
    box = Box(box_blocks())
    assert run(box.client.data_sets.names(PEER, "MET")) == ["MET/LLN0.dsCnt", "MET/LLN0.dsMeas"]
    found = run(box.client.data_sets.directory(PEER, "MET/LLN0.dsMeas"))
    (configured,) = [one for one in box_blocks().data_sets if one.name == "dsMeas"]
    assert found == DataSetDirectory(configured.members, deletable=False)


def test_values_come_in_the_order_of_the_members(box: Box) -> None:
    box.server.tree.update(Reference.parse("MET/MMXU1.TotW"), 1234.5, GOOD, Timestamp(1, 0, 0))
    power, count = run(box.client.data_sets.values(PEER, MIXED))
    assert run(box.client.get_data_values(PEER, [POWER, COUNT])) == [power, count]
    assert isinstance(power, Data) and power.tag == "structure"


def test_a_member_that_cannot_be_read_is_an_error_in_its_place() -> None:
    error, count = run(box_with(GONE, COUNT).client.data_sets.values(PEER, MIXED))
    assert isinstance(error, NoSuchObject) and "member 0" in str(error)
    assert isinstance(count, Data)


def test_each_member_is_written_or_refused(box: Box) -> None:
    power = {"mag": {"f": 1.0}, "q": GOOD, "t": Timestamp(1, 0, 0)}
    refused, done = run(box.client.data_sets.set_values(PEER, MIXED, [power, 3]))
    assert isinstance(refused, ServiceErrorReceived)
    assert refused.service_error is ServiceError.ACCESS_VIOLATION and "MET/MMXU1.TotW[MX]" in str(refused)
    assert done is None
    assert run(box.client.data_sets.values(PEER, MIXED))[1] == Data("unsigned", 3)


def test_values_that_do_not_fit_are_not_written() -> None:
    box = box_with(COUNT)
    before = run(box.client.data_sets.values(PEER, MIXED))
    for values in ([], [3, 4], ["three"], [1 << 40]):
        with pytest.raises(UnusableValue):
            run(box.client.data_sets.set_values(PEER, MIXED, values))
    with pytest.raises(NoSuchObject):
        run(box_with(GONE).client.data_sets.set_values(PEER, MIXED, [3]))
    assert run(box.client.data_sets.values(PEER, MIXED)) == before


def test_one_is_created_read_and_deleted(box: Box) -> None:
    async def story() -> None:
        data_sets = box.client.data_sets
        await data_sets.create(PEER, "HP/LLN0.dsMine", [COUNT, POWER])
        assert await data_sets.names(PEER, "HP") == ["HP/LLN0.dsMine"]
        assert await data_sets.directory(PEER, "HP/LLN0.dsMine") == DataSetDirectory((COUNT, POWER), True)
        assert len(await data_sets.values(PEER, "HP/LLN0.dsMine")) == 2
        assert await data_sets.delete(PEER, "HP/LLN0.dsMine")
        assert await data_sets.names(PEER, "HP") == []

    run(story())


def test_one_of_the_association_ends_with_it(box: Box) -> None:
    async def story() -> None:
        data_sets = box.client.data_sets
        await box.client.associate(PEER)
        await data_sets.create(PEER, "@mine", [POWER])
        assert await data_sets.own_names(PEER) == ["@mine"]
        assert len(await data_sets.values(PEER, "@mine")) == 1
        await box.client.release(PEER)
        await box.client.associate(PEER)
        assert await data_sets.own_names(PEER) == []

    run(story())


def test_what_cannot_be_created_is_told(box: Box) -> None:
    for data_set, members, error in (
        (MIXED, [POWER], ServiceError.INSTANCE_IN_USE),
        ("MET/LLN0.dsMine", [GONE], ServiceError.INSTANCE_NOT_AVAILABLE),
        ("MET/MMXU9.dsMine", [POWER], ServiceError.INSTANCE_NOT_AVAILABLE),
        ("@mine", [POWER], ServiceError.ACCESS_VIOLATION),
    ):
        with pytest.raises(ServiceErrorReceived) as told:
            run(box.client.data_sets.create(PEER, data_set, members))
        assert told.value.service_error is error


@pytest.mark.parametrize("members", [[], [Reference.parse("MET/MMXU1.TotW")], [Reference.parse("MET[MX]")]])
def test_members_need_a_functional_constraint(box: Box, members: list[Reference]) -> None:
    with pytest.raises(ValueError, match="functional constraint"):
        run(box.client.data_sets.create(PEER, "MET/LLN0.dsMine", members))
    assert box.requests == 0


def test_what_is_configured_or_in_use_or_not_there_is_not_deleted(box: Box) -> None:
    data_sets = box.client.data_sets
    assert run(data_sets.delete(PEER, MIXED)) is False
    with pytest.raises(NoSuchObject):
        run(data_sets.delete(PEER, "MET/LLN0.dsNone"))
    run(data_sets.create(PEER, "MET/LLN0.dsMine", [POWER]))
    box.server.data_sets.in_use.append(lambda ld, item: (ld, item) == ("MET", "LLN0$dsMine"))
    with pytest.raises(ServiceErrorReceived) as told:
        run(data_sets.delete(PEER, "MET/LLN0.dsMine"))
    assert told.value.service_error is ServiceError.INSTANCE_IN_USE


def test_one_that_is_not_there_is_no_such_object(box: Box) -> None:
    for asked in (box.client.data_sets.values, box.client.data_sets.directory):
        with pytest.raises(NoSuchObject):
            run(asked(PEER, "MET/LLN0.dsNone"))
    with pytest.raises(NoSuchObject):
        run(box.client.data_sets.names(PEER, "NONE"))


def test_control_blocks_are_no_data_objects() -> None:
    box = Box(box_blocks())
    objects = run(box.client.logical_node_directory(PEER, "LD0", "LLN0"))
    assert "Health" in objects
    assert not [name for name in objects if "cb" in name]


# --- against a device that answers oddly ----------------------------------------------------------


class Device:
    """Gives these responses one after the other."""

    def __init__(self, *script: ResponseService) -> None:
        self.script = list(script)
        self.client = Client(self)

    async def request(self, peer: str, payload: Payload) -> Payload:
        assert isinstance(payload.pdu, ConfirmedRequest)
        return Payload(ConfirmedResponse(payload.pdu.invoke_id, self.script.pop(0)))


@pytest.mark.parametrize(
    "member", [ObjectName("MMXU1", "MET"), ObjectName("MMXU1$XX$TotW", "MET"), ObjectName("RPT")]
)
def test_a_member_that_is_no_reference_is_a_bad_answer(member: ObjectName) -> None:
    device = Device(GetNamedVariableListAttributesResponse((member,)))
    with pytest.raises(BadAnswer, match="member of MET/LLN0"):
        run(device.client.data_sets.directory(PEER, MIXED))


def test_results_that_are_not_one_for_each_member_are_a_bad_answer() -> None:
    device = Device(
        GetNamedVariableListAttributesResponse((ObjectName(COUNT.item_id, "HP"),)),
        WriteResponse((None, None)),
    )
    data_sets = DataSets(Exchange(device), box_with(COUNT).client.definition)
    with pytest.raises(BadAnswer, match="2 writes where 1"):
        run(data_sets.set_values(PEER, MIXED, [3]))
