"""Groups as a provider asks them: one message out, each member's result once, the missing asked again."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import pytest

from iec61850_model.client import Client, ClientError
from iec61850_model.mms.pdu import (
    ConfirmedRequest,
    GetVariableAccessAttributesRequest,
    Payload,
    ReadRequest,
    Reject,
    RejectReason,
    VariableList,
)
from iec61850_model.reference import Reference
from iec61850_model.scl import read_scl
from iec61850_model.tree import Leaf, Tree
from iec61850_model.values import GOOD, AddCause, Timestamp
from service_provider import (
    ControlRefused,
    HeatPumpOffline,
    MemberResult,
    NoAnswer,
    NoSuchGroup,
    NoSuchObject,
    NotAllowed,
    Outcome,
    UnusableValue,
)
from service_provider import groups as groups_module
from service_provider.addresses import heatpump_at
from service_provider.cli.exits import DONE, NO_ANSWER, REFUSED
from service_provider.cli.grouping import show_results
from service_provider.control_facts import ControlFacts
from service_provider.groups import Group, Groups
from tests.iec61850_model.control_models import ENHANCED, MODEL, SELECT
from tests.iec61850_model.in_memory_box import Box

HUB = "hub.example.org"
EVU = "HP/EvuGGIO1.SPCSO1"
STATUS = Reference.parse(f"{EVU}.stVal[ST]")
POWER = "MET/MMXU1.TotW"
THEN = Timestamp.from_unix(1_800_000_000)


class House(Box):
    """A box that may be away, or for whom the hub refuses; ``deaf``: how many requests it does not hear."""

    def __init__(self, client: Client, tree: Tree | None = None) -> None:
        super().__init__(tree=tree)
        self.client = client
        self.error: ClientError | None = None
        self.deaf = 0
        self.heard = 0
        self.now = time.time()

    async def request(self, peer: str, payload: Payload) -> Payload:
        self.now = time.time()
        if self.error is not None:
            raise self.error
        if self.deaf and not _about_the_model(payload):
            self.deaf -= 1
            raise NoAnswer("silence")
        self.heard += not _about_the_model(payload)
        return await super().request(peer, payload)

    @property
    def blocked(self) -> bool:
        leaf = self.server.tree.find(STATUS)
        assert isinstance(leaf, Leaf)
        return leaf.value is True


def _about_the_model(payload: Payload) -> bool:
    """What one of the group is asked first."""
    match payload.pdu:
        case ConfirmedRequest(_, GetVariableAccessAttributesRequest()):
            return True
        case ConfirmedRequest(_, ReadRequest(VariableList(names))):
            return names[0].item.endswith("$ctlModel")
    return False


class Hub:
    """Some boxes behind one hub, all in group north: what a group's transport does, without a network."""

    def __init__(self, count: int, model: bytes | None = None) -> None:
        self.client = Client(self)
        self.boxes = {
            f"hp{number:04d}": House(self.client, read_scl(model) if model else None)
            for number in range(count)
        }
        self.messages: list[str] = []
        self.alone: list[str] = []
        self.strangers: list[tuple[str, Payload | ClientError]] = []
        self.refusal: ClientError | None = None

    async def group(self) -> Group:
        return await Groups(self.client, self, HUB, lambda one: self.boxes[one].error is None).group("north")

    async def request(self, peer: str, payload: Payload) -> Payload:
        name = heatpump_at(peer, HUB)
        assert name is not None
        if not _about_the_model(payload):
            self.alone.append(name)
        return await self.boxes[name].request(peer, payload)

    async def members(self, group: str) -> list[str]:
        if group != f"north@{HUB}":
            raise NoSuchGroup("no such group")
        return [f"{name}@{HUB}/IEC" for name in self.boxes]

    @contextmanager
    def ask(self, group: str, payload: Payload) -> Iterator[Hub]:
        self.messages.append(group)
        self._waiting = self._answers(payload)
        yield self

    async def _answers(self, payload: Payload) -> AsyncGenerator[tuple[str, Payload | ClientError], None]:
        if self.refusal is not None:
            yield f"north@{HUB}", self.refusal
        for one in self.strangers:
            yield one
        for name, box in self.boxes.items():
            peer = f"{name}@{HUB}/IEC"
            try:
                yield peer, await box.request(peer, payload)
            except HeatPumpOffline as away:
                yield peer, away
            except NoAnswer:
                continue
            except ClientError as error:
                yield peer, error

    async def next(self) -> tuple[str, Payload | ClientError]:
        try:
            return await anext(self._waiting)
        except StopAsyncIteration:
            raise NoAnswer("nobody speaks any more") from None


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups_module, "PAUSE", 0.0)


async def by_id(results: AsyncGenerator[MemberResult, None]) -> dict[str, MemberResult]:
    found: dict[str, MemberResult] = {}
    async for one in results:
        assert one.heatpump not in found, "a result twice"
        found[one.heatpump] = one
    return found


async def test_one_message_operates_all() -> None:
    hub = Hub(5)
    found = await by_id((await hub.group()).operate(EVU, "on"))
    assert {one.outcome for one in found.values()} == {Outcome.DONE}
    assert all(box.blocked for box in hub.boxes.values())
    assert (hub.messages, hub.alone) == ([f"north@{HUB}"], [])


async def test_each_member_says_for_itself_why_not() -> None:
    hub = Hub(4)
    hub.boxes["hp0001"].refuse = AddCause.BLOCKED_BY_INTERLOCKING
    hub.boxes["hp0002"].error = NotAllowed("your grant does not allow it")
    hub.boxes["hp0003"].error = HeatPumpOffline("away")
    found = await by_id((await hub.group()).operate(EVU, True, repeat=2))
    assert [found[f"hp000{n}"].outcome for n in range(4)] == [
        Outcome.DONE, Outcome.REFUSED, Outcome.REFUSED, Outcome.SILENT,
    ]  # fmt: skip
    refused = found["hp0001"].error
    assert isinstance(refused, ControlRefused)
    assert refused.add_cause is AddCause.BLOCKED_BY_INTERLOCKING, "LastApplError of this one, not of another"
    assert hub.alone == ["hp0003"] * 2, "only who is missing is asked again"


async def test_with_enhanced_security_done_means_that_it_was_carried_out() -> None:
    hub, found = Hub(3, MODEL), []
    hub.boxes["hp0000"].slow = True
    hub.boxes["hp0001"].refuse = AddCause.BLOCKED_BY_PROCESS

    async def operating() -> None:
        async for one in (await hub.group()).operate(ENHANCED, True):
            found.append((one.heatpump, one.outcome))

    task = asyncio.create_task(operating())
    async with asyncio.timeout(20):
        while len(found) < 2:  # noqa: ASYNC110 - what is waited for is no event
            await asyncio.sleep(0.01)
    assert not task.done(), "accepted is not done"
    hub.boxes["hp0000"].obey()
    await task
    assert found[-1] == ("hp0000", Outcome.DONE)
    assert sorted(found[:2]) == [("hp0001", Outcome.REFUSED), ("hp0002", Outcome.DONE)]


async def test_who_accepts_and_never_tells_how_it_ended_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ControlFacts, "patience", 0.0)
    hub = Hub(2, MODEL)
    hub.boxes["hp0000"].slow = True
    found = await by_id((await hub.group()).operate(ENHANCED, True))
    assert (found["hp0000"].outcome, found["hp0001"].outcome) == (Outcome.SILENT, Outcome.DONE)
    assert hub.alone == [], "it has the command"


async def test_what_must_be_selected_first_is_not_for_many() -> None:
    with pytest.raises(UnusableValue, match="operate each alone"):
        await by_id((await Hub(1, MODEL).group()).operate(SELECT, True))


async def test_who_did_not_hear_is_asked_again_and_nothing_is_done_twice() -> None:
    hub = Hub(3)
    hub.boxes["hp0001"].deaf = 1
    found = await by_id((await hub.group()).operate(EVU, True))
    assert {one.outcome for one in found.values()} == {Outcome.DONE}
    assert hub.boxes["hp0001"].heard == hub.boxes["hp0002"].heard == 1
    assert hub.alone == ["hp0001"]


async def test_a_repeat_after_a_lost_answer_is_the_same_operate() -> None:
    """It was carried out, its answer got lost, and meanwhile somebody else switched back."""
    hub = Hub(1)
    box = hub.boxes["hp0000"]
    serve = box.request
    lost = []

    async def loses_the_first(peer: str, payload: Payload) -> Payload:
        answer = await serve(peer, payload)
        if payload.pdu in lost or _about_the_model(payload):
            return answer
        lost.append(payload.pdu)
        assert box.blocked
        box.server.tree.update(Reference.parse(EVU), False, GOOD, Timestamp.from_unix(time.time()))
        raise NoAnswer("lost on the way")

    box.request = loses_the_first  # type: ignore[method-assign]  # the same box, with a bad line
    found = await by_id((await hub.group()).operate(EVU, True))
    assert (found["hp0000"].outcome, len(lost)) == (Outcome.DONE, 1)
    assert not box.blocked, "not carried out a second time"


async def test_a_silent_one_is_asked_as_often_as_wanted() -> None:
    hub = Hub(2)
    hub.boxes["hp0001"].deaf = 99
    for repeat in (0, 3):
        hub.alone.clear()
        found = await by_id((await hub.group()).operate(EVU, True, repeat=repeat))
        assert found["hp0001"].outcome is Outcome.SILENT
        assert len(hub.alone) == repeat


async def test_an_operate_is_not_repeated_when_boxes_would_refuse_it_as_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(groups_module, "OPERATE_WITHIN", -1.0)
    hub = Hub(2)
    hub.boxes["hp0001"].deaf = 99
    found = await by_id((await hub.group()).operate(EVU, True, repeat=5))
    assert (found["hp0001"].outcome, hub.alone) == (Outcome.SILENT, [])


async def test_an_answer_counts_once_and_that_of_one_who_joined_meanwhile_too() -> None:
    hub = Hub(2)
    peer = f"hp0000@{HUB}/IEC"
    joined, nobody = f"hp0009@{HUB}/IEC", f"hp0001@{HUB}/other"
    reject = Payload(Reject(RejectReason.INVALID_PDU))
    hub.strangers = [(peer, reject), (peer, reject), (nobody, reject), (joined, reject)]
    found = await by_id((await hub.group()).operate(EVU, True))
    assert {name: one.outcome for name, one in found.items()} == {
        "hp0000": Outcome.REFUSED, "hp0001": Outcome.DONE, "hp0009": Outcome.REFUSED,
    }  # fmt: skip


async def test_what_concerns_all_is_raised() -> None:
    hub = Hub(2)
    group = await hub.group()
    with pytest.raises(NoSuchObject):
        await by_id(group.operate("HP/XxxGGIO1.SPCSO1", True))
    with pytest.raises(UnusableValue):
        await by_id(group.operate(EVU, "perhaps"))
    with pytest.raises(NoSuchGroup):
        await Groups(hub.client, hub, HUB, lambda one: True).group("south")
    assert hub.messages == [], "nothing was sent"
    hub.refusal = NoSuchGroup("gone meanwhile")
    with pytest.raises(NoSuchGroup, match="gone meanwhile"):
        await by_id(group.operate(EVU, True))


async def test_the_definition_comes_from_one_that_is_there() -> None:
    hub = Hub(8)
    for number in range(groups_module.SAMPLES + 1):
        hub.boxes[f"hp{number:04d}"].error = HeatPumpOffline("away")
    found = await by_id((await hub.group()).operate(EVU, True, repeat=0))
    assert sum(one.outcome is Outcome.DONE for one in found.values()) == 2


async def test_many_missing_are_asked_again_some_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups_module, "AT_ONCE", 3)
    hub = Hub(7)
    under_way = most = 0
    for box in hub.boxes.values():
        box.deaf = 1
    serve = hub.request

    async def slow(peer: str, payload: Payload) -> Payload:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return await serve(peer, payload)

    hub.request = slow  # type: ignore[method-assign]  # the same, but it takes a while
    found = await by_id((await hub.group()).operate(EVU, True))
    assert {one.outcome for one in found.values()} == {Outcome.DONE}
    assert most == 3


# --- reading ---------------------------------------------------------------------------------------


async def test_values_come_with_their_unit_from_all_by_one_message() -> None:
    hub = Hub(3)
    for number, box in enumerate(hub.boxes.values()):
        box.server.tree.update(Reference.parse(POWER), 100.5 + number, GOOD, THEN)
    found = await by_id((await hub.group()).read(POWER, f"{EVU}.stVal"))
    assert [[one.text for one in found[f"hp000{n}"].readings] for n in range(3)] == [
        ["100.5 W", "—"], ["101.5 W", "—"], ["102.5 W", "—"],
    ]  # fmt: skip
    assert len(hub.messages) == 1
    assert found["hp0001"].readings[0].time is not None


async def test_what_one_cannot_read_keeps_the_rest() -> None:
    hub = Hub(2)
    tree = hub.boxes["hp0001"].server.tree
    del tree.devices["MET"]
    found = await by_id((await hub.group()).read(POWER, f"{EVU}.stVal"))
    assert found["hp0000"].outcome is Outcome.DONE
    other = found["hp0001"]
    assert (other.outcome, [one.text for one in other.readings]) == (Outcome.REFUSED, ["—"])
    assert isinstance(other.error, NoSuchObject)


async def test_a_group_is_not_asked_for_more_than_one_request_holds() -> None:
    hub = Hub(1)
    nodes = await hub.client.logical_device_directory(f"hp0000@{HUB}/IEC", "MET")
    everything = [f"MET/{ln}" for ln in nodes]
    with pytest.raises(UnusableValue, match="too many for a group"):
        await by_id((await hub.group()).read(*everything))


# --- what a person sees ----------------------------------------------------------------------------


async def shown(*, as_json: bool, **errors: ClientError) -> tuple[int, str, str]:
    hub = Hub(3)
    for name, error in errors.items():
        hub.boxes[name].error = error
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        results = (await hub.group()).operate(EVU, True, repeat=0)
        code = await show_results(results, 3, as_json=as_json)
    return code, out.getvalue(), err.getvalue()


AWAY, FORBIDDEN = HeatPumpOffline("hp is away"), NotAllowed("your grant does not allow this")


async def test_the_exit_code_says_what_happened_and_silence_counts_first() -> None:
    assert (await shown(as_json=False))[0] == DONE
    assert (await shown(as_json=False, hp0001=FORBIDDEN))[0] == REFUSED
    assert (await shown(as_json=False, hp0001=FORBIDDEN, hp0002=AWAY))[0] == NO_ANSWER


async def test_those_not_done_are_named() -> None:
    _, out, err = await shown(as_json=False, hp0002=FORBIDDEN, hp0001=AWAY)
    assert out.splitlines() == [
        "hp0001\tno answer\thp is away",
        "hp0002\trefused\tyour grant does not allow this",
    ]
    assert err == "hpclient: 1 done, 1 refused, 1 no answer\n"


async def test_json_has_a_line_for_each_and_one_for_all() -> None:
    _, out, _ = await shown(as_json=True, hp0001=AWAY)
    *lines, summary = [json.loads(line) for line in out.splitlines()]
    assert sorted((one["heatpump"], one["outcome"], one["error"]) for one in lines) == [
        ("hp0000", "done", None), ("hp0001", "no answer", "hp is away"), ("hp0002", "done", None),
    ]  # fmt: skip
    assert summary == {"summary": {"done": 2, "refused": 0, "no answer": 1}}
