"""A command returns when every running router has taken the change, and shows what the routers know."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hub import changing
from hub.cli import main
from hub.config import HubConfig
from hub.registry import (
    COLLECTOR,
    Heard,
    Registry,
    acknowledge,
    changes_since,
    current_revision,
    enter_router,
    keep_presence,
    leave_router,
)
from hub.roster import LinkState, Roster


class FakeRouter:
    """Follows the registry in a thread of its own; ``frozen``, it is alive but takes no change."""

    def __init__(self, url: str, frozen: bool = False) -> None:
        self.roster = Roster()
        self._url = url
        self._frozen = frozen
        self._stop = threading.Event()
        self._entered = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> FakeRouter:
        self._thread.start()
        assert self._entered.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _run(self) -> None:
        registry = await Registry.open(self._url)
        await registry.run(enter_router, "router1", time.time())
        self._entered.set()
        while not self._stop.is_set():
            await asyncio.sleep(0.05)
            if not self._frozen and await registry.read(current_revision) != self.roster.revision:
                self.roster.apply(await registry.read(changes_since, self.roster.revision))
            await registry.run(acknowledge, "router1", self.roster.revision, time.time())
        await registry.run(leave_router, "router1")
        await registry.close()


@pytest.fixture
def config(tmp_path: Path) -> Iterator[HubConfig]:
    assert (
        CliRunner().invoke(main, ["init", "--domain", "hub.example", "--dir", str(tmp_path)]).exit_code == 0
    )
    yield HubConfig.load(tmp_path / "hub.yaml")


@pytest.fixture
def hphub(config: HubConfig, tmp_path: Path) -> Callable[..., Result]:
    return lambda *arguments: CliRunner().invoke(main, ["--config", str(tmp_path / "hub.yaml"), *arguments])


def write(config: HubConfig, fn: Callable[..., Any], *arguments: object) -> None:
    async def run() -> None:
        registry = await Registry.open(config.databases.registry)
        await registry.run(fn, *arguments)
        await registry.close()

    asyncio.run(run())


def test_a_change_is_in_force_when_its_command_returns(
    config: HubConfig, hphub: Callable[..., Result]
) -> None:
    with FakeRouter(config.databases.registry) as router:
        assert hphub("heatpump", "add", "hp1", "--box", "b1@boxes.example").exit_code == 0
        assert set(router.roster.heat_pumps) == {"hp1"}
        assert hphub("provider", "add", "agg", "--jid", "c@agg.example").exit_code == 0
        assert router.roster.provider_of_jid("c@agg.example") is not None
        assert hphub("grant", "add", "agg", "hp1", "--right", "read").exit_code == 0
        assert router.roster.grants("agg", "hp1", time.time())
        assert hphub("grant", "revoke", "agg", "hp1").exit_code == 0
        assert not router.roster.grants("agg", "hp1", time.time())
        assert hphub("heatpump", "remove", "hp1", "--yes").exit_code == 0
        assert router.roster.heat_pumps == {}


def test_a_router_that_does_not_confirm_is_named(
    config: HubConfig, hphub: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "TAKEN_TIMEOUT", 0.3)
    with FakeRouter(config.databases.registry, frozen=True):
        result = hphub("heatpump", "add", "hp1", "--box", "b1@boxes.example")
    assert result.exit_code == 1
    assert "router1" in result.stderr
    assert "stored" in result.stderr
    assert [one["id"] for one in json.loads(hphub("heatpump", "list", "--json").stdout)] == ["hp1"]
    assert [one["service"] for one in json.loads(hphub("audit", "--json").stdout)] == ["heatpump add"]


def test_presence_is_shown_only_while_a_router_watches(
    config: HubConfig, hphub: Callable[..., Result]
) -> None:
    for number in (1, 2, 3):
        hphub("heatpump", "add", f"hp{number}", "--box", f"b{number}@boxes.example")
    heard = {
        "hp1": Heard(LinkState.ONLINE, 1_800_000_000.0),
        "hp2": Heard(LinkState.OFFLINE, 1_800_000_060.0),
    }
    write(config, keep_presence, "router", heard, {})

    def shown() -> list[tuple[str, str | None]]:
        listed = json.loads(hphub("heatpump", "list", "--json").stdout)
        return [(one["presence"], one["since"]) for one in listed]

    write(config, enter_router, COLLECTOR, time.time())
    assert shown() == [("unknown", None)] * 3, "the collector does not watch for others"
    with FakeRouter(config.databases.registry):
        assert shown() == [
            ("online", "2027-01-15T08:00:00.000Z"),
            ("offline", "2027-01-15T08:01:00.000Z"),
            ("unknown", None),
        ]
    assert shown() == [("unknown", None)] * 3
