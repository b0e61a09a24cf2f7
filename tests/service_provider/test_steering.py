"""Commands by id and reference to objects of every control model, against our own server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from iec61850_model.client import Client
from iec61850_model.mms.pdu import ConfirmedRequest, Payload, ReadRequest, VariableList, WriteRequest
from iec61850_model.mms.xer import decode_payload, encode_payload, parse
from iec61850_model.reference import Reference
from iec61850_model.scl import read_scl
from iec61850_model.server import Effect, Incoming, Moment, Reply, Send, Server, Switch
from iec61850_model.values import AddCause
from service_provider import ControlRefused, NoAnswer, NotAllowed, UnusableValue
from service_provider.access import HeatPumpAccess
from service_provider.add_causes import explained
from tests.iec61850_model.control_models import DIRECT, ENHANCED, MODEL, ROOM, SELECT, STATE

ADDRESS = "hp0001@hub.example.org/IEC"
PATIENCE = 20.0
"""Seconds until a test gives up waiting; never the measure of anything."""


class Box:
    """A server with a process that obeys when it is told to, and a list of what it was asked."""

    def __init__(self) -> None:
        self.server = Server(read_scl(MODEL))
        self.asked: list[str] = []
        self.refuse: AddCause | None = None
        self.slow = False
        self.waiting: list[Switch] = []
        self.client: Client

    async def request(self, peer: str, payload: Payload) -> Payload:
        self.asked += list(_controls(payload))
        xml = encode_payload(payload)
        incoming = Incoming("agg@hub.example.org/desk", 1, decode_payload(parse(xml)), len(xml))
        answer = self._perform(self.server.handle(incoming, self.moment))
        assert answer is not None
        return answer

    @property
    def moment(self) -> Moment:
        return Moment(time.time())

    def obey(self) -> None:
        """The process does what it was asked."""
        for switch in self.waiting:
            self._perform(self.server.switched(switch.key, self.refuse, self.moment))
        self.waiting.clear()

    def tick(self, now: float) -> None:
        self._perform(self.server.tick(Moment(now)))

    def value(self, reference: str) -> object:
        return self.server.tree.read(Reference.parse(reference))[0]

    def selected(self, reference: str) -> bool:
        leaf = self.server.tree.find(Reference.parse(f"{reference}.stSeld[ST]"))
        return bool(leaf.value)  # type: ignore[union-attr]  # an attribute

    def _perform(self, effects: list[Effect]) -> Payload | None:
        answer: Payload | None = None
        while effects:
            match effects.pop(0):
                case Switch() as switch if self.slow:
                    self.waiting.append(switch)
                case Switch(key):
                    effects += self.server.switched(key, self.refuse, self.moment)
                case Send(_, payload):
                    self.client.receive(ADDRESS, payload)
                case Reply(_, _, payload):
                    answer = decode_payload(parse(encode_payload(payload)))
        return answer


def _controls(payload: Payload) -> list[str]:
    """SBO, SBOw, Oper and Cancel as they are asked."""
    match payload.pdu:
        case ConfirmedRequest(_, ReadRequest(VariableList(names)) | WriteRequest(VariableList(names), _)):
            return [name.item.rpartition("$")[2] for name in names if "$CO$" in name.item]
    return []


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def sp(box: Box) -> HeatPumpAccess:
    access = HeatPumpAccess(box, "hub.example.org")
    box.client = access._client
    return access


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for may be anything
            await asyncio.sleep(0.01)


def soon(seconds: float = 60) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("target", "value", "services"),
    [
        (DIRECT, "on", ["Oper"]),
        (SELECT, "on", ["SBO", "Oper"]),
        (ENHANCED, "on", ["Oper"]),
        (STATE, 3, ["SBOw", "Oper"]),
        (ROOM, "21.5", ["Oper"]),
    ],
)
async def test_each_control_model_gets_what_it_wants(
    sp: HeatPumpAccess, box: Box, target: str, value: object, services: list[str]
) -> None:
    await sp.operate("hp0001", target, value)
    assert box.asked == services
    assert box.value(target) in (True, 3, 21.5)
    assert len(box.server.associations) == 0, "an association made for a selection is given back"


async def test_with_enhanced_security_done_means_that_the_process_has_it(
    sp: HeatPumpAccess, box: Box
) -> None:
    box.slow = True
    operating = asyncio.create_task(sp.operate("hp0001", ENHANCED, True))
    await until(lambda: bool(box.waiting))
    await asyncio.sleep(0)
    assert not operating.done()
    box.obey()
    async with asyncio.timeout(PATIENCE):
        await operating


@pytest.mark.parametrize("target", [DIRECT, SELECT, ENHANCED])
async def test_a_process_that_refuses_gives_its_cause(sp: HeatPumpAccess, box: Box, target: str) -> None:
    box.refuse = AddCause.BLOCKED_BY_INTERLOCKING
    with pytest.raises(ControlRefused) as refused:
        await sp.operate("hp0001", target, True)
    assert refused.value.add_cause is AddCause.BLOCKED_BY_INTERLOCKING


@pytest.mark.parametrize(("target", "value"), [(DIRECT, True), (ENHANCED, True), (SELECT, True), (STATE, 3)])
async def test_who_waits_hears_how_a_command_for_later_ended(
    sp: HeatPumpAccess, box: Box, target: str, value: object
) -> None:
    at = soon()
    operating = asyncio.create_task(sp.operate("hp0001", target, value, at=at, wait=True))
    await until(lambda: "Oper" in box.asked)
    box.tick(at.timestamp())
    async with asyncio.timeout(PATIENCE):
        await operating
    assert box.value(target) == value


async def test_who_waits_hears_that_it_was_cancelled(sp: HeatPumpAccess, box: Box) -> None:
    operating = asyncio.create_task(sp.operate("hp0001", DIRECT, True, at=soon(), wait=True))
    await until(lambda: "Oper" in box.asked)
    await sp.cancel("hp0001", DIRECT)
    with pytest.raises(ControlRefused) as ended:
        await operating
    assert ended.value.add_cause is AddCause.ABORTION_BY_CANCEL


@pytest.mark.parametrize("gone", ["the heat pump", "our link"])
async def test_who_waits_hears_that_nothing_will_come(sp: HeatPumpAccess, box: Box, gone: str) -> None:
    operating = asyncio.create_task(sp.operate("hp0001", DIRECT, True, at=soon(), wait=True))
    await until(lambda: "Oper" in box.asked)
    if gone == "our link":
        sp._steering.all_gone("the link was lost")
    else:
        sp._steering.gone(ADDRESS, "hp0001 is offline")
    with pytest.raises(NoAnswer, match="may have been carried out"):
        await operating
    assert not sp._steering._waiting


@pytest.mark.parametrize("target", [DIRECT, SELECT, ENHANCED, STATE, ROOM])
async def test_another_session_takes_back_what_waits(box: Box, target: str) -> None:
    value = {STATE: 3, ROOM: 20.0}.get(target, True)
    for work in ("operate", "cancel"):
        sp = HeatPumpAccess(box, "hub.example.org")
        box.client = sp._client
        if work == "operate":
            await sp.operate("hp0001", target, value, at=soon())
        elif target in (STATE, ROOM, DIRECT, ENHANCED, SELECT):
            await sp.cancel("hp0001", target)
    box.tick(soon(61).timestamp())
    assert box.value(target) != value


async def test_a_refusal_of_a_command_for_later_names_the_end_of_the_grant(
    sp: HeatPumpAccess, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    through = box.request

    async def hub(peer: str, payload: Payload) -> Payload:
        if list(_controls(payload)):
            raise NotAllowed("ask the operator of the hub for the right")
        return await through(peer, payload)

    monkeypatch.setattr(box, "request", hub)
    with pytest.raises(NotAllowed, match=r"right$"):
        await sp.operate("hp0001", DIRECT, True)
    with pytest.raises(NotAllowed, match=r"right, or for a grant that lasts until then$"):
        await sp.operate("hp0001", DIRECT, True, at=soon())


async def test_with_nothing_to_take_back_that_is_said(sp: HeatPumpAccess) -> None:
    with pytest.raises(ControlRefused) as refused:
        await sp.cancel("hp0001", DIRECT)
    assert refused.value.add_cause is AddCause.OBJECT_NOT_SELECTED


@pytest.mark.parametrize(("target", "value"), [(SELECT, True), (STATE, 3)])
async def test_what_was_selected_is_operated_without_another_select(
    sp: HeatPumpAccess, box: Box, target: str, value: object
) -> None:
    assert await sp.select("hp0001", target, value)
    assert box.selected(target)
    await sp.operate("hp0001", target, value)
    assert box.asked.count("Oper") == 1
    assert len(box.asked) == 2
    assert box.value(target) == value


@pytest.mark.parametrize(("target", "value"), [(SELECT, True), (STATE, 3)])
async def test_a_selection_is_taken_back(sp: HeatPumpAccess, box: Box, target: str, value: object) -> None:
    await sp.select("hp0001", target, value)
    await sp.cancel("hp0001", target)
    assert not box.selected(target)


async def test_what_was_selected_for_something_else_is_selected_anew(sp: HeatPumpAccess, box: Box) -> None:
    await sp.select("hp0001", STATE, 2)
    await sp.operate("hp0001", STATE, 3)
    assert box.asked == ["SBOw", "SBOw", "Oper"]
    assert box.value(STATE) == 3


async def test_a_direct_object_is_not_selected(sp: HeatPumpAccess, box: Box) -> None:
    assert not await sp.select("hp0001", DIRECT, True)
    assert box.asked == []
    with pytest.raises(UnusableValue):
        await sp.select("hp0001", DIRECT, "perhaps")


async def test_a_test_is_for_devices_in_mode_test(sp: HeatPumpAccess) -> None:
    with pytest.raises(ControlRefused) as refused:
        await sp.operate("hp0001", DIRECT, True, test=True)
    assert refused.value.add_cause is AddCause.BLOCKED_BY_MODE


@pytest.mark.parametrize("cause", AddCause)
def test_every_cause_has_words(cause: AddCause) -> None:
    assert len(explained(cause)) > 10
