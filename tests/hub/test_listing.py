"""What the hub lists for whom: pages as XEP-0059 has them, and nothing that the asker may not know of."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from hub.addresses import Addresses
from hub.listing import INFO_NS, ITEMS_NS, MAX_PAGE, RSM_NS
from hub.ops_way import RouterWithOperations
from hub.people_lists import MAX_WAITING, PeopleLists
from hub.registry import Registry, add_heat_pump
from hub.registry.operators import add_operator
from hub.registry.people import PersonalData, add_ownership, add_person
from hub.registry.people_models import PersonDataRow
from hub.roster import Changes, Grant, HeatPump, Member, Provider, Right, Roster
from hub.router import Outcome, Routed
from hub.stanzas import Stanza
from tests.hub.test_router import NOW, SP, refusal, stanza

HUB = "hub.example.org"
SP2, KIM, STRANGER = "desk@heat.example/pc", "kim@home.example/phone", "who@stranger.example/x"
READS = frozenset({Right.READ})


@pytest.fixture
def router() -> RouterWithOperations:
    """agg holds a grant on hp0001 for a minute, and one on north, in which are hp0003 and hp0004."""
    roster = Roster()
    roster.apply(
        Changes(
            1,
            tuple(HeatPump(f"hp000{n}", f"box000{n}@boxes.example.org") for n in range(1, 6)),
            (Provider("agg", "control@aggregator.example"), Provider("heat", "desk@heat.example")),
            (
                Grant(1, "agg", "hp0001", READS, until=NOW + 60),
                Grant(2, "agg", "hp0005", READS, valid_from=NOW + 60),
                Grant(3, "agg", "", READS, group="north"),
            ),
            members=(Member("north", "hp0003"), Member("north", "hp0004"), Member("south", "hp0002")),
        )
    )
    return RouterWithOperations(Addresses(HUB), roster)


def parsed(text: str) -> Stanza:
    return Stanza.of(ElementTree.fromstring(f'<stream xmlns="jabber:component:accept">{text}</stream>')[0])


def query(namespace: str, inner: str = "", sender: str = SP, to: str = HUB) -> Stanza:
    return parsed(stanza("iq", "get", sender, to, f'<query xmlns="{namespace}">{inner}</query>'))


def page(**parts: object) -> str:
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in parts.items())
    return f'<set xmlns="{RSM_NS}">{inside}</set>'


def items(
    router: RouterWithOperations, inner: str = "", sender: str = SP, to: str = HUB, now: float = NOW
) -> Routed:
    return router.route(query(ITEMS_NS, inner, sender, to), now)


def listed(xml: str) -> list[str]:
    return [one.get("jid", "") for one in ElementTree.fromstring(xml).iter(f"{{{ITEMS_NS}}}item")]


def names(xml: str) -> list[str]:
    return [jid.partition("@")[0] for jid in listed(xml)]


def in_set(xml: str, name: str) -> str | None:
    return ElementTree.fromstring(xml).findtext(f".//{{{RSM_NS}}}{name}")


def test_a_provider_is_listed_the_heat_pumps_and_groups_it_holds_a_grant_for(
    router: RouterWithOperations,
) -> None:
    assert listed(items(router).xml) == [
        f"hp0001@{HUB}/IEC", f"hp0003@{HUB}/IEC", f"hp0004@{HUB}/IEC", f"north@{HUB}",
    ]  # fmt: skip
    assert listed(items(router, sender=SP2).xml) == []
    assert names(items(router, now=NOW + 60).xml) == ["hp0003", "hp0004", "hp0005", "north"]
    router.roster.apply(Changes(2, removed_grants=(3,)))
    assert names(items(router).xml) == ["hp0001"]
    router.roster.apply(Changes(3, grants=(Grant(4, "agg", "", READS, group="empty"),)))
    assert names(items(router).xml) == ["empty", "hp0001"]


@pytest.fixture
def many(router: RouterWithOperations) -> RouterWithOperations:
    """a000 to a(2 * MAX_PAGE + 1) are in north besides."""
    pumps = tuple(HeatPump(f"a{n:04d}", f"a{n}@b.example") for n in range(2 * MAX_PAGE + 2))
    router.roster.apply(Changes(2, pumps, members=tuple(Member("north", one.id) for one in pumps)))
    return router


ALL = [*(f"a{n:04d}" for n in range(2 * MAX_PAGE + 2)), "hp0001", "hp0003", "hp0004", "north"]


def pages(router: RouterWithOperations, way: str, first: str, end: str, most: int) -> Iterator[list[str]]:
    """Forwards by ``after`` the last, or backwards by ``before`` the first."""
    at = first
    while True:
        xml = items(router, page(max=most, **{way: at})).xml
        part = names(xml)
        if not part:
            return
        assert in_set(xml, "count") == str(len(ALL))
        assert (in_set(xml, "first"), in_set(xml, "last")) == (part[0], part[-1])
        found = ElementTree.fromstring(xml).find(f".//{{{RSM_NS}}}first")
        assert found is not None
        assert found.get("index") == str(ALL.index(part[0]))
        yield part
        at = in_set(xml, end) or ""


@pytest.mark.parametrize("most", [7, 10 * MAX_PAGE])
def test_a_long_list_is_read_forwards_and_backwards(many: RouterWithOperations, most: int) -> None:
    forwards = list(pages(many, "after", "", "last", most))
    assert [one for part in forwards for one in part] == ALL
    backwards = list(pages(many, "before", "", "first", most))
    assert [one for part in reversed(backwards) for one in part] == ALL
    assert max(map(len, (*forwards, *backwards))) == min(most, MAX_PAGE)


def test_a_list_that_is_too_long_comes_in_pages_unasked(many: RouterWithOperations) -> None:
    xml = items(many).xml
    assert names(xml) == ALL[:MAX_PAGE]
    assert (in_set(xml, "last"), in_set(xml, "count")) == (ALL[MAX_PAGE - 1], str(len(ALL)))


def test_a_page_of_the_longest_ids_is_no_larger_than_servers_take(many: RouterWithOperations) -> None:
    longest = tuple(HeatPump(f"{n:063d}", f"l{n}@b.example") for n in range(MAX_PAGE))
    many.roster.apply(Changes(3, longest, members=tuple(Member("north", one.id) for one in longest)))
    far = RouterWithOperations(Addresses(".".join(["a" * 62] * 4)), many.roster)
    assert len(items(far, to=far.addresses.domain).xml) < 200_000


def test_a_page_begins_at_an_index_and_only_the_count_may_be_asked(many: RouterWithOperations) -> None:
    assert names(items(many, page(max=2, index=3)).xml) == ALL[3:5]
    assert names(items(many, page(index=len(ALL) - 1)).xml) == ["north"]
    counted = items(many, page(max=0)).xml
    assert (names(counted), in_set(counted, "first"), in_set(counted, "count")) == ([], None, str(len(ALL)))
    assert names(items(many, page(max=0, before="hp0001")).xml) == []


@pytest.mark.parametrize(
    "where",
    [
        {"after": "hp0002"}, {"after": "south"}, {"after": "nobody"}, {"after": "zz"}, {"before": "hp0002"},
        {"before": "nobody"}, {"before": "0"}, {"index": len(ALL)}, {"index": 999_999_999},
    ],
)  # fmt: skip
def test_an_item_that_is_not_in_the_list_is_not_found_be_it_anothers_or_nobodys(
    many: RouterWithOperations, where: dict[str, object]
) -> None:
    assert items(many, page(max=3, **where)).xml == refusal("iq", HUB, SP, "cancel", "item-not-found")


WRONG = (
    page(max="x"), page(max="-1"), page(max=""), page(max="٣"), page(index="x"), page(max="9" * 10),
    page(after="a", before="b"), page(before="", index=0), page(since="a"), page() * 2, "<x/>",
    f'<set xmlns="{RSM_NS}"><max>1</max><max>2</max></set>', '<set><max>1</max></set>',
)  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_not_asked_as_the_standard_says_is_a_bad_request(
    router: RouterWithOperations, wrong: str
) -> None:
    for sender in (SP, SP2, KIM, STRANGER):
        assert items(router, wrong, sender).xml == refusal("iq", HUB, sender, "modify", "bad-request")


def test_nothing_else_is_listed(router: RouterWithOperations) -> None:
    for sender in (SP, KIM):
        node = stanza("iq", "get", sender, HUB, f'<query xmlns="{ITEMS_NS}" node="all"/>')
        assert router.route(parsed(node), NOW).xml == refusal("iq", HUB, sender, "cancel", "item-not-found")
    for to in (f"{HUB}/x", f"hp0001@{HUB}/IEC"):
        assert items(router, to=to).xml == refusal("iq", to, SP, "cancel", "service-unavailable")
    message = parsed(stanza("message", "get", SP, HUB, f'<query xmlns="{ITEMS_NS}"/>'))
    assert "result" not in router.route(message, NOW).xml
    box = items(router, sender="box0001@boxes.example.org/IEC")
    assert box.outcome is Outcome.REFUSED
    assert listed(box.xml) == []


# --- what it is ------------------------------------------------------------------------------------


def described(router: RouterWithOperations, to: str, sender: str = SP) -> list[tuple[str, str]]:
    root = ElementTree.fromstring(router.route(query(INFO_NS, sender=sender, to=to), NOW).xml)
    return [(one.get("category", ""), one.get("type", "")) for one in root.iter(f"{{{INFO_NS}}}identity")]


def test_the_hub_says_what_it_is_to_everybody(router: RouterWithOperations) -> None:
    for sender in (SP, SP2, STRANGER):
        assert described(router, HUB, sender) == [("component", "generic")]
    xml = router.route(query(INFO_NS), NOW).xml
    for feature in (INFO_NS, ITEMS_NS, RSM_NS, "urn:xmpp:ping"):
        assert f'<feature var="{feature}"/>' in xml


def test_a_heat_pump_and_a_group_say_what_they_are_to_whoever_holds_a_grant(
    router: RouterWithOperations,
) -> None:
    for to in (f"hp0001@{HUB}", f"hp0001@{HUB}/IEC", f"hp0003@{HUB}"):
        assert described(router, to) == [("hierarchy", "leaf")]
    assert described(router, f"north@{HUB}") == [("hierarchy", "branch")]
    for sender in (SP, SP2, STRANGER):
        for name in ("hp0002", "south", "nobody", "heat"):
            for to in (f"{name}@{HUB}", f"{name}@{HUB}/IEC"):
                routed = router.route(query(INFO_NS, sender=sender, to=to), NOW)
                assert routed.xml == refusal("iq", to, sender, "cancel", "service-unavailable")


# --- people ----------------------------------------------------------------------------------------


@pytest.fixture
async def owners(registry: Registry) -> Registry:
    """Kim owns hp0002 and hp0003, and owned hp0001; two people share an account."""
    for n in (1, 2, 3):
        pump = HeatPump(f"hp000{n}", f"box000{n}@boxes.example.org")
        await registry.run(add_heat_pump, pump, hub_domain=HUB, now=NOW)
    for jid, owns in (
        ("kim@home.example", {"hp0001": NOW, "hp0002": None, "hp0003": NOW + 9}), ("", {"hp0001": None}),
        ("both@home.example", {"hp0001": None}), ("other@home.example", {"hp0002": None}),
    ):  # fmt: skip
        person = await registry.run(add_person, PersonalData("X", "", jid), hub_domain=HUB, now=NOW)
        for pump_id, until in owns.items():
            await registry.run(add_ownership, person.id, pump_id, since=NOW - 1, until=until)
    both = update(PersonDataRow).where(PersonDataRow.jid == "other@home.example")
    await registry.run(lambda session: session.execute(both.values(jid="both@home.example")))
    return registry


async def told(registry: Registry, router: RouterWithOperations, asked: Stanza) -> str:
    routed = router.route(asked, NOW)
    assert (routed.outcome, routed.xml, routed.lookup) == (Outcome.LOOKED_UP, "", asked)
    said: list[str] = []
    await PeopleLists(registry, router.list_for, said.append).answer(asked, NOW)
    (xml,) = said
    return xml


async def test_a_person_is_listed_what_is_his_now(owners: Registry, router: RouterWithOperations) -> None:
    assert listed(await told(owners, router, query(ITEMS_NS, sender=KIM))) == [
        f"hp0002@{HUB}/IEC", f"hp0003@{HUB}/IEC",
    ]  # fmt: skip
    assert names(await told(owners, router, query(ITEMS_NS, page(after="hp0002"), KIM))) == ["hp0003"]
    for after in ("hp0001", "nobody"):
        xml = await told(owners, router, query(ITEMS_NS, page(after=after), KIM))
        assert xml == refusal("iq", HUB, KIM, "cancel", "item-not-found")


async def test_an_operator_is_listed_all(owners: Registry, router: RouterWithOperations) -> None:
    person = await owners.run(add_person, PersonalData("Op", "", "op@home.example"), hub_domain=HUB, now=NOW)
    sender = "op@home.example/desk"
    assert listed(await told(owners, router, query(ITEMS_NS, sender=sender))) == []
    await owners.run(add_operator, person.id, now=NOW)
    every = [*(f"hp000{n}" for n in range(1, 6)), "north", "south"]
    assert names(await told(owners, router, query(ITEMS_NS, sender=sender))) == every
    router.roster.apply(Changes(2, removed_heat_pumps=("hp0005",)))
    assert names(await told(owners, router, query(ITEMS_NS, page(after="hp0004"), sender))) == every[5:]


@pytest.mark.parametrize("sender", [STRANGER, "both@home.example/x", "stranger.example", "home.example/x"])
async def test_whoever_is_nobody_is_listed_nothing_in_the_words_for_a_provider_without_a_grant(
    owners: Registry, router: RouterWithOperations, sender: str
) -> None:
    nothing = items(router, sender=SP2).xml.replace(SP2, sender)
    assert await told(owners, router, query(ITEMS_NS, sender=sender)) == nothing


async def test_questions_that_wait_are_bounded_and_a_lost_registry_is_said(
    owners: Registry, router: RouterWithOperations, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    answered = asyncio.Event()

    def say(xml: str) -> None:
        said.append(xml)
        if len(said) > MAX_WAITING:
            answered.set()

    lists = PeopleLists(owners, router.list_for, say)
    asked = query(ITEMS_NS, sender=KIM)
    assert [lists.put(asked) for _ in range(MAX_WAITING + 2)] == [True] * MAX_WAITING + [False] * 2

    async def locked(*_: Any, **__: Any) -> None:
        raise OperationalError("SELECT", {}, Exception("disk I/O error"))

    with monkeypatch.context() as broken:
        broken.setattr(owners, "read", locked)
        await lists.answer(asked, NOW)
    assert said == [refusal("iq", HUB, KIM, "wait", "resource-constraint")]
    running = asyncio.create_task(lists.run())
    await answered.wait()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert lists.put(asked)
