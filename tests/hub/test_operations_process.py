"""Operations as a process, with a real registry, audit and router; link and boxes are pretended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from prometheus_client import generate_latest
from scheduled_box import HUB, NOT_READY, READY, RUNNING, ScheduledBox
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

import hub.operations.link
import hub.operations.process
from hub.addresses import Addresses
from hub.audit import AuditFilter, AuditLog, AuditReader
from hub.component import LinkDown
from hub.config import HubConfig
from hub.metrics import registry_of
from hub.operations.metrics import OperationsMetrics
from hub.operations.process import OperationsProcess
from hub.ops_way import RouterWithOperations
from hub.registry import (
    Heard,
    NewGrant,
    Registry,
    add_grant,
    add_group,
    add_heat_pump,
    add_members,
    add_provider,
    changes_since,
    get_grant,
    keep_presence,
    open_steering,
    remove_heat_pump,
    remove_provider,
    revoke_grant,
)
from hub.roster import HeatPump, LinkState, Provider, Right, Roster
from hub.router import Outcome
from hub.stanzas import Stanza, stanza
from iec61850_model.mms.xer import decode_payload, encode_payload
from iec61850_model.values import Timestamp

PATIENCE = 20.0
"""Seconds until a test gives up waiting; never the measure of anything."""
BOX, HP = "box0001@boxes.example", "hp0001"
AGG, OPS = f"agg@{HUB}/~ops", f"ops@{HUB}/~ops"
WITHDRAWN = f"agg@{HUB}/~withdrawn"


def elements(xml: str) -> Element:
    return fromstring(f'<s xmlns="jabber:component:accept">{xml}</s>')


@dataclass
class PretendedHub:
    """The link of operations, with the real router's rules behind it, and boxes behind those."""

    take: Callable[[Stanza], None]
    boxes: dict[str, ScheduledBox]
    roster: Roster
    lose: Callable[[Element], bool] = lambda _: False
    up: bool = False
    on_up: list[Callable[[], None]] = field(default_factory=list)
    on_down: list[Callable[[], None]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def send(self, xml: str) -> None:
        if not self.up:
            raise LinkDown("down")
        for element in elements(xml):
            asyncio.get_running_loop().call_soon(self._route, element)

    def _route(self, element: Element) -> None:
        router = RouterWithOperations(Addresses(HUB), self.roster)
        routed = router.route(Stanza.of(element), 1.0)
        if routed.outcome is not Outcome.FORWARDED:
            self.refused.append(routed.reason)
        for out in elements(routed.xml):
            if out.get("to", "").startswith("ops."):
                if self.up:
                    self.take(Stanza.of(out))
            elif not self.lose(out):
                self._to_box(out)

    def _to_box(self, out: Element) -> None:
        bare, _, _ = out.get("to", "").partition("/")
        box, sender = self.boxes.get(bare), out.get("from", "")
        if out.tag.endswith("presence"):
            if box is not None:
                box.presence(sender, out.get("type", ""))
            return
        if box is None:
            told = stanza("iq", "error", out.get("id", ""), out.get("to", ""), sender)
        else:
            answer = encode_payload(box.answer(sender, decode_payload(out[0])))
            told = stanza("iq", "result", out.get("id", ""), out.get("to", ""), sender, answer)
        self._route(elements(told)[0])

    async def run(self) -> None:
        self.connect()
        try:
            await asyncio.Event().wait()
        finally:
            self.disconnect()

    def connect(self) -> None:
        self.up = True
        for callback in self.on_up:
            callback()

    def disconnect(self) -> None:
        self.up = False
        for callback in self.on_down:
            callback()


@dataclass
class World:
    """A hub whose operations can be started and killed."""

    config: HubConfig
    registry: Registry
    audit_url: str
    boxes: dict[str, ScheduledBox] = field(default_factory=dict)
    roster: Roster = field(default_factory=Roster)
    link: PretendedHub | None = None
    process: OperationsProcess | None = None
    task: asyncio.Task[None] | None = None
    audit: AuditLog | None = None
    lose: Callable[[Element], bool] = lambda _: False

    def make_link(
        self, _domain: str, _secret: str, _address: object, take: Callable[[Any], None]
    ) -> PretendedHub:
        self.link = PretendedHub(take, self.boxes, self.roster, self.lose)
        return self.link

    async def start(self) -> None:
        self.audit = await AuditLog.open(self.audit_url, "ops")
        self.process = OperationsProcess(self.config, self.registry, self.audit)
        self.task = asyncio.create_task(self.process.run())
        await until(lambda: self.link is not None and self.link.up)

    async def kill(self) -> None:
        """As a power cut: what is finished and not written is forgotten."""
        assert self.task is not None
        assert self.process is not None
        assert self.audit is not None
        self.process._watch._finished.clear()
        self.task.cancel()
        await asyncio.wait({self.task})
        await self.audit.close()

    async def change(self, fn: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """Change the registry; routers take it over at once."""
        result = await self.registry.run(fn, *args, **more)
        await self.follow()
        return result

    async def follow(self) -> None:
        self.roster.apply(await self.registry.read(changes_since, self.roster.revision))

    async def grant(self, *rights: Right, **more: Any) -> int:
        new = NewGrant("agg", HP, rights, "operator", **more)
        return int((await self.change(add_grant, new, now=1.0)).key)

    async def presence(self, state: LinkState, at: float) -> None:
        await self.registry.run(keep_presence, "router", {HP: Heard(state, at)}, {})

    async def reached(self, condition: Callable[[Session], bool]) -> None:
        """Wait until the registry is so."""
        async with asyncio.timeout(PATIENCE):
            while not await self.registry.read(condition):  # noqa: ASYNC110 - another process may write
                await asyncio.sleep(0.02)
        await self.follow()

    async def at(self, grant: int, state: str) -> None:
        """Wait until what a grant steers is in this state; ``ended``: nothing is left."""

        def is_so(session: Session) -> bool:
            steering = get_grant(session, grant).steering
            return (steering[0].state.value if steering else "ended") == state

        await self.reached(is_so)

    async def audited(self) -> list[str]:
        reader = await AuditReader.open(self.audit_url)
        try:
            found = await reader.newest(AuditFilter(), 100)
            return [f"{one.entry.actor}: {one.entry.service} {one.entry.detail}" for one in found]
        finally:
            await reader.close()


def _more_than(heard: list[str], most: int) -> bool:
    return len(heard) > most


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for may be anything
            await asyncio.sleep(0.01)


@pytest.fixture
async def world(
    registry: Registry, audit_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    """hp0001 with its box, online; provider agg."""
    secret = tmp_path / "operations"
    secret.write_text("s" * 32)
    secret.chmod(0o600)
    config = HubConfig.model_validate(
        {"domain": HUB, "secrets": {"operations": secret}, "operations": {"pace": 1000}}
    )
    made = World(config, registry, audit_url)
    made.boxes[BOX] = ScheduledBox()
    await made.change(add_provider, Provider("agg", "control@agg.example"), hub_domain=HUB, now=1.0)
    await made.change(add_heat_pump, HeatPump(HP, BOX), hub_domain=HUB, now=1.0)
    await made.presence(LinkState.ONLINE, 1.0)
    monkeypatch.setattr(hub.operations.link, "ComponentLink", made.make_link)
    monkeypatch.setattr(hub.operations.process, "TICK", 0.05)
    monkeypatch.setattr("hub.operations.watch.POLL", 0.02)
    monkeypatch.setattr("hub.operations.watch.EXPIRY", 0.05)
    monkeypatch.setattr("hub.operations.desk.FIRST_RETRY", 0.05)
    monkeypatch.setattr("hub.requests.REQUEST_TIMEOUT", 0.5)
    yield made
    if made.task is not None and not made.task.done():
        await made.kill()


async def test_a_slot_becomes_ready_and_routers_let_its_holder_schedule(world: World) -> None:
    await world.start()
    first = await world.grant(Right.SCHEDULE)
    second = await world.grant(Right.SCHEDULE, priority=77)
    await world.at(first, "ready")
    await world.at(second, "ready")
    box = world.boxes[BOX]
    assert {node: one for node, one in box.priorities.items() if one} == {
        "EvuFSCH1": 50, "SgrFSCH1": 50, "EvuFSCH2": 77, "SgrFSCH2": 77,
    }  # fmt: skip
    assert {peer for peer, _ in box.done} == {OPS}
    assert world.roster.slots(HP) == {first: 1, second: 2}
    assert f"ops: slot ready grant {second}, slot 2 with priority 77" in await world.audited()


async def test_a_box_without_the_data_set_is_searched_for_its_schedules(world: World) -> None:
    world.boxes[BOX].lists = False
    await world.start()
    await world.at(await world.grant(Right.SCHEDULE), "ready")
    assert world.boxes[BOX].priorities["SgrFSCH1"] == 50


async def test_withdrawal_while_the_box_is_away_is_done_when_it_comes_back(world: World) -> None:
    await world.start()
    grant = await world.grant(Right.SCHEDULE, Right.CONTROL)
    await world.at(grant, "ready")
    box = world.boxes[BOX]
    box.states |= {"EvuFSCH1": RUNNING, "SgrFSCH1": READY, "EvuFSCH2": RUNNING}
    box.entries["EvuFSCH1"], box.starts["EvuFSCH1"] = 4, Timestamp.from_unix(1e9)
    box.pending = {f"agg@{HUB}", f"other@{HUB}"}
    box.done.clear()
    await world.presence(LinkState.OFFLINE, 2.0)
    await world.change(revoke_grant, grant, now=2.0)
    later = await world.grant(Right.SCHEDULE)
    assert world.process is not None
    process = world.process
    await until(lambda: process.snapshot().jobs == {"ending": 1, "pending": 1})
    assert process.snapshot().boxes == {"away": 1}
    assert box.done == []
    await world.presence(LinkState.ONLINE, 3.0)
    await world.at(grant, "ended")
    await world.at(later, "ready")
    assert box.done == [
        (AGG, "EvuFSCH1 disabled"), (AGG, "SgrFSCH1 disabled"), (WITHDRAWN, "withdrawn"),
        (OPS, "EvuFSCH1 0 entries"), (OPS, "EvuFSCH1 no start"),
        (OPS, "EvuFSCH2 disabled"), (OPS, "EvuFSCH2 priority 40"), (OPS, "SgrFSCH2 priority 40"),
    ]  # fmt: skip
    assert box.pending == {f"other@{HUB}"}
    assert box.entries["EvuFSCH1"] == 0
    assert world.roster.slots(HP) == {later: 2}


async def test_a_grant_that_ends_by_itself_is_withdrawn(world: World) -> None:
    await world.start()
    grant = await world.grant(Right.CONTROL, until=1_000_000_000.0)  # long over for operations, not for 1970
    await world.at(grant, "ended")
    assert world.boxes[BOX].done == [(WITHDRAWN, "withdrawn")]
    told = await world.audited()
    assert f"ops: grant expired grant {grant}" in told
    assert f"ops: withdrawn grant {grant}" in told


async def test_a_grant_on_many_that_ends_is_withdrawn_part_by_part_and_audited_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.registry.steering_work.IDS_AT_ONCE", 2)
    monkeypatch.setattr("hub.operations.watch.TOLD_AT_ONCE", 2)
    ids = [f"hp000{number}" for number in range(2, 7)]
    for one in ids:
        box = f"{one}@boxes.example"
        world.boxes[box] = ScheduledBox()
        await world.change(add_heat_pump, HeatPump(one, box), hub_domain=HUB, now=1.0)
    await world.registry.run(keep_presence, "router", {one: Heard(LinkState.ONLINE, 1.0) for one in ids}, {})
    await world.change(add_group, "north", now=1.0)
    await world.change(add_members, "north", ids, now=1.0)
    new = NewGrant("agg", "@north", [Right.CONTROL], "operator", until=1_000_000_000.0)
    grant = int((await world.change(add_grant, new, now=1.0)).key)
    await world.start()
    await world.at(grant, "ended")
    assert [world.boxes[f"{one}@boxes.example"].done for one in ids] == [[(WITHDRAWN, "withdrawn")]] * 5
    told = await world.audited()
    assert told.count(f"ops: grant expired grant {grant}") == 1
    assert told.count(f"ops: withdrawn grant {grant}") == 5


async def test_a_provider_that_is_removed_is_withdrawn_in_his_name(world: World) -> None:
    grant = await world.grant(Right.SCHEDULE)
    world.boxes[BOX].states["EvuFSCH1"] = RUNNING
    await world.change(remove_provider, "agg", now=2.0)
    await world.start()
    await world.at(grant, "ended")
    assert world.boxes[BOX].done[0] == (AGG, "EvuFSCH1 disabled")


async def test_the_box_of_a_heat_pump_that_is_removed_is_told(world: World) -> None:
    """Nobody hears its presence any more: it is tried."""
    grant = await world.grant(Right.CONTROL)
    await world.change(remove_heat_pump, HP, now=2.0)
    box = world.boxes.pop(BOX)
    await world.start()
    assert world.process is not None
    process = world.process
    await until(lambda: process.snapshot().counts.troubles > 1)
    world.boxes[BOX] = box
    await world.at(grant, "ended")
    assert box.done == [(WITHDRAWN, "withdrawn")]
    assert world.roster.leaving == {}


async def test_a_box_whose_place_another_took_is_given_up_and_the_other_is_left_alone(world: World) -> None:
    grant = await world.grant(Right.SCHEDULE, Right.CONTROL)
    await world.change(remove_heat_pump, HP, now=2.0)
    world.boxes["box0002@boxes.example"] = other = ScheduledBox()
    other.states["EvuFSCH1"] = RUNNING
    await world.change(add_heat_pump, HeatPump(HP, "box0002@boxes.example"), hub_domain=HUB, now=3.0)
    await world.presence(LinkState.ONLINE, 3.0)
    await world.start()
    await world.at(grant, "ended")
    assert [line for line in await world.audited() if "given up" in line]
    assert (other.done, world.boxes[BOX].done) == ([], [])
    await world.at(await world.grant(Right.SCHEDULE), "ready")
    assert other.done[0] == (OPS, "EvuFSCH1 disabled"), "what ran before it was anybody's"


async def test_a_box_that_came_back_under_another_id_is_told_there(world: World) -> None:
    grant = await world.grant(Right.CONTROL)
    await world.change(remove_heat_pump, HP, now=2.0)
    box = world.boxes.pop(BOX)
    await world.start()
    assert world.process is not None
    process = world.process
    await until(lambda: process.snapshot().counts.troubles > 0)
    await world.change(add_heat_pump, HeatPump("hp0002", BOX), hub_domain=HUB, now=3.0)
    world.boxes[BOX] = box
    await world.registry.run(keep_presence, "router", {"hp0002": Heard(LinkState.ONLINE, 4.0)}, {})
    await world.at(grant, "ended")
    assert box.done == [(WITHDRAWN, "withdrawn")]


async def test_a_box_that_refuses_is_asked_again_and_the_operator_reads_why(world: World) -> None:
    grant = await world.grant(Right.SCHEDULE)
    box = world.boxes[BOX]
    box.states["EvuFSCH1"], box.refuses = RUNNING, "EvuFSCH1"
    await world.start()

    def told(session: Session) -> bool:
        return "EvuFSCH1 still enabled" in get_grant(session, grant).steering[0].trouble

    await world.reached(told)
    box.refuses = ""
    await world.at(grant, "ready")
    assert (await world.registry.read(get_grant, grant)).steering[0].trouble == ""


async def test_a_presence_that_the_router_did_not_pass_on_is_no_withdrawal(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could not be audited, for instance: then the router sends an error in its place."""
    route, failing = RouterWithOperations.route, [True]

    def fail(self: RouterWithOperations, incoming: Stanza, now: float) -> Any:
        routed = route(self, incoming, now)
        return routed._replace(xml=routed.instead) if incoming.kind == "presence" and failing else routed

    monkeypatch.setattr(RouterWithOperations, "route", fail)
    grant = await world.grant(Right.CONTROL)
    await world.change(revoke_grant, grant, now=2.0)
    await world.start()
    assert world.process is not None
    process = world.process
    await until(lambda: process.snapshot().counts.troubles > 1)
    assert world.boxes[BOX].done == []
    failing.clear()
    await world.at(grant, "ended")
    assert world.boxes[BOX].done == [(WITHDRAWN, "withdrawn")]


async def test_killed_and_cut_at_every_step_it_ends_what_it_has_to(world: World) -> None:
    """Each life of operations loses its link or itself one stanza later than the one before."""
    grant = await world.grant(Right.SCHEDULE, Right.CONTROL)
    await world.change(revoke_grant, grant, now=2.0)
    box = world.boxes[BOX]
    for life in range(11):
        box.states |= {"EvuFSCH1": RUNNING, "SgrFSCH1": READY}
        box.pending.add(f"agg@{HUB}")
        passed: list[str] = []

        def lose(element: Element, heard: list[str] = passed, most: int = life) -> bool:
            heard.append(element.tag)
            return len(heard) > most

        world.lose = lose
        await world.start()
        await until(partial(_more_than, passed, life))
        await world.kill()
        jobs = await world.registry.read(open_steering, 0)
        assert [job.state.value for job in jobs] == ["ending"], "nothing was written before it was done"
    world.lose = lambda _: False
    await world.start()
    await world.at(grant, "ended")
    assert set(box.states.values()) == {NOT_READY}
    assert box.pending == set()


async def test_a_link_that_drops_and_comes_back(world: World) -> None:
    await world.start()
    assert world.link is not None
    link = world.link
    link.disconnect()
    grant = await world.grant(Right.SCHEDULE)
    assert world.process is not None
    process = world.process
    await until(lambda: process.snapshot().jobs == {"pending": 1})
    assert any("no link" in why for why in process.unready())
    link.connect()
    await world.at(grant, "ready")


async def test_what_cannot_be_written_is_kept_and_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("update", {}, Exception("database is locked"))

    monkeypatch.setattr("hub.operations.watch._store", fail)
    await world.start()
    grant = await world.grant(Right.SCHEDULE)
    assert world.process is not None
    process = world.process
    await until(lambda: process.snapshot().unwritten == 1 and bool(process._watch.failing))
    assert any("database is locked" in why for why in process.unready())
    monkeypatch.undo()
    await world.at(grant, "ready")
    await until(lambda: process.unready() == [])
    assert [line for line in await world.audited() if "slot ready" in line] == [
        f"ops: slot ready grant {grant}, slot 1 with priority 50"
    ], "once, however often it was tried"


async def test_metrics(world: World) -> None:
    await world.start()
    await world.at(await world.grant(Right.SCHEDULE), "ready")
    assert world.process is not None
    text = generate_latest(registry_of(OperationsMetrics(world.process.snapshot))).decode()
    for line in (
        "ops_link_up 1.0",
        'ops_finished_total{what="slot ready"} 1.0',
        'ops_jobs{state="ending"} 0.0',
    ):
        assert line in text
