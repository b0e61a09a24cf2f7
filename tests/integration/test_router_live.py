"""The hub as it runs: its own process on a real Prosody, between plain clients that play provider and box."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from click.testing import CliRunner
from slixmpp import ClientXMPP

from hub.cli import main
from support.ports import LOOPBACK
from support.prosody import ProsodyInstall
from support.scene import BOXES, HUB, PROVIDER_JID, Scene

BOX = f"livebox@{BOXES}"
OTHER_PROVIDER = "other@aggregator.example"
HP = f"live1@{HUB}/IEC"
NS82 = "http://www.iec.ch/61850/2018/SCSM_8_2"
PATIENCE = 30.0
"""Seconds until a test gives up waiting; never the measure of anything."""
BLIND_AFTER = 5.0
"""Seconds after which a router that cannot write to its registry lets nothing through any more."""

NAME = (
    "<variableAccessSpecification><listOfVariable><SEQUENCE><variableSpecification><name><domain-specific>"
    "<domainId>HP</domainId><itemId>{}</itemId></domain-specific></name></variableSpecification></SEQUENCE>"
    "</listOfVariable></variableAccessSpecification>"
)
REQUEST = (
    f'<confirmed-RequestPDU xmlns="{NS82}"><invokeID>1</invokeID><ConfirmedServiceRequest>{{}}'
    "</ConfirmedServiceRequest></confirmed-RequestPDU>"
)
RESPONSE = REQUEST.replace("Request", "Response")
READ = REQUEST.format(f"<read>{NAME.format('HpGGIO1$ST$Ind1')}</read>")
OPERATE = REQUEST.format(
    f"<write>{NAME.format('EvuGGIO1$CO$SPCSO1$Oper')}<listOfData><Data><structure><Data><boolean>true</boolean>"
    "</Data></structure></Data></listOfData></write>"
)
READ_ANSWER = RESPONSE.format(
    "<read><listOfAccessResult><AccessResult><success><boolean>true</boolean></success></AccessResult>"
    "</listOfAccessResult></read>"
)
WRITTEN = RESPONSE.format("<write><CHOICE><success/></CHOICE></write>")


@dataclass
class Party:
    """A plain XMPP client; what comes in is kept as it is."""

    stream: ClientXMPP
    presences: list[tuple[str, str]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    _answers: dict[str, asyncio.Future[Element]] = field(default_factory=dict)
    _count: int = 0

    def take(self, stanza: Any) -> Any:
        element: Element = stanza.xml
        kind, type_ = element.tag.rpartition("}")[2], element.get("type", "")
        if kind == "presence":
            sender = element.get("from", "")
            self.presences.append((sender, type_ or "available"))
            if sender == HUB and not type_:
                self.greet()
        elif kind == "iq" and element.get("id", "") in self._answers:
            self._answers.pop(element.get("id", "")).set_result(element)
        elif kind == "iq" and type_ in ("get", "set") and element.get("from", "").endswith(f"@{HUB}/desk"):
            self.requests.append(element.get("id", ""))
            inner = READ_ANSWER if type_ == "get" else WRITTEN
            self.stream.send_raw(
                f'<iq type="result" id="{element.get("id")}" to="{element.get("from")}">{inner}</iq>'
            )
        else:
            return stanza
        return None

    def greet(self) -> None:
        self.stream.send_raw(f'<presence to="{HUB}"/>')

    async def ask(self, type_: str, inner: str, to: str = HP) -> str:
        """Send a request; returns ``result`` or the condition of the error."""
        answer = await self.answer(type_, inner, to)
        if answer.get("type") == "result":
            return "result"
        found = answer.find("{jabber:client}error")
        assert found is not None
        return found[0].tag.rpartition("}")[2]

    async def answer(self, type_: str, inner: str, to: str = HP) -> Element:
        self._count += 1
        id_ = f"live-{id(self)}-{self._count}"
        waiting = self._answers[id_] = asyncio.get_running_loop().create_future()
        self.stream.send_raw(f'<iq type="{type_}" id="{id_}" to="{to}">{inner}</iq>')
        async with asyncio.timeout(PATIENCE):
            return await waiting


@dataclass
class World:
    scene: Scene

    @asynccontextmanager
    async def logged_in(self, jid: str, resource: str) -> AsyncIterator[Party]:
        stream = ClientXMPP(f"{jid}/{resource}", self.scene.passwords[jid], sasl_mech="SCRAM-SHA-256")
        stream.ca_certs = self.scene.prosody.ca_file
        stream.enable_direct_tls = False
        party = Party(stream)
        ready = asyncio.Event()
        stream.add_event_handler("session_start", lambda _: ready.set())
        stream.add_filter("in", party.take)
        stream.connect(LOOPBACK, self.scene.prosody.c2s_port)
        try:
            async with asyncio.timeout(PATIENCE):
                await ready.wait()
            # Who has asked for its roster is told of subscriptions (RFC 6121, 3.2.3).
            stream.send_raw('<iq type="get" id="roster"><query xmlns="jabber:iq:roster"/></iq><presence/>')
            party.greet()
            yield party
        finally:
            await stream.disconnect()

    async def hphub(self, *arguments: str) -> str:
        """An operator's command, run to its end in a thread so that the parties go on."""
        runner = CliRunner()
        done = await asyncio.to_thread(runner.invoke, main, list(arguments), env=self.scene.hub_environment)
        assert done.exit_code == 0, done.output
        return done.output

    async def presence(self) -> str:
        listed = json.loads(await self.hphub("heatpump", "list", "--json"))
        return next(str(one["presence"]) for one in listed if one["id"] == "live1")

    async def grant(self, *rights: str) -> None:
        options = [part for right in rights for part in ("--right", right)]
        await self.hphub("grant", "add", "agg", "live1", *options)

    async def revoke(self) -> None:
        await self.hphub("grant", "revoke", "agg", "live1")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for may be anything
            await asyncio.sleep(0.02)


async def until_answered(wanted: str, ask: Callable[[], Awaitable[str]]) -> None:
    async with asyncio.timeout(PATIENCE):
        answer = ""
        while answer != wanted:
            await asyncio.sleep(0.1)
            answer = await ask()


@pytest.fixture(scope="module")
def scene(prosody_install: ProsodyInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Prosody and a hub that knows one heat pump and two providers, without any grant."""
    made = Scene(tmp_path_factory.mktemp("live"), prosody_install)
    try:
        made.start_server()
        made.register(BOX)
        made.register(OTHER_PROVIDER)
        made.start_hub()
        made.hphub("heatpump", "add", "live1", "--box", BOX)
        made.hphub("provider", "add", "agg", "--jid", PROVIDER_JID)
        made.hphub("provider", "add", "other", "--jid", OTHER_PROVIDER)
        yield made
    finally:
        made.close()


@dataclass
class Parties:
    world: World
    box: Party
    provider: Party


@pytest.fixture
async def live(scene: Scene) -> AsyncIterator[Parties]:
    """Box and provider are logged in and the hub runs; no grant is left behind."""
    if scene.programs["hub"].process.poll() is not None:
        scene.start_hub()
    world = World(scene)
    async with AsyncExitStack() as stack:
        box = await stack.enter_async_context(world.logged_in(BOX, "IEC"))
        provider = await stack.enter_async_context(world.logged_in(PROVIDER_JID, "desk"))
        yield Parties(world, box, provider)
        with suppress(AssertionError):  # no grant left
            await world.revoke()


async def test_a_change_is_in_force_when_its_command_returns(live: Parties) -> None:
    for _ in range(20):
        assert await live.provider.ask("get", READ) == "item-not-found"
        await live.world.grant("read")
        assert await live.provider.ask("get", READ) == "result"
        await live.world.revoke()
        assert await live.provider.ask("get", READ) == "item-not-found"
    assert len(live.box.requests) == 20


async def test_presence_follows_the_grant(live: Parties) -> None:
    await live.world.grant("read")
    await until(lambda: (HP, "available") in live.provider.presences)
    await live.world.revoke()
    await until(lambda: (HP, "unavailable") in live.provider.presences)
    await until(lambda: (f"agg@{HUB}/desk", "unavailable") in live.box.presences)


async def test_a_provider_without_a_grant_sees_neither_presence_nor_heat_pump(live: Parties) -> None:
    await live.world.grant("read")
    async with live.world.logged_in(OTHER_PROVIDER, "desk") as other:
        await until(lambda: (HP, "available") in live.provider.presences)
        answers = []
        for to in (HP, f"nobody@{HUB}/IEC"):
            answer = await other.answer("get", READ, to)
            for name in ("id", "from"):
                answer.attrib.pop(name)
            answers.append(ElementTree.tostring(answer))
        assert answers[0] == answers[1]
        assert b"item-not-found" in answers[0]
        for name in ("live1", "nobody"):
            other.stream.send_raw(f'<presence to="{name}@{HUB}" type="subscribe"/>')
        async with asyncio.timeout(PATIENCE):
            asked: list[dict[str, Any]] = []
            while not asked:
                await asyncio.sleep(0.1)
                asked = json.loads(await live.world.hphub("request", "list", "--json"))
        assert [one["wanted"] for one in asked] == ["live1"]
        assert not [one for one in other.presences if one[0] != HUB and OTHER_PROVIDER not in one[0]]
    assert live.box.requests == []


async def test_the_audit_shows_the_request_before_its_result(live: Parties) -> None:
    await live.world.grant("read", "control")
    assert await live.provider.ask("set", OPERATE) == "result"
    assert await live.provider.ask("get", READ) == "result"
    entries = json.loads(await live.world.hphub("audit", "--heatpump", "live1", "--json"))
    request, result = [one for one in entries if one["stanza_id"] == live.box.requests[0]]
    assert (request["kind"], request["service"], request["detail"]) == ("request", "Operate", "ctlVal=True")
    assert (result["kind"], result["detail"]) == ("result", "done")
    assert request["id"] < result["id"]
    for key in ("box", "provider_jid"):
        assert request[key] == result[key]
    assert not [one for one in entries if one["stanza_id"] == live.box.requests[1]]


async def test_a_box_that_goes_is_seen_to_go(live: Parties) -> None:
    await live.world.grant("read")
    async with live.world.logged_in(OTHER_PROVIDER, "desk"):
        await until(lambda: (HP, "available") in live.provider.presences)
        await live.box.stream.disconnect()
        await until(lambda: live.provider.presences[-1] == (HP, "unavailable"))
    assert await live.provider.ask("get", READ) == "service-unavailable"


async def test_a_locked_registry_stops_the_traffic_and_not_the_hub(live: Parties, scene: Scene) -> None:
    await live.world.grant("read")
    hub = scene.programs["hub"].process
    with closing(sqlite3.connect(scene.directory / "hub" / "registry.db", isolation_level=None)) as locking:
        locking.execute("BEGIN IMMEDIATE")
        assert await live.provider.ask("get", READ) == "result"
        await asyncio.sleep(BLIND_AFTER)
        assert await live.provider.ask("get", READ) == "resource-constraint"
        live.provider.presences.clear()
        locking.execute("ROLLBACK")
    await until_answered("result", lambda: live.provider.ask("get", READ))
    assert hub.poll() is None
    await until(lambda: (HP, "available") in live.provider.presences)


async def test_a_killed_hub_learns_presence_anew_and_continues_its_audit(live: Parties, scene: Scene) -> None:
    await live.world.grant("read", "control")
    assert await live.provider.ask("set", OPERATE) == "result"
    before = json.loads(await live.world.hphub("audit", "verify", "--json"))["chains"]
    scene.programs["hub"].kill()
    live.provider.presences.clear()
    scene.start_hub()  # in this thread: it would end with another
    await until(lambda: (HP, "available") in live.provider.presences)
    await until_answered("online", live.world.presence)
    assert await live.provider.ask("set", OPERATE) == "result"
    verified = json.loads(await live.world.hphub("audit", "verify", "--json"))
    assert verified["findings"] == []
    entries = {one["chain"]: one["seq"] for one in before}
    assert {one["chain"]: one["seq"] for one in verified["chains"]} == {
        **entries,
        "router": entries["router"] + 2,
    }


async def test_sigterm_ends_the_hub_cleanly(live: Parties, scene: Scene) -> None:
    hub = scene.programs["hub"]
    hub.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(hub.process.wait, PATIENCE) == 0
    assert "hub has stopped" in hub.log
    assert "Traceback" not in hub.log
    with closing(sqlite3.connect(scene.directory / "hub" / "registry.db")) as registry:
        assert registry.execute("SELECT count(*) FROM router").fetchone() == (0,)
        assert registry.execute("SELECT DISTINCT state FROM presence").fetchall() == [("unknown",)]
    assert await live.provider.ask("get", READ) in ("service-unavailable", "remote-server-timeout")
    await live.world.grant("read")  # waits for nobody
