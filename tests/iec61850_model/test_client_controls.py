"""The client's control services against our own server, whose objects have different control models."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from iec61850_model.client import ControlRefused, NoSuchObject, Operation, Termination, UnusableValue
from iec61850_model.control_parts import ControlParts, control_parts
from iec61850_model.mms.pdu import Data, InformationReport, ObjectName, Payload, Unconfirmed, VariableList
from iec61850_model.reference import Reference
from iec61850_model.scl import read_scl
from iec61850_model.server import Moment, Send, Server, Switch
from iec61850_model.values import AddCause, OrCat, Timestamp
from tests.iec61850_model.control_models import DIRECT, ENHANCED, MODEL, SELECT, STATE
from tests.iec61850_model.in_memory_box import Box

PEER = "hp0001@hub.example.org/IEC"
_T = TypeVar("_T")


def run(work: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run(work)


def ref(text: str) -> Reference:
    return Reference.parse(text)


@pytest.fixture
def box() -> Box:
    made = Box()
    made.server = Server(read_scl(MODEL))
    return made


def heard(box: Box, target: str, number: int) -> list[Termination]:
    told: list[Termination] = []
    box.client.controls.listen(PEER, ref(target), number, told.append)
    return told


def later(box: Box, seconds: float) -> None:
    """Time goes by; the process obeys; what the box says by itself arrives."""
    box.now += seconds
    moment = Moment(box.now)
    effects = box.server.tick(moment)
    while effects:
        match effects.pop(0):
            case Switch(key):
                effects += box.server.switched(key, box.refuse, moment)
            case Send(_, payload):
                box.client.receive(PEER, payload)


def value(box: Box, target: str) -> object:
    return box.server.tree.read(ref(target))[0]


def test_an_object_is_selected_and_operated(box: Box) -> None:
    async def story() -> None:
        with pytest.raises(ControlRefused) as refused:
            await box.client.operate(PEER, ref(SELECT), Operation(True, box.now, 1))
        assert refused.value.add_cause is AddCause.OBJECT_NOT_SELECTED
        await box.client.associate(PEER)
        await box.client.controls.select(PEER, ref(SELECT))
        await box.client.operate(PEER, ref(SELECT), Operation(True, box.now, 2))

    run(story())
    assert value(box, SELECT) is True


def test_a_select_outside_an_association_is_refused(box: Box) -> None:
    with pytest.raises(ControlRefused) as refused:
        run(box.client.controls.select(PEER, ref(SELECT)))
    assert refused.value.add_cause is AddCause.SELECT_FAILED


def test_a_value_is_selected_and_operated_and_its_end_is_told(box: Box) -> None:
    operation = Operation(3, box.now, 5)
    told = heard(box, STATE, 5)

    async def story() -> None:
        await box.client.associate(PEER)
        await box.client.controls.select_with_value(PEER, ref(STATE), operation)
        await box.client.operate(PEER, ref(STATE), operation)

    run(story())
    assert (told, value(box, STATE)) == ([Termination(None, timed=False)], 3)


def test_a_process_that_refuses_is_told_by_the_termination(box: Box) -> None:
    box.refuse = AddCause.BLOCKED_BY_INTERLOCKING
    told = heard(box, ENHANCED, 1)
    run(box.client.operate(PEER, ref(ENHANCED), Operation(True, box.now, 1)))
    assert told == [Termination(AddCause.BLOCKED_BY_INTERLOCKING, timed=False)]


def test_of_a_command_for_later_beginning_and_end_are_told(box: Box) -> None:
    told = heard(box, ENHANCED, 1)
    run(box.client.operate(PEER, ref(ENHANCED), Operation(True, box.now, 1, at=box.now + 60)))
    assert told == []
    later(box, 60)
    assert told == [Termination(None, timed=True), Termination(None, timed=False)]


def test_what_waits_is_cancelled(box: Box) -> None:
    told = heard(box, DIRECT, 1)

    async def story() -> None:
        await box.client.operate(PEER, ref(DIRECT), Operation(True, box.now, 1, at=box.now + 60))
        await box.client.controls.cancel(PEER, ref(DIRECT), Operation(False, box.now, 2))
        with pytest.raises(ControlRefused) as refused:
            await box.client.controls.cancel(PEER, ref(DIRECT), Operation(False, box.now, 3))
        assert refused.value.add_cause is AddCause.OBJECT_NOT_SELECTED

    run(story())
    assert told == [Termination(AddCause.ABORTION_BY_CANCEL, timed=True)]
    later(box, 60)
    assert value(box, DIRECT) is False


@pytest.mark.parametrize("target", [STATE, SELECT])
def test_what_an_object_lacks_is_said_before_anything_is_sent(box: Box, target: str) -> None:
    async def story() -> None:
        await box.client.definition(PEER, "HP", ref(target).ln)
        before = box.requests
        with pytest.raises(UnusableValue if target == SELECT else NoSuchObject):
            if target == SELECT:
                await box.client.controls.select_with_value(PEER, ref(target), Operation(True, box.now, 1))
            else:
                await box.client.operate(PEER, ref("HP/SgrGGIO1.Nope"), Operation(1, box.now, 1))
        assert box.requests == before

    run(story())


def test_who_has_stopped_listening_is_told_nothing(box: Box) -> None:
    told: list[Termination] = []
    stop = box.client.controls.listen(PEER, ref(ENHANCED), 1, told.append)
    stop()
    run(box.client.operate(PEER, ref(ENHANCED), Operation(True, box.now, 1)))
    assert told == []


OPER = Data(
    "structure",
    (
        Data("boolean", True),
        Data("structure", (Data("integer", 3), Data("octet-string", b"me"))),
        Data("unsigned", 7),
        Data("utc-time", Timestamp(5, 0, 0)),
        Data("boolean", False),
        Data("bit-string", "00"),
    ),
)


NAME = ObjectName("RlyGGIO1$CO$SPCSO2$Oper", "HP")


def message(*named: tuple[ObjectName, Data]) -> Payload:
    names, values = zip(*named, strict=True)
    return Payload(Unconfirmed(InformationReport(VariableList(names), values)))


@pytest.mark.parametrize(
    "payload",
    [
        message((NAME, Data("boolean", True))),
        message((ObjectName("RlyGGIO1$CO$SPCSO1$Oper", "HP"), OPER)),
        message((ObjectName("RlyGGIO1$CO$SPCSO2$Oper"), OPER)),
        message((ObjectName("LastApplError"), OPER)),
        message((ObjectName("LastApplError"), OPER), (NAME, OPER[1][0])),
        Payload(Unconfirmed(InformationReport(VariableList((ObjectName("LastApplError"),)), ()))),
    ],
)
def test_what_is_no_termination_of_the_command_tells_nothing(box: Box, payload: Payload) -> None:
    told = heard(box, ENHANCED, 7)
    box.client.receive(PEER, payload)
    assert told == []


def test_a_termination_whose_reason_cannot_be_read_is_negative_all_the_same(box: Box) -> None:
    told = heard(box, ENHANCED, 7)
    oper = (NAME, OPER)
    box.client.receive(PEER, message((ObjectName("LastApplError"), Data("boolean", True)), oper))
    assert told == [Termination(AddCause.UNKNOWN, timed=False)]


# --- the parts of a control structure, without its model ------------------------------------------


def changed(at: int, part: Data) -> Data:
    parts = list(OPER.value)  # type: ignore[arg-type]  # a structure
    parts[at] = part
    return Data("structure", tuple(parts))


def test_the_parts_of_a_control_structure() -> None:
    time = Timestamp(5, 0, 0)
    now = Timestamp(0, 0, 0)
    parts = control_parts(OPER)
    assert parts == ControlParts(Data("boolean", True), now, OrCat.REMOTE_CONTROL, b"me", 7, time, False)
    values: Any = OPER.value
    timed = Data("structure", (values[0], Data("utc-time", Timestamp(9, 0, 0)), *values[1:-1]))
    assert control_parts(timed) == parts._replace(at=Timestamp(9, 0, 0))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Data("boolean", True),
        lambda: Data("array", OPER.value),
        lambda: Data("structure", ()),
        lambda: Data("structure", OPER.value[:4]),  # type: ignore[index]  # a structure
        lambda: Data("structure", (*OPER.value, Data("boolean", True))),  # type: ignore[misc]  # a structure
        lambda: changed(1, Data("integer", 3)),
        lambda: changed(1, Data("structure", (Data("integer", 3),))),
        lambda: changed(2, Data("visible-string", "7")),
        lambda: changed(3, Data("unsigned", 7)),
        lambda: changed(5, Data("boolean", True)),
    ],
)
def test_anything_else_has_no_such_parts(make: Callable[[], Data]) -> None:
    assert control_parts(make()) is None
