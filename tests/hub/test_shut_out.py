"""A box that is shut out, as the router sees it once it has taken the change from the registry."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import fromstring

from hub.addresses import Addresses
from hub.presence import PresenceBoard
from hub.registry import (
    NewGrant,
    Registry,
    add_grant,
    add_heat_pump,
    add_provider,
    changes_since,
    let_in,
    shut_out,
)
from hub.registry.consents import consents_since
from hub.roster import HeatPump, Provider, Right, Roster
from hub.router import Outcome, Router
from hub.stanzas import Stanza

NOW = 1_800_000_000.0
HUB = "hub.example.org"
BOX, SP = "box1@boxes.example.org/IEC", "control@aggregator.example/desk"
GOLDEN = Path(__file__).parents[1] / "iec61850_model" / "golden"
READ = (GOLDEN / "getNameList_req_domains.xml").read_text()
ANSWER = (GOLDEN / "getNameList_resp.xml").read_text()


def came(kind: str, type_: str, sender: str, to: str, inner: str = "") -> Stanza:
    head = f'<{kind} xmlns="jabber:component:accept" type="{type_}" id="1" from="{sender}" to="{to}">'
    return Stanza.of(fromstring(f"{head}{inner}</{kind}>"))


async def test_what_is_for_it_reaches_nobody_and_what_it_says_is_a_strangers(registry: Registry) -> None:
    await registry.run(add_heat_pump, HeatPump("hp1", "box1@boxes.example.org"), hub_domain=HUB, now=NOW)
    await registry.run(add_provider, Provider("agg", "control@aggregator.example"), hub_domain=HUB, now=NOW)
    granted = NewGrant("agg", "hp1", frozenset({Right.READ}), giver="op")
    await registry.run(add_grant, granted, now=NOW)
    roster = Roster()
    router, board = Router(Addresses(HUB), roster), PresenceBoard(Addresses(HUB), roster)
    request = came("iq", "get", SP, f"hp1@{HUB}/IEC", READ)
    presence = came("presence", "", BOX, HUB)

    board.change(await registry.read(changes_since, 0), NOW)
    assert router.route(request, NOW).outcome is Outcome.FORWARDED
    assert board.handle(presence, NOW), "it is online"

    before = roster.revision
    await registry.run(shut_out, "hp1", NOW)
    board.change(await registry.read(changes_since, before), NOW)
    refused = router.route(request, NOW)
    assert refused.outcome is Outcome.REFUSED and "<recipient-unavailable" in refused.xml
    assert "box1" not in refused.xml and "shut-out" not in refused.xml
    assert board.handle(presence, NOW) == [], "nobody is told of it"
    answer = came("iq", "result", BOX, f"agg@{HUB}/desk", ANSWER)
    assert router.route(answer, NOW).outcome is Outcome.DROPPED
    followed = await registry.read(consents_since, before)
    assert [one.box for one in followed] == [roster.heat_pumps["hp1"].box], "the collector knows it no more"

    before = roster.revision
    await registry.run(let_in, "hp1")
    board.change(await registry.read(changes_since, before), NOW)
    assert router.route(request, NOW).outcome is Outcome.FORWARDED
