"""Who is heard at the address of operations: everybody's requests, boxes' own words by the router alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from test_router import LAST_APPL_ERROR

import hub.operations.link
from hub.addresses import Addresses
from hub.component import LinkDown
from hub.operations.link import OperationsLink
from hub.stanzas import Stanza, stanza
from iec61850_model.mms.pdu import Payload

HUB, OPS = "hub.example.org", "ops.hub.example.org"
QUERY = '<query xmlns="http://jabber.org/protocol/disco#info"/>'


class Link:
    """The component's link, pretended."""

    def __init__(self, _domain: str, _secret: str, _server: object, take: Callable[[Stanza], None]) -> None:
        self.take = take
        self.sent: list[str] = []
        self.up = True
        self.on_up: list[Any] = []
        self.on_down: list[Any] = []

    def send(self, xml: str) -> None:
        if not self.up:
            raise LinkDown("down")
        self.sent.append(xml)

    async def run(self) -> None: ...


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch) -> OperationsLink:
    monkeypatch.setattr(hub.operations.link, "ComponentLink", Link)
    return OperationsLink(Addresses(HUB), "secret", ("127.0.0.1", 1))


def hear(link: OperationsLink, xml: str) -> None:
    link.take(Stanza.of(fromstring(f'<x xmlns="jabber:component:accept">{xml}</x>')[0]))


def test_a_request_to_operations_itself_is_taken(link: OperationsLink) -> None:
    asked: list[Stanza] = []
    link.on_request = asked.append
    hear(link, stanza("iq", "get", "1", "kim@post.example/pc", OPS, QUERY))
    assert [(one.sender, one.id) for one in asked] == [("kim@post.example/pc", "1")]


@pytest.mark.parametrize("to", [f"{OPS}/agg", f"agg@{OPS}", f"{OPS}/"])
def test_a_request_to_where_it_speaks_from_is_nobodys(link: OperationsLink, to: str) -> None:
    asked: list[Stanza] = []
    link.on_request = asked.append
    hear(link, stanza("iq", "get", "1", "kim@post.example/pc", to, QUERY))
    assert asked == []
    assert "service-unavailable" in link._link.sent[0]  # type: ignore[attr-defined]


def test_an_answer_without_a_link_is_dropped(link: OperationsLink) -> None:
    link._link.up = False  # type: ignore[misc]
    link.answer("<iq/>")


@pytest.mark.parametrize(
    ("sender", "inner", "heard"),
    [
        (f"hp0001@{HUB}/IEC", LAST_APPL_ERROR, True),
        ("hp0001@evil.example/IEC", LAST_APPL_ERROR, False),
        (f"hp0001@{HUB}.evil/IEC", LAST_APPL_ERROR, False),
        (f"hp0001@{HUB}/IEC", "<body>hi</body>", False),
        (f"hp0001@{HUB}/IEC", '<nothing xmlns="http://www.iec.ch/61850/2018/SCSM_8_2"/>', False),
    ],
)
def test_what_a_box_says_is_heard_through_the_router_alone(
    link: OperationsLink, sender: str, inner: str, heard: bool
) -> None:
    said: list[tuple[str, str, Payload]] = []
    link.on_saying = lambda *one: said.append(one)
    hear(link, stanza("message", "", "1", sender, f"{OPS}/agg", inner))
    assert [one[:2] for one in said] == ([("agg", sender)] if heard else [])
