"""What the registry keeps of presence for all routers, and which routers take part."""

from __future__ import annotations

import pytest

from hub.registry import (
    ROUTER_STALE_AFTER,
    Heard,
    HeardSession,
    Presence,
    ProviderSession,
    Registry,
    acknowledge,
    add_heat_pump,
    add_provider,
    current_revision,
    enter_router,
    forget_presence,
    keep_presence,
    leave_router,
    listening_routers,
    presence,
    presence_revision,
    presence_since,
    remove_heat_pump,
    remove_provider,
    set_listening,
)
from hub.roster import HeatPump, LinkState, Provider

NOW = 1_800_000_000.0
HUB = "hub.example.org"
ONLINE, OFFLINE, UNKNOWN = LinkState.ONLINE, LinkState.OFFLINE, LinkState.UNKNOWN
DESK1, DESK2 = "control@agg.example/desk1", "control@agg.example/desk2"


@pytest.fixture
async def one_of_each(registry: Registry) -> Registry:
    await registry.run(add_heat_pump, HeatPump("hp0001", "box1@boxes.example"), hub_domain=HUB, now=NOW)
    await registry.run(add_provider, Provider("agg", "control@agg.example"), hub_domain=HUB, now=NOW)
    return registry


async def hear(
    registry: Registry, state: LinkState, at: float, *, silent: bool = False, id_: str = "hp0001"
) -> None:
    await registry.run(keep_presence, "one", {id_: Heard(state, at, silent)}, {})


def came(provider: str, after: float = 0.0) -> HeardSession:
    return HeardSession(provider, True, NOW + after)


def went(after: float) -> HeardSession:
    return HeardSession("agg", False, NOW + after)


async def sessions(registry: Registry) -> tuple[ProviderSession, ...]:
    return (await registry.read(presence_since, 0)).sessions


async def test_presence_keeps_since_when_and_takes_no_revision_of_the_roster(one_of_each: Registry) -> None:
    before = await one_of_each.read(current_revision)
    assert await one_of_each.read(presence) == []
    await hear(one_of_each, ONLINE, NOW)
    await hear(one_of_each, ONLINE, NOW + 5)
    assert await one_of_each.read(presence) == [Presence("hp0001", ONLINE, NOW, "IEC")]
    await hear(one_of_each, OFFLINE, NOW + 9)
    assert await one_of_each.read(presence) == [Presence("hp0001", OFFLINE, NOW + 9, "IEC")]
    await one_of_each.run(forget_presence, NOW + 12)
    await one_of_each.run(forget_presence, NOW + 15)
    assert await one_of_each.read(presence) == [Presence("hp0001", UNKNOWN, NOW + 12, "IEC")]
    assert await one_of_each.read(current_revision) == before


async def test_what_was_heard_later_stays_whoever_writes_first(one_of_each: Registry) -> None:
    await hear(one_of_each, ONLINE, NOW + 2)
    await hear(one_of_each, OFFLINE, NOW + 1)
    assert await one_of_each.read(presence) == [Presence("hp0001", ONLINE, NOW + 2, "IEC")]
    await hear(one_of_each, ONLINE, NOW + 5)
    await hear(one_of_each, OFFLINE, NOW + 4)
    assert await one_of_each.read(presence) == [Presence("hp0001", ONLINE, NOW + 2, "IEC")]


async def test_silence_says_nothing_against_what_was_heard(one_of_each: Registry) -> None:
    await hear(one_of_each, ONLINE, NOW)
    await hear(one_of_each, OFFLINE, NOW + 30, silent=True)
    assert await one_of_each.read(presence) == [Presence("hp0001", ONLINE, NOW, "IEC")]
    await one_of_each.run(forget_presence, NOW + 40)
    await hear(one_of_each, OFFLINE, NOW + 70, silent=True)
    assert await one_of_each.read(presence) == [Presence("hp0001", OFFLINE, NOW + 70, "IEC")]


async def test_a_heat_pump_or_provider_removed_meanwhile_is_left_out(one_of_each: Registry) -> None:
    await one_of_each.run(keep_presence, "one", {"hp9": Heard(ONLINE, NOW)}, {"x@y/z": came("nobody")})
    assert await one_of_each.read(presence) == []
    assert await sessions(one_of_each) == ()


async def test_a_new_holder_of_an_id_does_not_inherit_presence(one_of_each: Registry) -> None:
    await hear(one_of_each, ONLINE, NOW)
    await one_of_each.run(remove_heat_pump, "hp0001", now=NOW)
    new = HeatPump("hp0001", "other@boxes.example")
    await one_of_each.run(add_heat_pump, new, hub_domain=HUB, now=NOW)
    assert await one_of_each.read(presence) == []


async def test_only_what_changed_since_is_told_and_what_is_doubtful(one_of_each: Registry) -> None:
    await hear(one_of_each, ONLINE, NOW)
    first = await one_of_each.read(presence_since, 0)
    assert [one.heat_pump for one in first.states] == ["hp0001"]
    assert first.revision == await one_of_each.read(presence_revision)
    assert (await one_of_each.read(presence_since, first.revision)).states == ()
    assert (await one_of_each.read(presence_since, first.revision, ["hp0001"])).states == first.states
    await one_of_each.run(forget_presence, NOW + 1)
    anew = await one_of_each.read(presence_since, first.revision)
    assert [one.state for one in anew.states] == [UNKNOWN]
    assert anew.epoch != first.epoch


async def test_a_session_belongs_to_the_router_that_heard_it_last(one_of_each: Registry) -> None:
    registry = one_of_each
    await registry.run(keep_presence, "one", {}, {DESK1: came("agg", 1), DESK2: came("agg", 1)})
    await registry.run(
        keep_presence, "two", {}, {DESK1: came("agg", 2), DESK2: went(2), "x@y.example/z": went(2)}
    )
    assert await sessions(registry) == (ProviderSession("agg", DESK1, "two"),)
    await registry.run(keep_presence, "one", {}, {DESK1: went(1)})
    await registry.run(keep_presence, "one", {}, {DESK1: came("agg", 1)})
    assert await sessions(registry) == (ProviderSession("agg", DESK1, "two"),)
    await registry.run(remove_provider, "agg", now=NOW)
    assert await sessions(registry) == ()


async def test_who_forgets_forgets_sessions_too(one_of_each: Registry) -> None:
    await one_of_each.run(keep_presence, "one", {}, {DESK1: came("agg")})
    await one_of_each.run(forget_presence, NOW)
    assert await sessions(one_of_each) == ()


async def test_a_router_listens_while_it_says_so_and_is_alive(registry: Registry) -> None:
    assert not await registry.run(enter_router, "one", NOW)
    assert await registry.read(listening_routers, NOW) == frozenset()
    await registry.run(set_listening, "one", True)
    await registry.run(acknowledge, "one", 3, NOW + 1)
    assert await registry.read(listening_routers, NOW + 1) == {"one"}
    assert await registry.read(listening_routers, NOW + 1 + ROUTER_STALE_AFTER) == frozenset()
    await registry.run(set_listening, "one", False)
    assert await registry.read(listening_routers, NOW + 1) == frozenset()


async def test_a_router_that_enters_knows_whether_it_was_killed(registry: Registry) -> None:
    await registry.run(enter_router, "one", NOW)
    await registry.run(set_listening, "one", True)
    assert await registry.run(enter_router, "one", NOW + 1)
    assert await registry.read(listening_routers, NOW + 1) == frozenset()
    await registry.run(leave_router, "one")
    assert not await registry.run(enter_router, "one", NOW + 2)
