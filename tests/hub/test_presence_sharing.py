"""Several routers know of presence together: each hears a part of it, and one of them is lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from hub.addresses import Addresses
from hub.presence import ANSWER_WITHIN, PresenceBoard
from hub.presence_effects import Effect, Emit
from hub.presence_sharing import SharedPresence
from hub.registry import (
    ROUTER_STALE_AFTER,
    NewGrant,
    Registry,
    acknowledge,
    add_grant,
    add_heat_pump,
    add_provider,
    changes_since,
    presence,
)
from hub.registry.asks import NewAsk, ask
from hub.roster import HeatPump, LinkState, Provider, Right, Roster
from hub.stanzas import Stanza

NOW = 1_800_000_000.0
HUB = "hub.example.org"
BOX1, BOX2 = "box1@boxes.example/IEC", "box2@boxes.example/IEC"
DESK = "control@agg.example/desk1"
HP1 = f"hp0001@{HUB}/IEC"
ASKED = {f'from="{HUB}" to="{who}"' for who in (BOX1, BOX2, "control@agg.example")}


@dataclass
class Router:
    """A board and its part in the sharing; ``said`` are the presence stanzas it would send."""

    name: str
    registry: Registry
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.board = PresenceBoard(Addresses(HUB), Roster())
        self.shared = SharedPresence(self.registry, self.name, self.board, self.perform)

    def perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Emit):
                self.said.append(effect.xml)
                if effect.asks:
                    self.board.asked(effect.asks, NOW)
            else:
                self.shared.keep(effect)

    async def start(self, now: float = NOW) -> None:
        await self.shared.enter(now)
        self.board.change(await self.registry.read(changes_since, 0), now)
        self.shared.link_up()
        await self.turn(now)

    def hears(self, sender: str, type_: str = "", now: float = NOW) -> None:
        self.perform(self.board.handle(Stanza("presence", type_, "", sender, HUB), now))

    async def turn(self, now: float = NOW) -> None:
        await self.registry.run(acknowledge, self.name, 0, now)
        await self.shared.exchange(now)

    def heard_about(self, part: str) -> int:
        count = sum(part in xml for xml in self.said)
        self.said.clear()
        return count

    @property
    def asked(self) -> bool:
        """Everybody was asked since the last look."""
        asked = all(any(part in xml for xml in self.said) for part in ASKED)
        self.said.clear()
        return asked


@pytest.fixture
async def full(registry: Registry) -> Registry:
    for number in (1, 2):
        new = HeatPump(f"hp000{number}", f"box{number}@boxes.example")
        await registry.run(add_heat_pump, new, hub_domain=HUB, now=NOW)
    await registry.run(add_provider, Provider("agg", "control@agg.example"), hub_domain=HUB, now=NOW)
    for number in (1, 2):
        grant = NewGrant("agg", f"hp000{number}", frozenset({Right.READ}), "test")
        await registry.run(add_grant, grant, now=NOW)
    return registry


@pytest.fixture
async def two(full: Registry) -> tuple[Router, Router]:
    """Router one was first and asked; two joined."""
    one, two = Router("one", full), Router("two", full)
    await one.start()
    await two.start()
    one.said.clear()
    return one, two


async def states(registry: Registry) -> dict[str, LinkState]:
    return {known.heat_pump: known.state for known in await registry.read(presence)}


async def alive(now: float, *routers: Router) -> None:
    for router in routers:
        await router.registry.run(acknowledge, router.name, 0, now)


async def test_the_first_router_asks_everybody_and_one_that_joins_takes_over(full: Registry) -> None:
    one, two = Router("one", full), Router("two", full)
    await one.start()
    assert one.asked
    one.hears(BOX1)
    one.hears(DESK)
    await one.turn()
    await two.start()
    assert not two.asked
    assert two.board.states["hp0001"] is LinkState.ONLINE
    assert two.board.sessions == {"agg": {DESK}}


async def test_what_one_hears_the_other_knows_and_only_the_sessions_own_router_tells(
    two: tuple[Router, Router],
) -> None:
    one, other = two
    other.hears(DESK)
    await other.turn()
    await one.turn()
    one.hears(BOX1)
    assert one.heard_about(HP1) == 0
    await one.turn()
    await other.turn()
    assert other.board.states["hp0001"] is LinkState.ONLINE
    assert other.heard_about(f'from="{HP1}" to="{DESK}"') == 1
    await one.turn()
    assert one.heard_about(HP1) == 0


async def test_what_is_no_news_to_the_router_that_hears_it_may_be_news_to_all(
    two: tuple[Router, Router],
) -> None:
    one, other = two
    other.hears(BOX1, "unavailable", NOW + 1)
    await other.turn(NOW + 1)
    await one.turn(NOW + 1)
    one.hears(BOX1, now=NOW + 2)
    other.hears(BOX1, "unavailable", NOW + 3)  # of its coming it has not learned
    for router in (one, other, one):
        await router.turn(NOW + 4)
    assert await states(one.registry) == {"hp0001": LinkState.OFFLINE}
    assert one.board.states["hp0001"] is other.board.states["hp0001"] is LinkState.OFFLINE


async def test_a_session_that_speaks_to_another_router_is_told_by_that_one(
    two: tuple[Router, Router],
) -> None:
    one, other = two
    one.hears(BOX1)
    one.hears(DESK)
    await one.turn()
    await other.turn()
    assert one.heard_about(f'to="{DESK}"') == 1
    other.hears(DESK)
    assert other.heard_about(f'from="{HP1}" to="{DESK}"') == 1
    await other.turn()
    await one.turn()
    one.hears(BOX1, "unavailable")
    await one.turn()
    await other.turn()
    assert one.heard_about(HP1) == 0
    assert other.heard_about(f'type="unavailable" from="{HP1}" to="{DESK}"') == 1


async def test_a_session_that_ends_at_another_router_ends_everywhere(two: tuple[Router, Router]) -> None:
    one, other = two
    one.hears(BOX1)
    one.hears(DESK)
    await one.turn()
    other.hears(DESK, "unavailable")  # before it has learned of the session at all
    await other.turn()
    one.said.clear()
    await one.turn()
    assert one.heard_about(f'from="agg@{HUB}/desk1" to="{BOX1}"') == 1, "its associations end"
    assert one.board.sessions == other.board.sessions == {"agg": set()}


async def test_an_answer_that_goes_to_the_other_router_is_an_answer(full: Registry) -> None:
    one, two = Router("one", full), Router("two", full)
    await one.start()
    await two.start()
    two.hears(BOX1, now=NOW + 1)
    await two.turn(NOW + 1)
    await one.turn(NOW + 1)
    one.perform(one.board.tick(NOW + ANSWER_WITHIN + 1))
    await alive(NOW + ANSWER_WITHIN + 1, one, two)
    await one.turn(NOW + ANSWER_WITHIN + 1)
    assert await states(full) == {"hp0001": LinkState.ONLINE, "hp0002": LinkState.OFFLINE}
    assert one.board.states["hp0001"] is LinkState.ONLINE


async def test_silence_at_one_router_yields_to_what_the_other_heard(full: Registry) -> None:
    one, two = Router("one", full), Router("two", full)
    await one.start()
    await two.start()
    two.hears(BOX1, now=NOW + 1)
    await two.turn(NOW + 1)
    one.perform(one.board.tick(NOW + ANSWER_WITHIN + 1))  # it has not looked since
    assert one.board.states["hp0001"] is LinkState.OFFLINE
    await alive(NOW + ANSWER_WITHIN + 1, one, two)
    await one.turn(NOW + ANSWER_WITHIN + 1)
    assert one.board.states["hp0001"] is LinkState.ONLINE
    assert (await states(full))["hp0001"] is LinkState.ONLINE


async def test_when_a_router_is_killed_one_of_the_others_asks_everybody(two: tuple[Router, Router]) -> None:
    one, other = two
    for sender in (BOX1, DESK):
        one.hears(sender)
    await one.turn()
    await other.turn(NOW + 2)
    later = NOW + ROUTER_STALE_AFTER + 2
    await other.turn(later)
    assert other.asked
    assert await states(other.registry) == {"hp0001": LinkState.UNKNOWN}
    other.hears(BOX1, now=later + 1)
    await other.turn(later + 1)
    assert await states(other.registry) == {"hp0001": LinkState.ONLINE}
    await other.turn(later + 2)
    assert not other.asked, "once is enough"


async def test_a_router_that_was_killed_and_is_back_at_once_asks_though_others_are_there(
    two: tuple[Router, Router],
) -> None:
    one, other = two
    other.hears(BOX1)
    other.hears(DESK)
    await other.turn()
    again = Router("one", one.registry)
    await again.start(NOW + 1)
    assert again.asked
    await other.turn(NOW + 1)
    assert other.board.states["hp0001"] is LinkState.UNKNOWN
    assert other.board.sessions == {"agg": set()}
    assert other.heard_about("unavailable") == 0, "nobody has gone: all are only asked anew"


async def test_a_lost_link_says_nothing_of_the_boxes_while_another_router_listens(
    two: tuple[Router, Router],
) -> None:
    one, other = two
    other.hears(BOX1)
    await other.turn()
    one.shared.link_down()
    await one.turn()
    assert await states(one.registry) == {"hp0001": LinkState.ONLINE}
    other.shared.link_down()
    await other.turn()
    assert await states(one.registry) == {"hp0001": LinkState.UNKNOWN}


async def test_the_last_router_that_leaves_leaves_nothing_known(two: tuple[Router, Router]) -> None:
    one, other = two
    one.hears(BOX1)
    await one.shared.leave()
    assert await states(one.registry) == {"hp0001": LinkState.ONLINE}, "what it heard last is written"
    await other.shared.leave()
    assert await states(one.registry) == {"hp0001": LinkState.UNKNOWN}


async def test_one_router_tells_who_waited_for_a_grant_and_if_it_is_lost_the_next(
    two: tuple[Router, Router],
) -> None:
    one, other = two
    await one.registry.run(add_provider, Provider("heat", "desk@heat.example"), hub_domain=HUB, now=NOW)
    await one.registry.run(ask, NewAsk("heat", "hp0001", subscribed=True), now=NOW)
    await one.registry.run(add_grant, NewGrant("heat", "hp0001", [Right.READ], "test"), now=NOW)
    for router in (one, other):
        router.said.clear()
        changes = await router.registry.read(changes_since, router.board.roster.revision)
        router.perform(router.board.change(changes, NOW + 1))
    subscribed = f'type="subscribed" from="hp0001@{HUB}" to="desk@heat.example"'
    assert (one.heard_about(subscribed), other.heard_about(subscribed)) == (1, 0)
    await other.turn(NOW + 1 + ROUTER_STALE_AFTER)
    assert other.heard_about(subscribed) == 1


@pytest.mark.parametrize("how", ["killed", "killed and back", "link lost", "stopped"])
async def test_a_box_was_online_until_the_last_router_listened(full: Registry, how: str) -> None:
    """It may have been replaced before the hub is back, and its successor's history begins there."""
    one = Router("one", full)
    await one.start()
    one.hears(BOX1)
    one.hears(BOX2)
    await one.turn()
    one.hears(BOX2, "unavailable", NOW + 500)
    await one.turn(NOW + 500)
    await alive(NOW + 1_000, one)
    if how == "link lost":
        one.shared.link_down()
        await one.shared.exchange(NOW + 1_000)
        await alive(NOW + 4_000, one)
    elif how == "stopped":
        await one.shared.leave()
    await Router("one" if how == "killed and back" else "two", full).start(NOW + 5_000)
    found = {known.heat_pump: (known.state, known.seen) for known in await full.read(presence)}
    assert found == {
        "hp0001": (LinkState.UNKNOWN, NOW + 1_000),
        "hp0002": (LinkState.UNKNOWN, NOW + 500),
    }
