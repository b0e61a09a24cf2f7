"""Heat pumps as contacts: a provider's chat client subscribes, waits, is granted, and goes. Dialogues, and
the way of a wish from the stanza into the registry and back to every router.
"""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from hub import wishes
from hub.addresses import Addresses
from hub.gate import Gate, Limits, Verdict
from hub.limits import Share
from hub.presence import PresenceBoard
from hub.presence_effects import Effect, KeepAsk
from hub.registry import (
    NewGrant,
    Registry,
    add_grant,
    add_group,
    add_heat_pump,
    add_members,
    add_provider,
    changes_since,
    current_revision,
)
from hub.registry.ask_answers import Terms, approve_ask, refuse_ask
from hub.registry.asks import MAX_OPEN_ASKS, NewAsk, OwnAsk, ask, asks_of_provider, list_asks
from hub.roster import Changes, Grant, HeatPump, Member, Provider, Right, Roster
from hub.stanzas import Stanza
from hub.wishes import Wishes
from tests.hub.test_presence import (
    AGG,
    BOX1,
    HEAT,
    HP1,
    HUB,
    ROSTER,
    asked,
    change,
    grant,
    presence,
    said,
)

NOW = 1_800_000_000.0
BARE1 = f"hp0001@{HUB}"
SUBSCRIBED = [f"available: {HP1} -> {HEAT}", f"subscribed: {BARE1} -> {HEAT}"]
WISH = ("heat", "hp0001")


@pytest.fixture
def board() -> PresenceBoard:
    """agg may see hp0001, which is online; heat may see nothing."""
    made = PresenceBoard(Addresses(HUB), Roster())
    made.change(ROSTER, NOW)
    asked(made, made.start(NOW), NOW)
    presence(made, BOX1)
    return made


def subscribe(board: PresenceBoard, id_: str = "hp0001", type_: str = "subscribe") -> list[Effect]:
    return presence(board, HEAT, f"{id_}@{HUB}", type_)


@pytest.mark.parametrize("id_", ["hp0001", "hp9999", "agg", "north"])
def test_without_a_grant_it_is_a_wish_and_nothing_is_said(board: PresenceBoard, id_: str) -> None:
    assert subscribe(board, id_) == [KeepAsk("heat", id_, asks=True)]
    assert board.contacts.followers == {}


def test_what_is_granted_is_told_with_its_presence_from_then_on(board: PresenceBoard) -> None:
    subscribe(board)
    assert said(change(board, grants=(grant(2, "heat"),), asked=(WISH,))) == SUBSCRIBED
    assert said(presence(board, BOX1, type_="unavailable")) == [f"unavailable: {HP1} -> {HEAT}"]
    assert said(change(board, removed_grants=(2,))) == [
        f"unavailable: {HP1} -> {HEAT}", f"unsubscribed: {BARE1} -> {HEAT}",
    ]  # fmt: skip


def test_who_did_not_subscribe_is_not_told(board: PresenceBoard) -> None:
    assert said(change(board, grants=(grant(2, "heat"),), asked=(("heat", "hp0002"),))) == []


def test_a_grant_that_begins_later_is_told_then(board: PresenceBoard) -> None:
    begins = grant(2, "heat", begin=NOW + 60)
    assert said(change(board, grants=(begins,), asked=(WISH,))) == []
    assert said(board.tick(NOW + 59)) == []
    assert said(board.tick(NOW + 60)) == SUBSCRIBED


def test_who_subscribes_between_a_grant_and_its_begin_is_told_then_and_once(board: PresenceBoard) -> None:
    """Also by a router that does not lead: the one that does has not heard of it."""
    board.contacts.leads = False
    change(board, grants=(grant(2, "heat", begin=NOW + 60),))
    assert subscribe(board) == [KeepAsk(*WISH, asks=True)]
    assert board.contacts.written([WISH], NOW + 1) == []
    assert said(board.tick(NOW + 59)) == []
    assert said(board.tick(NOW + 60)) == SUBSCRIBED
    assert board.contacts.written([WISH], NOW + 61) == []
    assert said(board.tick(NOW + 61)) == []


def test_of_several_routers_the_first_tells_what_all_have_heard(board: PresenceBoard) -> None:
    board.contacts.leads = False
    change(board, grants=(grant(2, "heat", begin=NOW + 60),))
    subscribe(board)
    change(board, asked=(WISH,))
    assert said(board.tick(NOW + 60)) == []


def test_who_unsubscribes_before_it_is_written_is_not_told(board: PresenceBoard) -> None:
    change(board, grants=(grant(2, "heat", begin=NOW + 60),))
    subscribe(board)
    subscribe(board, type_="unsubscribe")
    assert said(board.tick(NOW + 60)) == []
    assert board.contacts.alone == set()


def on_group(begin: float = 0.0) -> Grant:
    return Grant(3, "heat", "", frozenset({Right.READ}), (), begin, None, "north")


def test_a_grant_on_its_group_is_told_and_so_is_joining_one(board: PresenceBoard) -> None:
    assert said(change(board, grants=(on_group(),), asked=(WISH,))) == []
    assert said(change(board, members=(Member("north", "hp0001"),), asked=(WISH,))) == SUBSCRIBED


@pytest.mark.parametrize("begin", [0.0, NOW + 60])
def test_a_group_that_was_asked_for_is_a_contact_without_presence(board: PresenceBoard, begin: float) -> None:
    """It may be asked for its members; what is there is told by them."""
    told = said(change(board, grants=(on_group(begin),), asked=(("heat", "north"),)))
    told += said(board.tick(NOW + 60))
    assert told == [f"subscribed: north@{HUB} -> {HEAT}"]
    assert said(presence(board, HEAT, f"north@{HUB}", "probe", NOW + 61)) == []
    assert said(presence(board, HEAT, f"north@{HUB}", "subscribe", NOW + 61)) == told
    assert board.contacts.followers == {}


def test_what_was_granted_while_the_hub_was_away_is_told_when_it_is_back(board: PresenceBoard) -> None:
    change(board, grants=(grant(2, "heat"),), asked=(WISH,))
    board.stop(NOW + 1)
    again = board.start(NOW + 2)
    assert f"subscribed: {BARE1} -> {HEAT}" in said(again)
    asked(board, again, NOW + 2)
    assert said(presence(board, BOX1)) == [f"available: {HP1} -> {HEAT}"]


def test_who_unsubscribes_waits_no_longer(board: PresenceBoard) -> None:
    change(board, grants=(grant(2, "heat", begin=NOW + 60),), asked=(WISH,))
    gone = subscribe(board, type_="unsubscribe")
    assert said(gone) == [f"unsubscribed: {BARE1} -> {HEAT}"]
    assert KeepAsk(*WISH, asks=False) in gone
    assert said(board.tick(NOW + 60)) == []


def test_only_who_was_granted_something_is_remembered(board: PresenceBoard) -> None:
    """So what a router keeps is bounded by the grants, not by what providers wish."""
    change(board, asked=tuple(("heat", f"x{n}") for n in range(1000)))
    assert board.contacts.asked == set()
    change(board, grants=(grant(2, "heat"),), asked=(WISH, ("heat", "hp0002")))
    assert board.contacts.asked == {WISH}
    change(board, removed_grants=(2,))
    change(board)
    assert board.contacts.asked == set()


def test_a_chat_client_may_have_many_contacts() -> None:
    """At its login its server sends one stanza about each: the last does not stand for the others."""
    roster = Roster()
    roster.apply(ROSTER)
    limits = Limits(provider=Share(rate=1, burst=50), presence=Share(rate=0.2, burst=10))
    gate = Gate(limits, roster)
    about = [Stanza("presence", "subscribe", "", AGG, f"hp{n}@{HUB}") for n in range(60)]
    assert [gate.admit(one, NOW) for one in about] == [Verdict.PASS] * 50 + [Verdict.RATE] * 10
    assert gate.due(NOW + 100) == []


# --- into the registry and back --------------------------------------------------------------------


@pytest.fixture
async def filled(registry: Registry) -> Registry:
    pump = HeatPump("hp0001", "box0001@boxes.example.org")
    await registry.run(add_heat_pump, pump, hub_domain=HUB, now=NOW)
    for id_, jid in (("agg", AGG), ("heat", HEAT)):
        await registry.run(add_provider, Provider(id_, jid), hub_domain=HUB, now=NOW)
    return registry


async def changes(registry: Registry, revision: int) -> Changes:
    return await registry.read(changes_since, revision)


async def wished(registry: Registry, *wanted: str, asks: bool = True) -> None:
    desk = Wishes(registry)
    for one in wanted:
        assert desk.put(KeepAsk("heat", one, asks))
    await desk.write(NOW)


async def seen(registry: Registry) -> list[OwnAsk]:
    return await registry.read(asks_of_provider, "heat", now=NOW)


async def test_a_wish_is_approved_and_every_router_tells_it(filled: Registry) -> None:
    routers = [PresenceBoard(Addresses(HUB), Roster()) for _ in range(2)]
    for one in routers:
        one.begin(await changes(filled, 0), NOW)
        one.start(NOW)
        presence(one, BOX1)
    await wished(filled, "hp0001", "hp9999")
    revision = await filled.read(current_revision)
    assert revision == routers[0].roster.revision, "wishes are no change of the roster"
    (waits,) = await filled.read(list_asks, now=NOW)
    assert waits.on == "hp0001"
    await filled.run(approve_ask, waits.key, Terms(), giver="op", now=NOW)
    for one in routers:
        assert said(one.change(await changes(filled, revision), NOW + 1)) == SUBSCRIBED
    late = PresenceBoard(Addresses(HUB), Roster())
    late.begin(await changes(filled, 0), NOW)
    assert f"subscribed: {BARE1} -> {HEAT}" in said(late.start(NOW + 1))


@pytest.mark.parametrize("begin", [None, NOW + 60])
async def test_a_grant_that_is_known_before_the_wish_is_written_is_told_once(
    filled: Registry, begin: float | None
) -> None:
    board = PresenceBoard(Addresses(HUB), Roster())
    board.begin(await changes(filled, 0), NOW)
    board.start(NOW)
    presence(board, BOX1)
    desk, told = Wishes(filled), list[Effect]()
    desk.on_written = lambda wishes: told.extend(board.contacts.written(wishes, NOW))
    for effect in (*subscribe(board), *subscribe(board, "hp9999")):
        assert isinstance(effect, KeepAsk)
        desk.put(effect)
    new = NewGrant("heat", "hp0001", [Right.READ], "op", valid_from=begin)
    await filled.run(add_grant, new, now=NOW)
    told += board.change(await changes(filled, board.roster.revision), NOW)
    assert said(told) == []
    await desk.write(NOW)
    assert said(told) == (SUBSCRIBED if begin is None else [])
    told += board.tick(NOW + 60)
    await desk.write(NOW + 61)
    assert said(told) == SUBSCRIBED


async def test_a_refused_wish_and_one_for_nothing_look_alike(filled: Registry) -> None:
    await wished(filled, "hp0001", "hp9999")
    (waits,) = await filled.read(list_asks, now=NOW)
    await filled.run(refuse_ask, waits.key, decided_by="op", now=NOW)
    known, unknown = await seen(filled)
    assert known == OwnAsk("hp0001", *_rest(unknown))
    await wished(filled, "hp0001", "hp9999")
    assert await filled.read(list_asks, now=NOW) == []
    assert [known, unknown] == await seen(filled)
    await wished(filled, "hp0001", "hp9999", asks=False)
    assert await seen(filled) == []


def _rest(one: OwnAsk) -> tuple[Any, ...]:
    return one.rights, one.purpose, one.asked, one.expires, one.granted


async def test_unsubscribing_withdraws_no_more_than_subscribing_asked_for(filled: Registry) -> None:
    await filled.run(ask, NewAsk("heat", "hp0001", [Right.CONTROL]), now=NOW)
    await wished(filled, "hp0001")
    await wished(filled, "hp0001", asks=False)
    (left,) = await seen(filled)
    assert left.rights == {Right.CONTROL}
    await filled.run(add_grant, NewGrant("heat", "hp0001", [Right.CONTROL], "op"), now=NOW)
    assert (await changes(filled, 0)).asked == ()


async def test_routers_hear_of_subscriptions_when_something_is_granted(filled: Registry) -> None:
    await filled.run(add_group, "north", now=NOW)
    await wished(filled, "hp0001", "north", "nothing")
    every = {("heat", one) for one in ("hp0001", "north", "nothing")}
    before = await filled.read(current_revision)
    await filled.run(add_grant, NewGrant("agg", "hp0001", [Right.READ], "op"), now=NOW)
    assert (await changes(filled, before)).asked == ()
    await filled.run(add_grant, NewGrant("heat", "north", [Right.READ], "op"), now=NOW)
    assert set((await changes(filled, before)).asked) == every
    before = await filled.read(current_revision)
    await filled.run(add_members, "north", ["hp0001"], now=NOW)
    assert set((await changes(filled, before)).asked) == every
    assert set((await changes(filled, 0)).asked) == every


async def test_wishes_are_bounded_and_the_last_word_counts(
    filled: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Wishes(filled)
    many = [desk.put(KeepAsk("heat", f"x{n}", asks=True)) for n in range(3 * MAX_OPEN_ASKS)]
    assert many.count(True) == wishes.MAX_OF_ONE
    assert desk.put(KeepAsk("heat", "x0", asks=False)), "about what waits there is always room"
    assert desk.put(KeepAsk("agg", "hp0001", asks=True))
    monkeypatch.setattr(wishes, "MAX_WAITING", wishes.MAX_OF_ONE + 1)
    assert not desk.put(KeepAsk("agg", "hp0002", asks=True))
    for _ in range(5):
        await desk.write(NOW)
    assert [one.wanted for one in await seen(filled)] == [f"x{n}" for n in range(1, MAX_OPEN_ASKS + 1)]
    assert len(await filled.read(list_asks, now=NOW, provider="agg")) == 1
    assert desk.put(KeepAsk("heat", "x1", asks=True))


async def test_a_wish_that_cannot_be_written_is_kept(
    filled: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Wishes(filled)
    desk.put(KeepAsk("heat", "hp0001", asks=True))
    with monkeypatch.context() as broken:

        async def locked(*_: Any) -> None:
            raise OperationalError("INSERT", {}, Exception("database is locked"))

        broken.setattr(filled, "run_apart", locked)
        await desk.write(NOW)
    assert await seen(filled) == []
    await desk.write(NOW)
    assert len(await seen(filled)) == 1


@pytest.mark.parametrize("wanted", ["", "HP", "x" * 64, "ops", "hp 1", "hp0001"])
async def test_what_no_id_can_be_is_no_wish(filled: Registry, wanted: str) -> None:
    desk = Wishes(filled)
    desk.put(KeepAsk("heat", wanted, asks=True))
    desk.put(KeepAsk("nobody", "hp0001", asks=True))
    desk.put(KeepAsk("heat", "hp0009", asks=True))
    await desk.write(NOW)
    assert {one.wanted for one in await seen(filled)} == {"hp0009", "hp0001"} & {"hp0009", wanted}
