"""Whether a component is still there: what is asked, and what is made of the answers."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast
from xml.etree.ElementTree import Element, fromstring

import pytest

from iec61850_model.xmpp import Aliveness, Connection, NotConnected
from iec61850_model.xmpp import alive as alive_module

HUB = "hub.example.org"


class World:
    """A connection, a clock that is wound by hand, and what the watched component is taken to be."""

    def __init__(self) -> None:
        self.on_online: list[Callable[[], None]] = []
        self.on_offline: list[Callable[[str], None]] = []
        self.stanza_handlers: list[Callable[[Element], bool]] = []
        self.online = True
        self.asked: list[Element] = []
        self.told: list[str] = []
        self.due: list[Callable[[], None]] = []
        Aliveness(
            cast("Connection", self),
            HUB,
            on_gone=lambda: self.told.append("gone"),
            on_back=lambda: self.told.append("back"),
        )

    def send(self, stanza: str) -> None:
        if not self.online:
            raise NotConnected("offline")
        self.asked.append(fromstring(stanza))

    def call_later(self, delay: float, callback: Callable[[], None]) -> Any:
        assert delay == alive_module.ASK_EVERY
        self.due.append(callback)
        return SimpleNamespace(cancel=lambda: self.due.remove(callback) if callback in self.due else None)

    def turn(self) -> None:
        (callback,) = self.due
        self.due.clear()
        callback()

    def answer(self, inner: str = "", *, sender: str = HUB, at: int = -1) -> bool:
        type_ = "error" if inner else "result"
        id_ = self.asked[at].get("id")
        content = f'<error><{inner} xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>' if inner else ""
        xml = f'<iq xmlns="jabber:client" type="{type_}" id="{id_}" from="{sender}">{content}</iq>'
        return any(handler(fromstring(xml)) for handler in self.stanza_handlers)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(alive_module, "asyncio", SimpleNamespace(get_running_loop=lambda: made))
    for callback in made.on_online:
        callback()
    return made


def test_who_answers_is_there(world: World) -> None:
    for _ in range(3):
        world.turn()
        assert world.answer()
    assert [(one.get("type"), one.get("to"), one[0].tag) for one in world.asked] == [
        ("get", HUB, "{urn:xmpp:ping}ping")
    ] * 3
    assert world.told == []


def test_who_does_not_answer_is_gone_and_comes_back(world: World) -> None:
    for _ in range(4):
        world.turn()
    assert world.told == ["gone"]
    world.answer(at=0)
    assert world.told == ["gone"], "an answer of long ago"
    world.answer()
    assert world.told == ["gone", "back"]


@pytest.mark.parametrize(
    "condition", ["remote-server-timeout", "service-unavailable", "remote-server-not-found"]
)
def test_a_server_that_answers_for_it_says_that_it_is_gone(world: World, condition: str) -> None:
    world.turn()
    world.answer(condition)
    assert world.told == ["gone"]


@pytest.mark.parametrize("condition", ["resource-constraint", "feature-not-implemented"])
def test_who_has_no_time_or_no_pings_is_there(world: World, condition: str) -> None:
    world.turn()
    world.answer(condition)
    world.turn()
    assert world.told == []


def test_nobody_else_answers_for_it(world: World) -> None:
    world.turn()
    assert not world.answer(sender="evil.example")
    world.turn()
    assert world.told == ["gone"]


def test_offline_nobody_is_asked_and_nobody_is_gone(world: World) -> None:
    world.turn()
    for callback in world.on_offline:
        callback("cut")
    assert world.due == []
    for callback in world.on_online:
        callback()
    world.turn()
    world.online = False
    world.answer()
    world.turn()
    assert world.due == []
    assert world.told == []
