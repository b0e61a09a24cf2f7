"""What is known of presence, and who is told."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime

from service_provider.addresses import address_of, heatpump_at
from service_provider.listing import Listed, listed_at
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


def test_what_the_hub_lists_is_a_heat_pump_or_a_group_of_its_own() -> None:
    board = PresenceBoard()
    board.note("hp0001", Presence.ONLINE, NOW)
    pump = listed_at(f"hp0001@{HUB}/IEC", HUB, board.of)
    assert pump == Listed("hp0001", Presence.ONLINE)
    assert pump.name == "hp0001"
    assert pump.as_dict() == {"heatpump": "hp0001", "group": None, "presence": "online"}
    silent = listed_at(f"hp0002@{HUB}/IEC", HUB, board.of)
    assert silent == Listed("hp0002", Presence.UNKNOWN)
    group = listed_at(f"north@{HUB}", HUB, board.of)
    assert group is not None
    assert group.name == "@north"
    assert group.as_dict() == {"heatpump": None, "group": "north", "presence": None}
    for other in ("hp1@evil.example/IEC", "north@evil.example", HUB, f"hp1@{HUB}/x", f"@{HUB}", ""):
        assert listed_at(other, HUB, board.of) is None
