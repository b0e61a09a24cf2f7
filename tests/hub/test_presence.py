"""Presence as dialogues: who says what, who is told, and when, with the time passed in."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree

import pytest

from hub.addresses import Addresses
from hub.presence import ANSWER_WITHIN, HANDFUL, MAX_SESSIONS, PresenceBoard
from hub.presence_effects import Effect, Emit, Keep, KeepAsk
from hub.roster import Changes, Grant, HeatPump, LinkState, Member, Provider, Right, Roster
from hub.stanzas import Stanza

NOW = 1_800_000_000.0
HUB = "hub.example.org"
BOX1, BOX2 = "box0001@boxes.example.org/IEC", "box0002@boxes.example.org/IEC"
HP1, HP2 = f"hp0001@{HUB}/IEC", f"hp0002@{HUB}/IEC"
AGG, HEAT = "control@aggregator.example", "desk@heat.example"
DESK1, DESK2 = f"{AGG}/desk1", f"{AGG}/desk2"
ALIAS1, ALIAS2 = f"agg@{HUB}/desk1", f"agg@{HUB}/desk2"
STRANGER = "who@stranger.example/x"


def grant(
    key: int = 1,
    provider: str = "agg",
    heat_pump: str = "hp0001",
    begin: float = 0.0,
    end: float | None = None,
) -> Grant:
    return Grant(key, provider, heat_pump, frozenset({Right.READ}), (), begin, end)


ROSTER = Changes(
    1,
    (HeatPump("hp0001", "box0001@boxes.example.org"), HeatPump("hp0002", "box0002@boxes.example.org")),
    (Provider("agg", AGG), Provider("heat", HEAT)),
    (grant(),),
)


@pytest.fixture
def board() -> PresenceBoard:
    """agg may see hp0001, heat nothing; the hub has just started and everybody has been asked."""
    made = PresenceBoard(Addresses(HUB), Roster())
    made.change(ROSTER, NOW)
    asked(made, made.start(NOW), NOW)
    return made


def asked(board: PresenceBoard, effects: Iterable[Effect], now: float) -> None:
    """Tell the board that what it wanted to ask has left."""
    for effect in effects:
        if isinstance(effect, Emit) and effect.asks:
            board.asked(effect.asks, now)


def said(effects: Iterable[Effect]) -> list[str]:
    """The stanzas as ``sender -> to`` lines, with their type in front, sorted."""
    lines = []
    for effect in effects:
        if isinstance(effect, Emit):
            element = ElementTree.fromstring(effect.xml)
            assert element.tag == "presence"
            assert len(element) == 0
            type_ = element.get("type", "available")
            lines.append(f"{type_}: {element.get('from')} -> {element.get('to')}")
    return sorted(lines)


def kept(effects: Iterable[Effect]) -> dict[str, LinkState]:
    return {effect.heat_pump: effect.state for effect in effects if isinstance(effect, Keep)}


def presence(
    board: PresenceBoard, sender: str, to: str = HUB, type_: str = "", now: float = NOW
) -> list[Effect]:
    return board.handle(Stanza("presence", type_, "", sender, to), now)


def change(board: PresenceBoard, now: float = NOW, **what: object) -> list[Effect]:
    return board.change(Changes(board.roster.revision + 1, **what), now)  # type: ignore[arg-type]


# --- start -----------------------------------------------------------------------------------------


def test_at_the_start_everybody_is_asked_and_nothing_is_known() -> None:
    board = PresenceBoard(Addresses(HUB), Roster())
    effects = [*board.change(ROSTER, NOW), *board.start(NOW)]
    assert set(said(effects)) == {
        f"available: {HUB} -> {BOX1}",
        f"available: {HUB} -> {BOX2}",
        f"available: {HUB} -> {AGG}",
        f"available: {HUB} -> {HEAT}",
    }
    assert all(effect.paced for effect in effects if isinstance(effect, Emit))
    assert board.states == {"hp0001": LinkState.UNKNOWN, "hp0002": LinkState.UNKNOWN}


def test_a_hub_that_was_away_says_so_before_it_asks() -> None:
    """Nobody heard who went meanwhile: boxes end their associations, providers forget what they were told."""
    board = PresenceBoard(Addresses(HUB), Roster())
    board.change(ROSTER, NOW)
    effects = [one for one in board.start(NOW, away=True) if isinstance(one, Emit)]
    for to, asks in ((BOX1, "hp0001"), (BOX2, "hp0002"), (AGG, ""), (HEAT, "")):
        said_to = [one for one in effects if f'to="{to}"' in one.xml]
        assert [one.asks for one in said_to] == [asks]
        gone, here = ElementTree.fromstring(f"<both>{said_to[0].xml}</both>")
        assert (gone.get("type"), gone.get("from"), gone.get("to")) == ("unavailable", HUB, to)
        assert (here.get("type"), here.get("from"), here.get("to")) == (None, HUB, to)


def test_who_does_not_answer_in_time_is_offline(board: PresenceBoard) -> None:
    presence(board, BOX1)
    assert board.tick(NOW + ANSWER_WITHIN - 0.1) == []
    assert kept(board.tick(NOW + ANSWER_WITHIN)) == {"hp0002": LinkState.OFFLINE}
    assert board.tick(NOW + 10 * ANSWER_WITHIN) == []
    assert board.states == {"hp0001": LinkState.ONLINE, "hp0002": LinkState.OFFLINE}


def test_a_box_is_not_offline_before_it_was_asked() -> None:
    """A large hub asks at a steady pace: the last box may be asked minutes after the first."""
    board = PresenceBoard(Addresses(HUB), Roster())
    board.change(ROSTER, NOW)
    board.start(NOW)
    assert board.tick(NOW + 300) == []
    board.asked("hp0001", NOW + 300)
    assert kept(board.tick(NOW + 300 + ANSWER_WITHIN)) == {"hp0001": LinkState.OFFLINE}
    assert board.states["hp0002"] is LinkState.UNKNOWN


def test_a_box_that_spoke_before_it_was_asked_stays_online() -> None:
    board = PresenceBoard(Addresses(HUB), Roster())
    board.change(ROSTER, NOW)
    board.start(NOW)
    presence(board, BOX1)
    board.asked("hp0001", NOW + 1)
    board.asked("hp7777", NOW + 1)
    board.tick(NOW + 100)
    assert board.states == {"hp0001": LinkState.ONLINE, "hp0002": LinkState.UNKNOWN}


def test_a_late_answer_counts(board: PresenceBoard) -> None:
    presence(board, DESK1)
    board.tick(NOW + ANSWER_WITHIN)
    assert said(presence(board, BOX1, now=NOW + 100)) == [f"available: {HP1} -> {DESK1}"]


def test_the_hubs_link_down_makes_everything_unknown_and_up_asks_again(board: PresenceBoard) -> None:
    presence(board, BOX1)
    presence(board, DESK1)
    down = board.stop(NOW + 1)
    assert kept(down) == {"hp0001": LinkState.UNKNOWN}
    assert said(down) == []
    assert board.tick(NOW + 1000) == []
    up = board.start(NOW + 1001)
    assert len(said(up)) == 4
    assert said(presence(board, BOX1, now=NOW + 1002)) == []  # the provider has not spoken again
    assert said(presence(board, DESK1, now=NOW + 1003)) == [f"available: {HP1} -> {DESK1}"]


# --- boxes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", ["unavailable", "error"])
def test_a_box_comes_and_goes(board: PresenceBoard, type_: str) -> None:
    presence(board, DESK1)
    came = presence(board, BOX1, now=NOW + 1)
    assert came[0] == Keep("hp0001", LinkState.ONLINE, NOW + 1)
    assert said(came) == [f"available: {HP1} -> {DESK1}"]
    assert presence(board, BOX1, now=NOW + 2) == [Keep("hp0001", LinkState.ONLINE, NOW + 2)]
    went = presence(board, BOX1, type_=type_, now=NOW + 3)
    assert went[0] == Keep("hp0001", LinkState.OFFLINE, NOW + 3)
    assert said(went) == [f"unavailable: {HP1} -> {DESK1}"]
    assert said(presence(board, BOX1, type_=type_, now=NOW + 4)) == []


def test_it_is_passed_on_to_every_session_of_who_holds_a_grant_and_to_nobody_else(
    board: PresenceBoard,
) -> None:
    for session in (DESK1, DESK2, f"{HEAT}/x", STRANGER):
        presence(board, session)
    assert said(presence(board, BOX1)) == [f"available: {HP1} -> {DESK1}", f"available: {HP1} -> {DESK2}"]
    assert said(presence(board, BOX2)) == []


@pytest.mark.parametrize(
    ("sender", "to"),
    [
        ("box0001@boxes.example.org/other", HUB),
        ("box0001@boxes.example.org", HUB),
        (BOX1, ALIAS1),
        (BOX1, f"agg@{HUB}"),
        (BOX1, HP2),
        (BOX1, HP1),
        ("box9999@boxes.example.org/IEC", HUB),
        (STRANGER, HUB),
    ],
)
@pytest.mark.parametrize(
    "type_", ["", "unavailable", "error", "subscribe", "probe", "unsubscribe", "subscribed"]
)
def test_nobody_speaks_for_a_box(board: PresenceBoard, sender: str, to: str, type_: str) -> None:
    presence(board, BOX2)
    presence(board, DESK1)
    assert presence(board, sender, to, type_) == []
    assert board.states == {"hp0001": LinkState.UNKNOWN, "hp0002": LinkState.ONLINE}


@pytest.mark.parametrize("type_", ["subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe", "?"])
def test_other_types_say_nothing_about_a_box(board: PresenceBoard, type_: str) -> None:
    assert presence(board, BOX1, type_=type_) == []
    assert board.states["hp0001"] is LinkState.UNKNOWN


# --- providers -------------------------------------------------------------------------------------


def test_a_provider_that_comes_learns_what_is_known(board: PresenceBoard) -> None:
    assert said(presence(board, DESK1)) == []
    presence(board, BOX1)
    assert said(presence(board, DESK2)) == [f"available: {HP1} -> {DESK2}"]
    presence(board, BOX1, type_="unavailable")
    assert said(presence(board, f"{AGG}/desk3")) == [f"unavailable: {HP1} -> {AGG}/desk3"]


def test_a_provider_that_comes_again_is_told_again(board: PresenceBoard) -> None:
    presence(board, BOX1)
    presence(board, DESK1)
    assert said(presence(board, DESK1)) == [f"available: {HP1} -> {DESK1}"]
    assert said(presence(board, BOX1, type_="unavailable")) == [f"unavailable: {HP1} -> {DESK1}"]


def test_a_provider_that_goes_ends_his_associations_in_the_boxes_that_may_be_there(
    board: PresenceBoard,
) -> None:
    change(board, grants=(grant(2, heat_pump="hp0002"),))
    presence(board, BOX1)
    presence(board, DESK1)
    presence(board, DESK2)
    presence(board, f"{AGG}/desk3")
    gone = f"unavailable: agg@{HUB}/desk3"
    not_answered_yet = [f"{gone} -> {BOX1}", f"{gone} -> {BOX2}"]
    assert said(presence(board, f"{AGG}/desk3", type_="unavailable")) == not_answered_yet
    presence(board, BOX2, type_="unavailable")
    assert said(presence(board, DESK1, type_="unavailable")) == [f"unavailable: {ALIAS1} -> {BOX1}"]
    assert said(presence(board, DESK1, type_="unavailable")) == []
    assert said(presence(board, BOX1, type_="unavailable")) == [f"unavailable: {HP1} -> {DESK2}"]


def test_a_session_that_presence_bounces_from_is_gone(board: PresenceBoard) -> None:
    """What was passed on to it came from the heat pump's address, so there it bounces to."""
    presence(board, BOX1)
    presence(board, DESK1)
    assert said(presence(board, DESK1, HP1, "error")) == [f"unavailable: {ALIAS1} -> {BOX1}"]
    assert said(presence(board, BOX1, type_="unavailable")) == []


def test_a_resource_with_any_characters_comes_back_in_the_alias(board: PresenceBoard) -> None:
    presence(board, BOX1)
    session = f"{AGG}/a/b@c <&\"'>ä"
    presence(board, session)
    gone = said(presence(board, session, type_="unavailable"))
    assert gone == [f"unavailable: agg@{HUB}/a/b@c <&\"'>ä -> {BOX1}"]


def test_one_provider_cannot_have_any_number_of_sessions(board: PresenceBoard) -> None:
    presence(board, BOX1)
    told = [said(presence(board, f"{AGG}/{number}")) for number in range(3 * MAX_SESSIONS)]
    assert [len(one) for one in told] == [1] * MAX_SESSIONS + [0] * 2 * MAX_SESSIONS
    assert len(said(presence(board, BOX1, type_="unavailable"))) == MAX_SESSIONS
    presence(board, f"{AGG}/0", type_="unavailable")
    assert len(said(presence(board, f"{AGG}/new"))) == 1


def test_strangers_leave_nothing_behind(board: PresenceBoard) -> None:
    for number in range(100):
        for type_ in ("", "subscribe", "probe", "unavailable", "error"):
            presence(board, f"who{number}@stranger.example/x", HP1 if number % 2 else HUB, type_)
    assert board.sessions == {}
    assert board.contacts.followers == {}


# --- chat clients ----------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", ["subscribe", "probe"])
@pytest.mark.parametrize("sender", [STRANGER, f"{HEAT}/x", "me@idle.example"])
def test_unknown_and_foreign_heat_pumps_are_answered_alike(
    board: PresenceBoard, type_: str, sender: str
) -> None:
    presence(board, BOX1)
    bare = sender.partition("/")[0]
    for id_ in ("hp0001", "hp9999", "agg"):
        effects = presence(board, sender, f"{id_}@{HUB}", type_)
        if bare == HEAT and type_ == "subscribe":  # a provider: he waits for somebody to grant it
            assert effects == [KeepAsk("heat", id_, asks=True)]
        else:
            assert said(effects) == [f"unsubscribed: {id_}@{HUB} -> {bare}"]


def test_a_chat_client_subscribes(board: PresenceBoard) -> None:
    presence(board, BOX1)
    assert said(presence(board, DESK1, f"hp0001@{HUB}", "subscribe")) == [
        f"available: {HP1} -> {AGG}",
        f"subscribed: hp0001@{HUB} -> {AGG}",
    ]
    assert said(presence(board, BOX1, type_="unavailable")) == [f"unavailable: {HP1} -> {AGG}"]


def test_a_subscription_is_for_one_heat_pump(board: PresenceBoard) -> None:
    change(board, grants=(grant(2, heat_pump="hp0002"),))
    presence(board, AGG, f"hp0001@{HUB}", "subscribe")
    assert said(presence(board, BOX2)) == []
    assert said(presence(board, BOX1)) == [f"available: {HP1} -> {AGG}"]


def test_a_chat_client_unsubscribes(board: PresenceBoard) -> None:
    presence(board, AGG, f"hp0001@{HUB}", "subscribe")
    assert said(presence(board, AGG, f"hp0001@{HUB}", "unsubscribe")) == [
        f"unsubscribed: hp0001@{HUB} -> {AGG}"
    ]
    assert said(presence(board, BOX1)) == []


def test_a_probe_is_answered_and_the_subscription_behind_it_remembered(board: PresenceBoard) -> None:
    """After the hub was away, his server probes at his next login; that is how the hub learns of it."""
    presence(board, BOX1)
    assert said(presence(board, DESK2, f"hp0001@{HUB}", "probe")) == [f"available: {HP1} -> {DESK2}"]
    assert said(presence(board, BOX1, type_="unavailable")) == []
    assert said(presence(board, AGG, f"hp0001@{HUB}", "probe")) == [f"unavailable: {HP1} -> {AGG}"]
    assert said(presence(board, BOX1)) == [f"available: {HP1} -> {AGG}"]


def test_with_the_grant_the_subscription_ends(board: PresenceBoard) -> None:
    presence(board, BOX1)
    presence(board, AGG, f"hp0001@{HUB}", "subscribe")
    assert said(change(board, removed_grants=(1,))) == [
        f"unavailable: {HP1} -> {AGG}",
        f"unsubscribed: hp0001@{HUB} -> {AGG}",
    ]
    assert said(presence(board, BOX1, type_="unavailable")) == []
    assert board.contacts.followers == {}


@pytest.mark.parametrize("type_", ["", "unavailable", "subscribed", "unsubscribed"])
def test_other_presence_to_a_heat_pump_is_ignored(board: PresenceBoard, type_: str) -> None:
    assert presence(board, DESK1, HP1, type_) == []


# --- grants ----------------------------------------------------------------------------------------


@pytest.fixture
def online(board: PresenceBoard) -> PresenceBoard:
    """Both boxes and two sessions of agg are there."""
    for one in (BOX1, BOX2, DESK1, DESK2):
        presence(board, one)
    return board


GONE = [
    *(f"unavailable: {alias} -> {BOX1}" for alias in (ALIAS1, ALIAS2)),
    *(f"unavailable: {HP1} -> {session}" for session in (DESK1, DESK2)),
]
NO_HUB_FOR_BOX = f"unavailable: {HUB} -> {BOX1}"
NO_HUB_FOR_AGG = [f"unavailable: {HUB} -> {session}" for session in (DESK1, DESK2)]
TOLD_OF_2 = [f"available: {HP2} -> {DESK1}", f"available: {HP2} -> {DESK2}"]


def test_a_grant_given_is_seen_at_once(online: PresenceBoard) -> None:
    assert said(change(online, grants=(grant(2, heat_pump="hp0002"),))) == TOLD_OF_2


def test_a_second_grant_says_nothing_new_and_only_the_last_ones_end_is_seen(online: PresenceBoard) -> None:
    assert change(online, grants=(grant(2),)) == []
    assert change(online, removed_grants=(1,)) == []
    assert said(change(online, removed_grants=(2,))) == GONE


def test_a_withdrawn_grant_is_seen_by_provider_and_box_at_once(online: PresenceBoard) -> None:
    effects = change(online, removed_grants=(1,))
    assert said(effects) == GONE
    assert said(presence(online, BOX1, type_="unavailable")) == []
    assert said(presence(online, DESK1, type_="unavailable")) == []


def test_a_grant_expires(online: PresenceBoard) -> None:
    change(online, grants=(grant(2, heat_pump="hp0002", end=NOW + 60),))
    assert online.tick(NOW + 59.9) == []
    assert said(online.tick(NOW + 60)) == [line.replace("0001", "0002") for line in GONE]
    assert online.tick(NOW + 61) == []


def test_a_grant_begins(online: PresenceBoard) -> None:
    assert change(online, grants=(grant(2, heat_pump="hp0002", begin=NOW + 60),)) == []
    assert online.tick(NOW + 59.9) == []
    assert said(online.tick(NOW + 60.5)) == TOLD_OF_2


def test_a_grant_that_follows_another_without_gap_says_nothing(online: PresenceBoard) -> None:
    change(online, grants=(grant(2, end=NOW + 60), grant(3, begin=NOW + 60)), removed_grants=(1,))
    assert online.tick(NOW + 60) == []
    assert said(change(online, NOW + 61, removed_grants=(3,))) == GONE


def test_a_grant_revoked_before_its_time_neither_begins_nor_ends(online: PresenceBoard) -> None:
    change(online, grants=(grant(2, heat_pump="hp0002", begin=NOW + 60, end=NOW + 120),))
    change(online, removed_grants=(2,))
    assert online.tick(NOW + 60) == online.tick(NOW + 120) == []


# --- many grants end at one instant --------------------------------------------------------------------

MANY = 2 * HANDFUL


def many_ending(board: PresenceBoard, grants: tuple[Grant, ...], members: tuple[Member, ...] = ()) -> None:
    """MANY more heat pumps, which agg at two desks sees for 60 s."""
    presence(board, DESK1)
    presence(board, DESK2)
    ids = [f"hp{number}" for number in range(MANY)]
    heat_pumps = tuple(HeatPump(one, f"{one}@boxes.example.org") for one in ids)
    change(board, heat_pumps=heat_pumps, grants=grants, members=members)


def lines_of_many() -> list[str]:
    return sorted(
        line
        for number in range(MANY)
        for desk, alias in ((DESK1, ALIAS1), (DESK2, ALIAS2))
        for line in (
            f"unavailable: hp{number}@{HUB}/IEC -> {desk}",
            f"unavailable: {alias} -> hp{number}@boxes.example.org/IEC",
        )
    )


def turns(board: PresenceBoard, now: float) -> list[list[Effect]]:
    """All handfuls of what has become due by ``now``."""
    made = []
    while board.bounds.behind(now):
        made.append(board.turn(now))
    return made


def test_many_grants_that_end_at_once_are_told_a_handful_at_a_time(board: PresenceBoard) -> None:
    many_ending(board, tuple(grant(10 + n, heat_pump=f"hp{n}", end=NOW + 60) for n in range(MANY)))
    assert not board.bounds.behind(NOW + 59)
    handfuls = turns(board, NOW + 60)
    assert max(map(len, handfuls)) < HANDFUL + 8, "others wait for no more than one pair beyond a handful"
    assert said(effect for handful in handfuls for effect in handful) == lines_of_many()
    assert board.turn(NOW + 61) == []


def test_so_is_a_grant_on_a_large_group(board: PresenceBoard) -> None:
    read = frozenset({Right.READ})
    members = tuple(Member("north", f"hp{number}") for number in range(MANY))
    many_ending(board, (Grant(7, "agg", "", read, (), 0.0, NOW + 60, "north"),), members)
    handfuls = turns(board, NOW + 60)
    assert max(map(len, handfuls)) < HANDFUL + 8
    assert said(effect for handful in handfuls for effect in handful) == lines_of_many()


def test_who_goes_before_his_turn_is_told_all_the_same(board: PresenceBoard) -> None:
    many_ending(board, tuple(grant(10 + n, heat_pump=f"hp{n}", end=NOW + 60) for n in range(MANY)))
    told = said(board.turn(NOW + 60))
    last = f"hp{MANY - 1}"
    assert not any(f"{last}@" in line for line in told), "its turn is still to come"
    revoked = said(change(board, NOW + 60, removed_grants=(10 + MANY - 1,)))
    assert f"unavailable: {last}@{HUB}/IEC -> {DESK1}" in revoked
    went = said(presence(board, DESK1, type_="unavailable", now=NOW + 60))
    assert f"unavailable: {ALIAS1} -> hp{MANY - 2}@boxes.example.org/IEC" in went
    rest = [line for handful in turns(board, NOW + 60) for line in said(handful)]
    assert set(told) | set(revoked) | set(went) | set(rest) >= set(lines_of_many()) - {
        f"unavailable: hp{number}@{HUB}/IEC -> {DESK1}" for number in range(MANY)
    }


# --- the operator adds and removes -----------------------------------------------------------------


def test_a_new_heat_pump_is_asked(online: PresenceBoard) -> None:
    effects = change(online, heat_pumps=(HeatPump("hp0003", "box0003@boxes.example.org"),))
    assert said(effects) == [f"available: {HUB} -> box0003@boxes.example.org/IEC"]
    assert kept(effects) == {"hp0003": LinkState.UNKNOWN}
    asked(online, effects, NOW)
    assert kept(online.tick(NOW + ANSWER_WITHIN)) == {"hp0003": LinkState.OFFLINE}


def test_a_removed_heat_pump_goes_and_is_forgotten(online: PresenceBoard) -> None:
    effects = change(online, removed_heat_pumps=("hp0001",), removed_grants=(1,))
    assert said(effects) == sorted([*GONE, NO_HUB_FOR_BOX])
    assert "hp0001" not in online.states
    assert presence(online, BOX1) == []


def test_a_heat_pump_removed_while_it_is_asked_is_forgotten(board: PresenceBoard) -> None:
    change(board, removed_heat_pumps=("hp0001",), removed_grants=(1,))
    assert kept(board.tick(NOW + ANSWER_WITHIN)) == {"hp0002": LinkState.OFFLINE}


def test_an_id_given_anew_is_another_heat_pump(online: PresenceBoard) -> None:
    """Even if it happens between two looks at the registry, with a grant on the new one too."""
    new = HeatPump("hp0001", "new@boxes.example.org")
    effects = change(
        online, heat_pumps=(new,), grants=(grant(2),), removed_heat_pumps=("hp0001",), removed_grants=(1,)
    )
    assert said(effects) == sorted([*GONE, NO_HUB_FOR_BOX, f"available: {HUB} -> new@boxes.example.org/IEC"])
    assert presence(online, BOX1) == []
    assert len(said(presence(online, "new@boxes.example.org/IEC"))) == 2


def test_a_removed_provider_goes_and_its_sessions_are_forgotten(online: PresenceBoard) -> None:
    effects = change(online, removed_providers=("agg",), removed_grants=(1,))
    assert said(effects) == sorted([*GONE, *NO_HUB_FOR_AGG])
    assert online.sessions == {}
    assert presence(online, DESK1) == []


def test_a_provider_id_given_anew_is_another_provider(online: PresenceBoard) -> None:
    """The account that had the id before hears nothing more, and its associations in the boxes end."""
    presence(online, AGG, f"hp0001@{HUB}", "subscribe")
    effects = change(
        online, providers=(Provider("agg", "new@other.example"),), grants=(grant(2),),
        removed_providers=("agg",), removed_grants=(1,),
    )  # fmt: skip
    expected = [
        *GONE,
        *NO_HUB_FOR_AGG,
        f"available: {HUB} -> new@other.example",
        f"unavailable: {HP1} -> {AGG}",
        f"unsubscribed: hp0001@{HUB} -> {AGG}",
    ]
    assert said(effects) == sorted(expected)
    assert said(presence(online, BOX1, type_="unavailable")) == []
    assert said(presence(online, "new@other.example/x")) == [f"unavailable: {HP1} -> new@other.example/x"]


def test_a_new_provider_is_greeted(online: PresenceBoard) -> None:
    effects = change(online, providers=(Provider("new", "me@new.example"),))
    assert said(effects) == [f"available: {HUB} -> me@new.example"]


@pytest.mark.parametrize("resource", ["~withdrawn", "~ops", "~"])
def test_no_session_of_a_provider_comes_or_goes_as_an_alias_of_operations(
    board: PresenceBoard, resource: str
) -> None:
    """Else he could tell a box himself that he is withdrawn, or that operations is gone."""
    for type_ in ("", "unavailable", "error"):
        assert presence(board, f"{AGG}/{resource}", type_=type_) == []
    assert board.sessions.get("agg", set()) == set()


# --- groups ----------------------------------------------------------------------------------------


def test_a_grant_on_a_group_shows_each_member_and_who_joins_and_hides_who_leaves(
    board: PresenceBoard,
) -> None:
    for box in (BOX1, BOX2):
        presence(board, box)
    presence(board, DESK1)
    assert said(change(board, members=(Member("north", "hp0001"),))) == [], "nobody holds a grant on it"
    of_group = Grant(7, "agg", "", frozenset({Right.READ}), group="north")
    assert said(change(board, grants=(of_group,))) == [], "hp0001 was granted before"
    assert said(change(board, members=(Member("north", "hp0002"),))) == [f"available: {HP2} -> {DESK1}"]
    assert said(change(board, removed_grants=(1,))) == [], "hp0001 is still granted through its group"
    assert said(change(board, removed_members=(Member("north", "hp0001"),))) == [
        f"unavailable: {ALIAS1} -> {BOX1}",
        f"unavailable: {HP1} -> {DESK1}",
    ]
    assert said(change(board, removed_grants=(7,))) == [
        f"unavailable: {ALIAS1} -> {BOX2}",
        f"unavailable: {HP2} -> {DESK1}",
    ]


def test_a_grant_on_a_group_begins_and_ends_in_time_for_who_is_in_it_then(board: PresenceBoard) -> None:
    for box in (BOX1, BOX2):
        presence(board, box)
    presence(board, DESK1)
    read = frozenset({Right.READ})
    change(board, grants=(Grant(7, "agg", "", read, (), NOW + 10, NOW + 20, "north"),))
    change(board, members=(Member("north", "hp0001"), Member("north", "hp0002")))
    assert said(board.tick(NOW + 9)) == []
    assert said(board.tick(NOW + 10)) == [f"available: {HP2} -> {DESK1}"]
    assert said(board.tick(NOW + 20)) == [
        f"unavailable: {ALIAS1} -> {BOX2}",
        f"unavailable: {HP2} -> {DESK1}",
    ]


def test_a_box_that_moves_to_another_id_keeps_its_hub(online: PresenceBoard) -> None:
    moved = HeatPump("hp0009", BOX1.partition("/")[0])
    effects = change(online, heat_pumps=(moved,), removed_heat_pumps=("hp0001",), removed_grants=(1,))
    assert NO_HUB_FOR_BOX not in said(effects)


# --- domains that cannot be reached ----------------------------------------------------------------


def test_the_boxes_of_a_domain_that_cannot_be_reached_are_offline(online: PresenceBoard) -> None:
    other = HeatPump("hp0003", "box0003@maker.example")
    change(online, heat_pumps=(other,))
    presence(online, f"{other.box}/IEC")
    effects = online.unreachable("boxes.example.org", NOW + 1)
    assert kept(effects) == {"hp0001": LinkState.OFFLINE, "hp0002": LinkState.OFFLINE}
    assert said(effects) == [f"unavailable: {HP1} -> {session}" for session in (DESK1, DESK2)]
    assert online.states["hp0003"] is LinkState.ONLINE
    assert online.unreachable("boxes.example.org", NOW + 2) == []
    back = online.reachable("boxes.example.org", NOW + 3)
    assert said(back) == [f"available: {HUB} -> {BOX1}", f"available: {HUB} -> {BOX2}"]
    asked(online, back, NOW + 3)
    presence(online, BOX1)
    assert kept(online.tick(NOW + 3 + ANSWER_WITHIN)) == {"hp0002": LinkState.OFFLINE}


def test_the_providers_of_a_domain_that_cannot_be_reached_have_gone(online: PresenceBoard) -> None:
    """Their associations in the boxes end; once it is back they hear of the hub."""
    effects = online.unreachable("aggregator.example", NOW + 1)
    assert said(effects) == [f"unavailable: {alias} -> {BOX1}" for alias in (ALIAS1, ALIAS2)]
    assert online.sessions["agg"] == set()
    assert said(online.reachable("aggregator.example", NOW + 2)) == [f"available: {HUB} -> {AGG}"]


def test_a_box_for_which_its_server_answers_is_asked_once(online: PresenceBoard) -> None:
    effects = online.doubt(BOX1.partition("/")[0], NOW + 1)
    assert said(effects) == [f"available: {HUB} -> {BOX1}"]
    assert online.doubt(BOX1.partition("/")[0], NOW + 2) == []
    assert online.doubt("nobody@boxes.example.org", NOW + 2) == []
    asked(online, effects, NOW + 2)
    assert kept(online.tick(NOW + 2 + ANSWER_WITHIN)) == {"hp0001": LinkState.OFFLINE}


def test_a_box_in_place_of_another_is_asked_and_the_other_and_providers_see_their_part_go(
    online: PresenceBoard,
) -> None:
    new = HeatPump("hp0001", "new@boxes.example.org")
    asks = f"available: {HUB} -> new@boxes.example.org/IEC"
    effects = change(online, heat_pumps=(new,))
    assert said(effects) == sorted([asks, NO_HUB_FOR_BOX, *GONE[2:]])
    assert Keep("hp0001", LinkState.OFFLINE, NOW) in effects
    assert presence(online, BOX1) == [], "a stranger's"
    came = [f"available: {HP1} -> {session}" for session in (DESK1, DESK2)]
    assert said(presence(online, "new@boxes.example.org/IEC")) == came
    assert said(change(online, heat_pumps=(new,))) == [asks], "it is the same one"


def test_a_provider_whose_account_is_another_one_or_nobodys_is_told_nothing_more(
    online: PresenceBoard,
) -> None:
    presence(online, f"{AGG}", f"hp0001@{HUB}", "subscribe")
    effects = change(online, providers=(Provider("agg", "agg-1@shut-out.invalid"),))
    followed = [f"unavailable: {HP1} -> {AGG}", f"unsubscribed: hp0001@{HUB} -> {AGG}"]
    asks = f"available: {HUB} -> agg-1@shut-out.invalid"
    assert said(effects) == sorted([*GONE, *NO_HUB_FOR_AGG, *followed, asks])
    assert presence(online, DESK1) == [], "a stranger's"
    assert said(presence(online, BOX1, type_="unavailable")) == []
    assert said(change(online, providers=(Provider("agg", AGG),))) == [f"available: {HUB} -> {AGG}"]
    presence(online, BOX1)
    assert said(presence(online, DESK1)) == [f"available: {HP1} -> {DESK1}"]
