"""Nobody learns from any answer of the hub which heat pumps, groups, providers or people there are.

Whatever is sent to a name that is somebody else's is answered with the same octets as to a name that is
nobody's, and no answer holds a name or address that its sender may not know. Generated: senders, resources,
stanzas, names.
"""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from hub.addresses import Addresses
from hub.listing import ITEMS_NS, RSM_NS
from hub.ops_way import RouterWithOperations
from hub.presence import PresenceBoard
from hub.presence_effects import Emit
from hub.roster import Changes, Grant, HeatPump, Member, Provider, Right, Roster
from hub.stanzas import Stanza
from tests.hub.test_router import INITIATE, NOW, OPERATE, READ, READ_ANSWER, REPORT, SP, confirmed, stanza

HUB = "hub.example.org"
NOBODYS = "nq9999"
SOMEBODYS = ("hp0002", "hp0005", "hp0006", "south", "heat")
"""Another provider's heat pump, one in his group, one that nobody may use, that group, and he himself."""
SENDERS = (SP, "me@idle.example/pc", "who@stranger.example/x", "control@aggregator.example.evil/desk1")
RESOURCES = ("", "/IEC", "/desk1", "/~ops", "/~withdrawn", "/x")
PAYLOADS = {
    "read": READ,
    "history": READ.replace(">MET<", ">HIST<"),
    "operate": OPERATE,
    "associate": INITIATE,
    "broken": confirmed("<nothing/>"),
    "two": READ + READ,
    "answer": READ_ANSWER,
    "report": REPORT,
    "items": f'<query xmlns="{ITEMS_NS}"/>',
    "page": f'<query xmlns="{ITEMS_NS}"><set xmlns="{RSM_NS}"><max>1</max></set></query>',
    "count": f'<query xmlns="{ITEMS_NS}"><set xmlns="{RSM_NS}"><max>0</max></set></query>',
    "info": '<query xmlns="http://jabber.org/protocol/disco#info"/>',
    "ping": '<ping xmlns="urn:xmpp:ping"/>',
    "roster": '<query xmlns="jabber:iq:roster"/>',
    "register": '<query xmlns="jabber:iq:register"/>',
    "search": '<query xmlns="jabber:iq:search"><nick>kim</nick></query>',
    "vcard": '<vCard xmlns="vcard-temp"/>',
    "last": '<query xmlns="jabber:iq:last"/>',
    "command": '<command xmlns="http://jabber.org/protocol/commands" node="list" action="execute"/>',
    "body": "<body>hello</body>",
    "nothing": "",
}
KINDS = tuple(("iq", type_) for type_ in ("get", "set", "result", "error")) + tuple(
    ("message", type_) for type_ in ("", "normal", "chat", "groupchat", "headline", "error")
)
PRESENCE = ("", "unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe", "error")
MAY = frozenset({Right.READ, Right.CONTROL})


@pytest.fixture
def roster() -> Roster:
    """agg holds a grant on hp0001 and on north, in which is hp0003; heat one on hp0002 and on south."""
    made = Roster()
    made.apply(world())
    return made


def world() -> Changes:
    return Changes(
        1,
        tuple(HeatPump(f"hp000{n}", f"box000{n}@boxes.example.org") for n in (1, 2, 3, 5, 6)),
        (
            Provider("agg", "control@aggregator.example"),
            Provider("heat", "desk@heat.example"),
            Provider("idle", "me@idle.example"),
        ),
        (
            Grant(1, "agg", "hp0001", MAY),
            Grant(2, "agg", "", MAY, group="north"),
            Grant(3, "heat", "hp0002", MAY),
            Grant(4, "heat", "", MAY, group="south"),
        ),
        members=(Member("north", "hp0003"), Member("south", "hp0005")),
    )


def parsed(text: str) -> Stanza:
    return Stanza.of(ElementTree.fromstring(f'<stream xmlns="jabber:component:accept">{text}</stream>')[0])


def said_to(router: RouterWithOperations, text: str) -> str:
    """What comes back at once; a request that would be passed on or spread says so."""
    routed = router.route(parsed(text), NOW)
    return f"{routed.outcome} {routed.xml}"


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_is_anothers_is_answered_as_what_is_nobodys(roster: Roster, sender: str, payload: str) -> None:
    router = RouterWithOperations(Addresses(HUB), roster)
    for kind, type_ in KINDS:
        for resource in RESOURCES:

            def heard(name: str, kind: str = kind, type_: str = type_, resource: str = resource) -> str:
                to = f"{name}@{HUB}{resource}"
                text = stanza(kind, type_, sender, to, PAYLOADS[payload], "x1")
                return said_to(router, text).replace(name, NOBODYS)

            nobody = heard(NOBODYS)
            for name in SOMEBODYS:
                assert heard(name) == nobody, (kind, type_, resource, name)


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_answer_holds_what_its_sender_may_not_know(roster: Roster, sender: str, payload: str) -> None:
    router = RouterWithOperations(Addresses(HUB), roster)
    mine = {"hp0001", "hp0003", "north"} if sender == SP else set()
    for kind, type_ in KINDS:
        for name in ("", *SOMEBODYS, NOBODYS, "hp0001", "hp0003", "north", "agg"):
            for resource in RESOURCES:
                to = f"{name}@{HUB}{resource}" if name else f"{HUB}{resource}"
                routed = router.route(parsed(stanza(kind, type_, sender, to, PAYLOADS[payload], "x1")), NOW)
                if f'to="{sender}"' not in routed.xml:
                    continue  # to a box: that it is told nothing of providers is shown in test_router
                for private in (*SOMEBODYS, "hp0001", "hp0003", "north", "boxes.example.org", "heat.example"):
                    if private not in mine and private != name:
                        assert private not in routed.xml, (kind, type_, to)


@pytest.mark.parametrize("type_", PRESENCE)
@pytest.mark.parametrize("sender", SENDERS)
def test_presence_to_what_is_anothers_is_answered_as_to_what_is_nobodys(sender: str, type_: str) -> None:
    for resource in RESOURCES:
        for address in (sender, sender.partition("/")[0]):
            heard = {
                name: presence_heard(address, f"{name}@{HUB}{resource}", type_).replace(name, NOBODYS)
                for name in (NOBODYS, *SOMEBODYS)
            }
            assert set(heard.values()) == {heard[NOBODYS]}, (resource, heard)


def presence_heard(sender: str, to: str, type_: str) -> str:
    """What a hub in which all boxes are online says to anybody but boxes, and what it keeps of it."""
    board = PresenceBoard(Addresses(HUB), Roster())
    board.change(world(), NOW)
    board.start(NOW)
    for n in (1, 2, 3, 5, 6):
        board.handle(Stanza("presence", "", "", f"box000{n}@boxes.example.org/IEC", HUB), NOW)
    effects = board.handle(Stanza("presence", type_, "", sender, to), NOW)
    return " ".join(one.xml if isinstance(one, Emit) else str(one) for one in effects)


@pytest.mark.parametrize("inner", [READ_ANSWER, REPORT, READ])
def test_a_box_learns_nothing_of_providers_either(roster: Roster, inner: str) -> None:
    router = RouterWithOperations(Addresses(HUB), roster)
    for kind, type_ in KINDS:
        heard = {
            name: said_to(
                router, stanza(kind, type_, "box0006@boxes.example.org/IEC", f"{name}@{HUB}/x", inner, "x1")
            ).replace(name, NOBODYS)
            for name in (NOBODYS, "agg", "heat", "idle", "north", "hp0001")
        }
        assert set(heard.values()) == {heard[NOBODYS]}, (kind, type_, heard)
