"""What is known of presence, and who is told."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime

from service_provider.addresses import address_of, heatpump_at
from service_provider.presence import Presence, PresenceBoard

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HUB = "hub.example.org"
PATIENCE = 5.0


def test_addresses_there_and_back() -> None:
    assert address_of("HP0001", HUB) == "hp0001@hub.example.org/IEC"
    assert heatpump_at("hp0001@hub.example.org/IEC", HUB) == "hp0001"
    for other in ("hp1@hub.example.org", "hp1@evil.example/IEC", HUB, "hp1@hub.example.org/x", ""):
        assert heatpump_at(other, HUB) is None


def test_nothing_told_is_unknown() -> None:
    assert PresenceBoard().of("hp0001") is Presence.UNKNOWN


async def test_a_listener_gets_the_state_then_the_changes() -> None:
    board = PresenceBoard()
    board.note("hp0002", Presence.OFFLINE, NOW)
    board.note("hp0001", Presence.ONLINE, NOW)
    async with asyncio.timeout(PATIENCE), aclosing(board.changes()) as changes:
        first = [await anext(changes) for _ in range(2)]
        assert [one.heatpump for one in first] == ["hp0001", "hp0002"]
        waiting = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        assert not board.note("hp0001", Presence.ONLINE, NOW), "no change, no news"
        await asyncio.sleep(0)
        assert not waiting.done()
        board.note("hp0001", Presence.OFFLINE, NOW)
        change = await waiting
        assert change.as_dict() == {
            "heatpump": "hp0001",
            "presence": "offline",
            "time": "2026-11-23T12:00:00.000Z",
        }


async def test_offline_ourselves_everything_is_unknown_and_said_so() -> None:
    board = PresenceBoard()
    board.note("hp0001", Presence.ONLINE, NOW)
    async with asyncio.timeout(PATIENCE), aclosing(board.changes()) as changes:
        await anext(changes)
        board.unknown(NOW)
        assert (await anext(changes)).presence is Presence.UNKNOWN
    assert board.of("hp0001") is Presence.UNKNOWN
