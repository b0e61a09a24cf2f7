"""Routers that confirm, routers that are dead, and who is online."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy.orm import Session

from hub.registry import (
    ROUTER_STALE_AFTER,
    Registry,
    acknowledge,
    add_heat_pump,
    add_provider,
    enter_router,
    leave_router,
    live_routers,
    wait_until_taken,
)
from hub.roster import HeatPump, Provider

HUB = "hub.example.org"
NOW = 1_800_000_000.0


@pytest.fixture
async def one_of_each(registry: Registry) -> Registry:
    await registry.run(add_heat_pump, HeatPump("hp0001", "box@boxes.example"), hub_domain=HUB, now=NOW)
    await registry.run(add_provider, Provider("agg", "control@agg.example"), hub_domain=HUB, now=NOW)
    return registry


async def test_without_routers_nobody_is_waited_for(registry: Registry) -> None:
    assert await wait_until_taken(registry, 5, timeout=0.0) == ()


async def test_every_live_router_is_waited_for(registry: Registry) -> None:
    now = time.time()
    await registry.run(enter_router, "fast", now)
    await registry.run(enter_router, "slow", now)
    await registry.run(acknowledge, "fast", 5, now)
    waiting = asyncio.create_task(wait_until_taken(registry, 5, timeout=30.0))
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    assert not done
    await registry.run(acknowledge, "slow", 5, time.time())
    assert await waiting == ()


async def test_who_has_not_confirmed_in_time_is_named(registry: Registry) -> None:
    await registry.run(acknowledge, "one", 4, NOW)
    await registry.run(acknowledge, "two", 5, NOW)
    assert await wait_until_taken(registry, 5, timeout=0.0, clock=lambda: NOW) == ("one",)


async def test_a_router_whose_heartbeat_is_old_or_that_left_is_not_waited_for(registry: Registry) -> None:
    await registry.run(enter_router, "dead", NOW)
    await registry.run(enter_router, "gone", NOW + ROUTER_STALE_AFTER)
    await registry.run(leave_router, "gone")
    assert await registry.read(live_routers, NOW + ROUTER_STALE_AFTER - 0.1) == {"dead": 0}
    assert await wait_until_taken(registry, 5, 0.0, clock=lambda: NOW + ROUTER_STALE_AFTER) == ()


async def test_a_router_that_enters_again_has_taken_nothing(registry: Registry) -> None:
    await registry.run(acknowledge, "one", 5, NOW)
    await registry.run(enter_router, "one", NOW + 1)
    assert await registry.read(live_routers, NOW + 1) == {"one": 0}


async def test_no_sign_of_life_follows_a_router_that_has_left(registry: Registry) -> None:
    """What runs apart goes on if its caller is cancelled, so what follows it waits for it."""
    last = asyncio.create_task(registry.run_apart(acknowledge, "router", 1, 100.0))
    await asyncio.sleep(0)
    last.cancel()
    await registry.run_apart(leave_router, "router")
    assert await registry.read(live_routers, 100.0) == {}
    await registry.run_apart(acknowledge, "router", 2, 100.0)
    assert await registry.read(live_routers, 100.0) == {"router": 2}


async def test_what_fails_apart_leaves_nothing(registry: Registry) -> None:
    def fails(session: Session) -> None:
        acknowledge(session, "router", 1, 100.0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await registry.run_apart(fails)
    assert await registry.read(live_routers, 100.0) == {}
