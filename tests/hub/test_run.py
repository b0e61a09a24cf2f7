"""The router's process around a link that is only pretended: what it sends, when, and what it holds back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from prometheus_client import generate_latest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

import hub.presence
import hub.run
from hub.audit import AuditEntry, AuditError, AuditFilter, AuditLog, AuditReader
from hub.audit.log import Written
from hub.component import LinkDown, LinkFull
from hub.component_stream import Recall
from hub.config import HubConfig
from hub.metrics import HubCollector, registry_of
from hub.registry import (
    NewGrant,
    Registry,
    acknowledge,
    add_grant,
    add_heat_pump,
    add_provider,
    current_revision,
    presence,
    revoke_grant,
    wait_until_taken,
)
from hub.roster import HeatPump, Provider, Right
from hub.run import RouterProcess
from hub.stanzas import Stanza

DOMAIN = "hub.example.org"
SP, BOX, HP = "control@agg.example/x", "box0001@boxes.example/IEC", f"hp0001@{DOMAIN}/IEC"
NS82 = "http://www.iec.ch/61850/2018/SCSM_8_2"
NAME = (
    "<variableAccessSpecification><listOfVariable><SEQUENCE><variableSpecification><name><domain-specific>"
    "<domainId>HP</domainId><itemId>{}</itemId></domain-specific></name></variableSpecification></SEQUENCE>"
    "</listOfVariable></variableAccessSpecification>"
)
SERVICE = (
    f'<confirmed-RequestPDU xmlns="{NS82}"><invokeID>1</invokeID><ConfirmedServiceRequest>{{}}'
    "</ConfirmedServiceRequest></confirmed-RequestPDU>"
)
READ = SERVICE.format(f"<read>{NAME.format('HpGGIO1$ST$Ind1')}</read>")
OPERATE = SERVICE.format(
    f"<write>{NAME.format('EvuGGIO1$CO$SPCSO1$Oper')}<listOfData><Data><structure><Data><boolean>true</boolean>"
    "</Data></structure></Data></listOfData></write>"
)
PATIENCE = 10.0
"""Seconds until a test gives up waiting; never the measure of anything."""


@dataclass
class PretendedLink:
    """Stands in for the component link: stanzas in by ``say``, out in ``sent``."""

    take: Callable[[Any], None]
    sent: list[str] = field(default_factory=list)
    up: bool = False
    full: bool = False
    unsent: int = 0
    on_up: list[Callable[[], None]] = field(default_factory=list)
    on_down: list[Callable[[], None]] = field(default_factory=list)

    def send(self, xml: str) -> None:
        if not self.up:
            raise LinkDown("down")
        if self.full:
            raise LinkFull("full")
        self.sent.append(xml)

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

    def say(self, kind: str, type_: str, sender: str, to: str, inner: str = "", id_: str = "i1") -> None:
        typed = f' type="{type_}"' if type_ else ""
        text = f'<{kind}{typed} id="{id_}" from="{sender}" to="{to}">{inner}</{kind}>'
        self.take(Stanza.of(ElementTree.fromstring(f'<s xmlns="jabber:component:accept">{text}</s>')[0]))

    def count(self, part: str) -> int:
        return sum(part in xml for xml in self.sent)


@dataclass
class Hub:
    link: PretendedLink
    registry: Registry
    audit: AuditLog
    audit_url: str
    process: RouterProcess
    grant: int

    async def audited(self) -> list[str]:
        reader = await AuditReader.open(self.audit_url)
        try:
            return [
                f"{one.entry.kind} {one.entry.service}" for one in await reader.newest(AuditFilter(), 100)
            ]
        finally:
            await reader.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for may be anything
            await asyncio.sleep(0.01)


@pytest.fixture
async def hub_(
    registry: Registry, audit_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Hub]:
    """A running router with one heat pump, and a provider that may read and control it."""
    secret = tmp_path / "router"
    secret.write_text("s" * 32)
    secret.chmod(0o600)
    config = HubConfig.model_validate({"domain": DOMAIN, "secrets": {"router": secret}})
    links: list[PretendedLink] = []

    def make(
        domain: str, secret: str, address: tuple[str, int], take: Callable[[Any], None], recall: Recall
    ) -> PretendedLink:
        links.append(PretendedLink(take))
        return links[0]

    monkeypatch.setattr(hub.run, "ComponentLink", make)
    await registry.run(add_heat_pump, HeatPump("hp0001", BOX.partition("/")[0]), hub_domain=DOMAIN, now=1.0)
    await registry.run(add_provider, Provider("agg", SP.partition("/")[0]), hub_domain=DOMAIN, now=1.0)
    given = await registry.run(
        add_grant, NewGrant("agg", "hp0001", [Right.READ, Right.CONTROL], "operator"), now=1.0
    )
    audit = await AuditLog.open(audit_url, "router")
    process = RouterProcess(config, registry, audit)
    task = asyncio.create_task(process.run())
    await until(lambda: links[0].count("<presence") == 2)  # the box and the provider are asked
    yield Hub(links[0], registry, audit, audit_url, process, given.key)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    await audit.close()


def unreadable(*_args: Any, **_more: Any) -> None:
    raise OperationalError("acknowledge", {}, Exception("database is locked"))


async def test_an_operate_is_on_the_disk_before_it_is_on_its_way(
    hub_: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, at_commit = hub_.audit.put, []

    def look_at_commit(entry: AuditEntry, written: Written) -> None:
        def looked(failure: AuditError | None) -> None:
            at_commit.append(hub_.link.count("EvuGGIO1"))
            written(failure)

        put(entry, looked)

    monkeypatch.setattr(hub_.audit, "put", look_at_commit)
    hub_.link.say("iq", "set", SP, HP, OPERATE)
    await until(lambda: hub_.link.count("EvuGGIO1") == 1)
    assert at_commit == [0]
    assert await hub_.audited() == ["request Operate"]


async def test_what_cannot_be_audited_is_not_forwarded(hub_: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_.audit, "put", lambda _entry, written: written(AuditError("no space left")))
    hub_.link.say("iq", "set", SP, HP, OPERATE)
    await until(lambda: hub_.link.count("resource-constraint") == 1)
    assert hub_.link.count("EvuGGIO1") == 0


async def test_bad_pdus_are_counted(hub_: Hub) -> None:
    def refused() -> float:
        text = generate_latest(registry_of(HubCollector("router", hub_.process.snapshot))).decode()
        wanted = [line for line in text.splitlines() if 'kind="iq"' in line and 'outcome="refused"' in line]
        return sum(float(line.rpartition(" ")[2]) for line in wanted)

    before = refused()
    for inner in ("<x/>", READ.replace("<read>", "<read surplus='1'>"), READ + READ):
        hub_.link.say("iq", "get", SP, HP, inner)
    await until(lambda: refused() == before + 3)


async def test_a_read_does_not_overtake_the_operate_before_it(hub_: Hub) -> None:
    hub_.link.say("iq", "set", SP, HP, OPERATE, "1")
    hub_.link.say("iq", "get", SP, HP, READ, "2")
    await until(lambda: hub_.link.count("HpGGIO1") == 1)
    to_box = [xml for xml in hub_.link.sent if xml.startswith("<iq")]
    assert ["EvuGGIO1" in xml for xml in to_box] == [True, False]


async def test_a_router_that_cannot_say_it_lives_lets_nothing_through(
    hub_: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator's commands have stopped waiting for it, so it may not know of a grant's end."""
    hub_.link.say("presence", "", SP, DOMAIN)
    monkeypatch.setattr(hub.run, "MAX_BLIND", 0.3)
    monkeypatch.setattr(hub.run, "HEARTBEAT", 0.05)
    working = hub.run.acknowledge
    monkeypatch.setattr(hub.run, "acknowledge", unreadable)
    await asyncio.sleep(0.5)
    hub_.link.sent.clear()
    hub_.link.say("iq", "get", SP, HP, READ, "1")
    hub_.link.say("message", "", BOX, f"agg@{DOMAIN}/x", "<x/>", "2")
    hub_.link.say("iq", "result", BOX, f"agg@{DOMAIN}/x", "<x/>", "3")
    hub_.link.say("presence", "", BOX, DOMAIN)
    assert [ElementTree.fromstring(xml).get("id") for xml in hub_.link.sent] == ["1", "2"]
    assert hub_.link.count("resource-constraint") == 2
    monkeypatch.setattr(hub.run, "acknowledge", working)
    await until(lambda: hub_.link.count(f'to="{BOX}"') == 2)  # one bounce, and the question anew
    hub_.link.say("iq", "get", SP, HP, READ, "4")
    await until(lambda: hub_.link.count("HpGGIO1") == 1)


async def test_a_router_that_took_long_to_load_says_that_it_lives_before_anything_comes(
    hub_: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A country's roster takes some seconds; who is blind then has everybody asked twice."""
    blind: list[bool] = []

    async def slow(self: RouterProcess) -> None:
        await asyncio.sleep(0.4)

    async def watch(self: RouterProcess) -> None:
        blind.append(self._blind(time.time()))
        await asyncio.Event().wait()

    monkeypatch.setattr(hub.run, "MAX_BLIND", 0.2)
    monkeypatch.setattr(RouterProcess, "_load", slow)
    monkeypatch.setattr(RouterProcess, "_watch", watch)
    config = hub_.process._config.model_copy(update={"router_name": "slow"})
    task = asyncio.create_task(RouterProcess(config, hub_.registry, hub_.audit).run())
    await until(lambda: bool(blind))
    task.cancel()
    await asyncio.wait({task})
    assert blind == [False]


async def test_of_many_grants_that_end_at_one_instant_each_is_told_while_others_are_served(
    hub_: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handful is one of them here, and the clock's own tick tells of one a second. What waits to be sent
    goes first.
    """
    monkeypatch.setattr(hub.presence, "HANDFUL", 2)
    later = [0.0]
    clock = SimpleNamespace(time=lambda: time.time() + later[0], monotonic=time.monotonic)
    monkeypatch.setattr(hub.run, "time", clock)
    monkeypatch.setattr(hub_.process, "_ask_domains", lambda _now: None)  # none answers in those minutes
    many, ends = 60, time.time() + 500
    hub_.link.say("presence", "", SP, DOMAIN)

    def fill(session: Session) -> None:
        for number in range(100, 100 + many):
            heat_pump = HeatPump(f"hp0{number}", f"box0{number}@boxes.example")
            add_heat_pump(session, heat_pump, hub_domain=DOMAIN, now=2.0)
            add_grant(session, NewGrant("agg", heat_pump.id, [Right.READ], "op", until=ends), now=2.0)

    await hub_.registry.run(fill)
    assert await wait_until_taken(hub_.registry, await hub_.registry.read(current_revision), PATIENCE) == ()
    hub_.link.unsent = hub.run.SPREAD_UNSENT
    later[0] = 600.0
    await until(lambda: not hub_.process._blind(clock.time()))
    hub_.link.say("iq", "get", SP, f"hp0100@{DOMAIN}/IEC", READ)
    await until(lambda: hub_.link.count("item-not-found") == 1)
    await asyncio.sleep(1.5)
    assert told(hub_.link) < many / 2
    hub_.link.unsent = 0
    await until(lambda: told(hub_.link) == many)


def told(link: PretendedLink) -> int:
    """Heat pumps of which the provider knows that they are gone."""
    return sum("unavailable" in xml and f'to="{SP}"' in xml for xml in link.sent)


async def test_what_the_audit_held_up_is_not_sent_by_a_router_that_nobody_waits_for(
    hub_: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk stalls, the command gives up waiting and returns: what was judged before is void."""
    put, held_up = hub_.audit.put, []
    monkeypatch.setattr(hub_.audit, "put", lambda *args: held_up.append(args))
    monkeypatch.setattr(hub.run, "MAX_BLIND", 0.2)
    monkeypatch.setattr(hub.run, "HEARTBEAT", 0.05)
    hub_.link.say("iq", "set", SP, HP, OPERATE, "1")
    hub_.link.say("iq", "get", SP, HP, READ, "2")
    await hub_.registry.run(revoke_grant, hub_.grant, now=2.0)
    await until(lambda: hub_.process._blind(time.time()))
    for entry, written in held_up:
        put(entry, written)
    await until(lambda: hub_.link.count("resource-constraint") == 1)
    await hub_.process._traffic.settle()
    assert hub_.link.count("EvuGGIO1") == hub_.link.count("HpGGIO1") == 0


async def test_a_disk_that_stalls_the_audit_holds_up_no_sign_of_life(
    hub_: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing has changed, so what the audit holds up was judged by what is still in force."""
    put, held_up, signs = hub_.audit.put, [], []

    def counted(*given: Any) -> None:
        signs.append(given)
        acknowledge(*given)

    monkeypatch.setattr(hub_.audit, "put", lambda *args: held_up.append(args))
    monkeypatch.setattr(hub.run, "HEARTBEAT", 0.05)
    hub_.link.say("iq", "set", SP, HP, OPERATE)
    monkeypatch.setattr(hub.run, "acknowledge", counted)
    await until(lambda: len(signs) >= 3)
    for entry, written in held_up:
        put(entry, written)
    await until(lambda: hub_.link.count("EvuGGIO1") == 1)


async def test_a_revoked_grant_is_in_force_when_the_router_says_so(hub_: Hub) -> None:
    await hub_.registry.run(revoke_grant, hub_.grant, now=2.0)
    revision = await hub_.registry.read(current_revision)
    assert await wait_until_taken(hub_.registry, revision, PATIENCE) == ()
    hub_.link.say("iq", "get", SP, HP, READ)
    await until(lambda: hub_.link.count("item-not-found") == 1)
    assert hub_.link.count("HpGGIO1") == 0


async def test_what_was_there_at_the_start_is_asked_once(hub_: Hub) -> None:
    await until(lambda: hub_.link.count("<presence") >= 2)
    await asyncio.sleep(0.2)
    assert (hub_.link.count(f'to="{BOX}"'), hub_.link.count("<presence")) == (1, 2)


async def test_while_the_link_is_down_nothing_is_queued_and_nobody_is_offline(hub_: Hub) -> None:
    hub_.link.say("presence", "", BOX, DOMAIN)
    hub_.link.disconnect()
    hub_.link.sent.clear()
    for number in range(2, 5):
        box = f"box000{number}@boxes.example"
        await hub_.registry.run(add_heat_pump, HeatPump(f"hp000{number}", box), hub_domain=DOMAIN, now=2.0)
    await asyncio.sleep(0.3)
    hub_.link.connect()
    await until(lambda: hub_.link.count('to="box0004@boxes.example/IEC"') == 1)
    await asyncio.sleep(0.2)
    assert hub_.link.count("<presence") == 5  # four boxes and one provider, each once
    states = {one.heat_pump: one.state.value for one in await hub_.registry.read(presence)}
    assert set(states.values()) == {"unknown"}


async def test_a_question_waits_for_a_server_that_does_not_keep_up(hub_: Hub) -> None:
    hub_.link.full = True
    await hub_.registry.run(
        add_heat_pump, HeatPump("hp0002", "box2@boxes.example"), hub_domain=DOMAIN, now=2.0
    )
    await asyncio.sleep(0.3)
    assert hub_.link.count("box2@boxes.example") == 0
    hub_.link.full = False
    await until(lambda: hub_.link.count("box2@boxes.example") == 1)


async def test_link_states_reach_the_registry(hub_: Hub) -> None:
    hub_.link.say("presence", "", BOX, DOMAIN)

    seen: list[str] = []
    async with asyncio.timeout(PATIENCE):
        while "online" not in seen:
            await asyncio.sleep(0.05)
            seen = [one.state.value for one in await hub_.registry.read(presence)]


async def test_nothing_that_comes_in_stops_the_router(hub_: Hub) -> None:
    for kind in ("iq", "message", "presence"):
        for type_ in ("", "get", "set", "result", "error", "?"):
            for sender in (SP, BOX, "", "@/", "x"):
                for to in (HP, DOMAIN, "", f"agg@{DOMAIN}/x"):
                    hub_.link.say(kind, type_, sender, to, "<x/>")
    hub_.link.say("iq", "get", SP, HP, READ)
    await until(lambda: hub_.link.count("HpGGIO1") == 1)
