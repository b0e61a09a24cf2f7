"""The box's link: whom it serves, and that the hub always learns that it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest

from device_agent import link as link_module
from device_agent.config import BoxConfig
from device_agent.link import ANNOUNCE_AGAIN, MAX_ANNOUNCE_AGAIN, Link
from iec61850_model.mms.pdu import (
    ConfirmedRequest,
    ConfirmedResponse,
    GetNameListRequest,
    GetNameListResponse,
    InformationReport,
    ObjectClass,
    ObjectName,
    ObjectScope,
    Payload,
    Unconfirmed,
    VariableList,
)
from iec61850_model.mms.xer import MalformedPdu, encode_payload
from iec61850_model.xmpp import NotConnected

HUB, COLLECTOR = "hub.example.org", "history.hub.example.org"
ALIAS = f"agg7@{HUB}/desk"
REQUEST = Payload(ConfirmedRequest(1, GetNameListRequest(ObjectClass.DOMAIN, ObjectScope.VMD)))
ANSWER = Payload(ConfirmedResponse(1, GetNameListResponse(("HP",), more_follows=False)))
REPORT = Payload(Unconfirmed(InformationReport(VariableList((ObjectName("LastApplError"),)), ())))


class Wire:
    """Stands in for ``Connection``: what is sent, and a way to let things come in."""

    def __init__(self, settings: object) -> None:
        self.settings = settings
        self.on_online: list[Callable[[], None]] = []
        self.on_offline: list[Callable[[str], None]] = []
        self.on_presence: list[Callable[[str, str], None]] = []
        self.on_refused: list[Any] = []
        self.stanza_handlers: list[Callable[[Element], bool]] = []
        self.online = False
        self.jid = "box1@boxes.example.org/IEC"
        self.sent: list[str] = []
        self.presences: list[str] = []

    def begin(self) -> None:
        self.login()

    async def stop(self) -> None:
        self.online = False

    def send(self, stanza: str) -> None:
        if not self.online:
            raise NotConnected("offline")
        self.sent.append(stanza)

    def send_presence(self, to: str) -> None:
        if not self.online:
            raise NotConnected("offline")
        self.presences.append(to)

    # --- what happens

    def login(self) -> None:
        self.online = True
        for callback in self.on_online:
            callback()

    def lose(self) -> None:
        self.online = False
        for callback in self.on_offline:
            callback("cut")

    def presence(self, sender: str, type_: str = "available") -> None:
        for callback in self.on_presence:
            callback(sender, type_)

    def stanza(self, xml: str) -> None:
        element = fromstring(xml)
        assert any(handler(element) for handler in self.stanza_handlers)


class Timers:
    """Stands in for the loop of ``call_later``."""

    def __init__(self) -> None:
        self.due: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, delay: float, callback: Callable[..., None], *arguments: Any) -> Timers._Handle:
        entry = (delay, lambda: callback(*arguments))
        self.due.append(entry)
        return self._Handle(self, entry)

    class _Handle:
        def __init__(self, timers: Timers, entry: tuple[float, Callable[[], None]]) -> None:
            self._timers, self._entry = timers, entry

        def cancel(self) -> None:
            if self._entry in self._timers.due:
                self._timers.due.remove(self._entry)

    def fire(self) -> float:
        delay, callback = self.due.pop()
        assert not self.due, "one timer at a time"
        callback()
        return delay


class World:
    def __init__(self, config: BoxConfig) -> None:
        self.gone: list[str] = []
        self.lost = 0
        self.requests: list[tuple[str, Payload | MalformedPdu, int]] = []
        self.withdrawn: list[str] = []
        self.link = Link(config, self._serve, self.gone.append, self.withdrawn.append, self._lose)
        wire = self.link.connection
        assert isinstance(wire, Wire)
        self.wire: Wire = wire
        self.link.start()

    async def _serve(self, peer: str, payload: Payload | MalformedPdu, octets: int) -> list[Payload]:
        self.requests.append((peer, payload, octets))
        return [ANSWER]

    def _lose(self) -> None:
        self.lost += 1


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> Timers:
    return Timers()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, timers: Timers) -> World:
    (tmp_path / "password").write_text("secret")
    (tmp_path / "password").chmod(0o600)
    (tmp_path / "box.yaml").write_text(
        f"jid: box1@boxes.example.org\npassword_file: password\nhub: {HUB}\nmodel: m\n"
        "drivers: {}\npoints: {}\n"
    )
    monkeypatch.setattr(link_module, "Connection", Wire)
    monkeypatch.setattr(link_module, "asyncio", SimpleNamespace(get_running_loop=lambda: timers))
    return World(BoxConfig.load(tmp_path / "box.yaml"))


# --- that the hub knows -----------------------------------------------------------------------------


def test_every_login_is_told_to_hub_and_collector(world: World) -> None:
    assert world.wire.presences == [HUB, COLLECTOR]
    world.wire.lose()
    world.wire.login()
    assert world.wire.presences == [HUB, COLLECTOR] * 2
    assert world.link.online


@pytest.mark.parametrize("asking", [HUB, COLLECTOR])
def test_who_asks_by_presence_is_told_again(world: World, asking: str) -> None:
    world.wire.presences.clear()
    world.wire.presence(asking)
    assert world.wire.presences == [asking]


@pytest.mark.parametrize("stranger", ["evil.example", "agg7@hub.example.org/desk", "x.hub.example.org"])
def test_nobody_else_is_told(world: World, stranger: str) -> None:
    world.wire.presences.clear()
    world.wire.presence(stranger)
    assert world.wire.presences == []


def test_a_presence_that_bounced_is_sent_again_less_and_less_often(world: World, timers: Timers) -> None:
    delays = []
    for _ in range(6):
        world.wire.presence(HUB, "error")
        delays.append(timers.fire())
    assert delays[:3] == [ANNOUNCE_AGAIN, 2 * ANNOUNCE_AGAIN, 4 * ANNOUNCE_AGAIN]
    assert delays[-1] == MAX_ANNOUNCE_AGAIN
    assert world.wire.presences[2:] == [HUB] * 6


def test_a_hub_that_came_back_is_believed_at_once(world: World, timers: Timers) -> None:
    for _ in range(4):
        world.wire.presence(HUB, "error")
        timers.fire()
    world.wire.presence(HUB, "error")
    world.wire.presence(HUB)
    assert timers.due == [], "it was told now, not again later"
    world.wire.presence(HUB, "error")
    assert timers.fire() == ANNOUNCE_AGAIN


def test_a_lost_link_forgets_the_repetition(world: World, timers: Timers) -> None:
    world.wire.presence(HUB, "error")
    world.wire.lose()
    assert timers.due == []


async def test_a_link_that_is_stopped_forgets_the_repetition(world: World, timers: Timers) -> None:
    world.wire.presence(HUB, "error")
    await world.link.stop()
    assert timers.due == [] and not world.link.online


def test_a_link_lost_just_before_the_presence_is_no_trouble(world: World) -> None:
    world.wire.online = False
    world.wire.presence(HUB)


# --- whom it serves ---------------------------------------------------------------------------------


@pytest.mark.parametrize("peer", [ALIAS, f"agg7@{HUB}/a/b@c", HUB, COLLECTOR, f"box@{COLLECTOR}/x"])
async def test_hub_and_collector_are_served(world: World, peer: str) -> None:
    world.wire.stanza(request(peer))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [one[0] for one in world.requests] == [peer]
    assert 'type="result"' in world.wire.sent[-1] and f'to="{peer}"' in world.wire.sent[-1]


@pytest.mark.parametrize(
    "peer",
    [
        "control@aggregator.example/desk",
        "boxes.example.org",
        "box2@boxes.example.org/IEC",
        f"a@evil.example/{HUB}",
        f"a@evil.example/x@{HUB}",
        f"a@x.{HUB}/desk",
        "ops.hub.example.org.evil.example",
    ],
)
async def test_everybody_else_gets_service_unavailable(world: World, peer: str) -> None:
    world.wire.stanza(request(peer))
    await asyncio.sleep(0)
    assert world.requests == []
    assert "service-unavailable" in world.wire.sent[-1] and f'to="{peer}"' in world.wire.sent[-1]


def request(peer: str) -> str:
    body = encode_payload(REQUEST)
    return f'<iq xmlns="jabber:client" type="get" id="1" from="{peer}">{body}</iq>'


# --- who is gone ------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", ["unavailable", "error"])
def test_an_alias_that_is_gone_ends_its_associations(world: World, type_: str) -> None:
    world.wire.presence(ALIAS, type_)
    assert world.gone == [ALIAS]


@pytest.mark.parametrize(
    ("sender", "type_"), [(ALIAS, "available"), ("agg7@evil.example/desk", "unavailable"), (HUB, "error")]
)
def test_other_presence_ends_nothing(world: World, sender: str, type_: str) -> None:
    world.wire.presence(sender, type_)
    assert world.gone == []


@pytest.mark.parametrize("domain", [HUB, COLLECTOR])
def test_a_hub_that_was_away_ends_the_associations_of_its_domain(world: World, domain: str) -> None:
    world.wire.presence(domain, "unavailable")
    assert world.gone == [domain]


def test_a_report_that_bounces_ends_the_associations_of_its_receiver(world: World) -> None:
    world.link.send(ALIAS, REPORT)
    sent = fromstring(world.wire.sent[-1])
    world.wire.stanza(
        f'<message xmlns="jabber:client" type="error" id="{sent.get("id")}" from="{ALIAS}"><error/></message>'
    )
    assert world.gone == [ALIAS]


def test_the_own_link_lost_ends_all_associations(world: World) -> None:
    world.wire.lose()
    assert world.lost == 1


def test_a_report_without_a_link_is_dropped(world: World) -> None:
    world.wire.lose()
    world.link.send(ALIAS, REPORT)
    assert world.wire.sent == []


def test_who_may_command_no_more_is_told_by_the_hub_in_his_name(world: World) -> None:
    world.wire.presence(f"agg7@{HUB}/~withdrawn", "unavailable")
    assert world.withdrawn == [f"agg7@{HUB}"]
    assert world.gone == []


@pytest.mark.parametrize(
    ("stranger", "type_"),
    [
        ("agg7@evil.example/~withdrawn", "unavailable"),
        (f"agg7@{COLLECTOR}/~withdrawn", "unavailable"),
        (f"agg7@{HUB}/~withdrawn", "available"),
        (f"agg7@{HUB}/~withdrawn", "error"),
        (f"agg7@{HUB}/~ops", "unavailable"),
        (f"agg7@{HUB}", "unavailable"),
        (ALIAS, "unavailable"),
        (HUB, "unavailable"),
    ],
)
def test_nobody_else_says_who_may_command(world: World, stranger: str, type_: str) -> None:
    world.wire.presence(stranger, type_)
    assert world.withdrawn == []


# --- the hub's heartbeat ------------------------------------------------------------------------------


def heartbeats(world: World) -> list[None]:
    heard: list[None] = []
    world.link.on_heartbeat = lambda: heard.append(None)
    return heard


def test_the_answer_to_a_ping_is_a_heartbeat_and_nobody_elses_business(world: World) -> None:
    heard = heartbeats(world)
    world.link.ask_hub()
    sent = fromstring(world.wire.sent[-1])
    assert (sent.get("to"), sent.get("type"), len(sent.findall("{urn:xmpp:ping}ping"))) == (HUB, "get", 1)
    world.wire.stanza(f'<iq xmlns="jabber:client" type="result" id="{sent.get("id")}" from="{HUB}"/>')
    assert len(heard) == 1


async def test_an_order_of_a_provider_is_a_heartbeat(world: World) -> None:
    heard = heartbeats(world)
    world.wire.stanza(request(ALIAS))
    assert len(heard) == 1


@pytest.mark.parametrize("sender", [HUB, ALIAS])
def test_presence_of_the_hub_is_a_heartbeat(world: World, sender: str) -> None:
    heard = heartbeats(world)
    world.wire.presence(sender)
    assert len(heard) == 1


@pytest.mark.parametrize("type_", ["unavailable", "error"])
def test_what_a_server_says_for_a_hub_that_is_gone_is_none(world: World, type_: str) -> None:
    heard = heartbeats(world)
    world.wire.presence(HUB, type_)
    error = "<error type='wait'><remote-server-timeout/></error>"
    world.wire.stanza(
        f'<iq xmlns="jabber:client" type="error" id="is-the-hub-there" from="{HUB}">{error}</iq>'
    )
    assert heard == []


@pytest.mark.parametrize(
    "sender", [COLLECTOR, "evil.example", f"a@evil.example/{HUB}", "ops.hub.example.org"]
)
async def test_others_are_no_heartbeat_of_the_hub(world: World, sender: str) -> None:
    heard = heartbeats(world)
    world.wire.presence(sender)
    world.wire.stanza(request(sender))
    await asyncio.sleep(0)
    assert heard == []


def test_without_a_link_nobody_is_asked(world: World) -> None:
    world.wire.lose()
    world.link.ask_hub()
    assert world.wire.sent == []
