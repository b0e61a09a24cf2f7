"""The collector with a simulated box on a real Prosody, with averages over a second.

They are made every second of UTC while the box runs, so what is to be in the history is known: each second
once, without a gap.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest

from support.ejabberd import EjabberdUnavailableError
from support.ports import free_port
from support.prosody import ProsodyInstall, ProsodyUnavailableError
from support.scene import MODEL, Program, Scene, box_jid, simulated, simulated_points

HEAT_PUMP, NUMBER = "hp0001", 1
PATIENCE = 60.0
CONSENT = ("grant", "add", "agg", HEAT_PUMP, "--right", "history", "--purpose", "operation")


@dataclass
class Flow:
    """A box that averages each second, and what the collector has stored of it."""

    scene: Scene
    box: Program | None = None
    collector: Program | None = None

    def start_box(self) -> None:
        model = self.scene.directory / "second.icd"
        text = MODEL.read_text(encoding="utf-8")
        assert text.count("<Val>300000</Val>") == 1
        model.write_text(text.replace("<Val>300000</Val>", "<Val>1000</Val>"), encoding="utf-8")
        more = {"model": str(model), "buffer": {"report_delay": 0}}
        self.box = self.scene.start_box(NUMBER, simulated(), simulated_points(), {}, more=more)

    def start_collector(self) -> None:
        self.collector = self.scene.start_collector()

    def intervals(self) -> list[int]:
        file = self.scene.directory / "hub" / "history.db"
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            return [row[0] for row in database.execute("SELECT interval FROM sample ORDER BY interval")]

    def wait_stored(self, count: int, after: float) -> None:
        def reached() -> bool:
            return sum(end > after for end in self.intervals()) >= count

        self.scene.wait_for(f"{count} values since then", reached, timeout=PATIENCE)

    def wait_stored_until(self, moment: float) -> None:
        def reached() -> bool:
            stored = self.intervals()
            return bool(stored) and stored[-1] >= moment

        self.scene.wait_for("history up to now", reached, timeout=PATIENCE)

    def assert_whole(self) -> None:
        stored = self.intervals()
        assert stored == list(range(stored[0], stored[-1] + 1)), "a second is missing"

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.scene.hphub("history", "status", HEAT_PUMP, "--json"))
        return found


@pytest.fixture
def flow(prosody_install: ProsodyInstall, tmp_path: Path) -> Iterator[Flow]:
    scene = Scene(tmp_path / "scene", install=prosody_install)
    try:
        scene.start_server()
        scene.configure_hub(history={"interval": 1})
        scene.hphub("heatpump", "add", HEAT_PUMP, "--box", box_jid(NUMBER))
        scene.hphub("provider", "add", "agg", "--jid", "control@aggregator.example")
        made = Flow(scene)
        made.start_box()
        yield made
    finally:
        scene.close()


def test_every_second_is_stored_once_whatever_is_killed(flow: Flow) -> None:
    """Collector, XMPP server and box, each killed without warning."""
    flow.scene.hphub(*CONSENT)
    flow.start_collector()
    flow.wait_stored_until(time.time())
    assert flow.collector is not None
    flow.collector.kill()
    flow.start_collector()
    flow.wait_stored_until(time.time())
    flow.assert_whole()
    flow.scene.prosody.kill()
    flow.scene.prosody.start()
    flow.wait_stored_until(time.time())
    flow.assert_whole()
    assert flow.box is not None
    flow.box.kill()
    killed = time.time()
    flow.start_box()
    flow.wait_stored(2, killed)  # the first is of a part of its second, and says so
    jumps = [second - first for first, second in pairwise(flow.intervals()) if second - first > 1]
    assert len(jumps) <= 1, "only while the box was down nothing was measured"
    stored, status = len(flow.intervals()), flow.status()
    assert stored <= status["samples"] <= len(flow.intervals())
    assert status["gaps"] == sum(jump - 1 for jump in jumps)
    assert status["overflows"] == status["misdated"] == 0
    assert status["values"]["electric_power"]["quality"] == "good"
    assert status["values"]["source_in_temperature"]["quality"] == "invalid", "it is not wired"


def test_consent_withdrawn_and_given_again(flow: Flow) -> None:
    """What is stored is of the times with consent alone, though the box has kept all: what is of the first
    and was still on its way is fetched when consent is given again."""
    flow.start_collector()
    given = time.time()
    flow.scene.hphub(*CONSENT)
    flow.wait_stored_until(time.time())
    flow.scene.hphub("grant", "revoke", "agg", HEAT_PUMP)
    withdrawn = time.time()
    stored = flow.intervals()
    time.sleep(3)  # the box goes on measuring, and would be heard if it reported
    assert flow.intervals() == stored, "nothing is stored from the moment the command returns"
    again = time.time()
    flow.scene.hphub(*CONSENT)
    flow.wait_stored_until(time.time() + 1)
    ends = flow.intervals()
    assert ends[0] - 1 >= given, "measured before anybody had agreed"
    assert not [end for end in ends if withdrawn < end < again + 1], "measured while nobody agreed"
    first, second = ([end for end in ends if (end > withdrawn) is later] for later in (False, True))
    for part in (first, second):
        assert part == list(range(part[0], part[-1] + 1)), "a second with consent is missing"
    assert first[-1] >= stored[-1]


@pytest.mark.parametrize("server", ["prosody", "ejabberd"])
def test_one_process_runs_router_collector_and_operations(
    tmp_path: Path, server: Literal["prosody", "ejabberd"]
) -> None:
    try:
        scene = Scene(tmp_path / "scene", server=server)
        scene.start_server()
    except (ProsodyUnavailableError, EjabberdUnavailableError) as error:
        if os.environ.get("CI", "").lower() not in ("", "0", "false"):
            pytest.fail(f"no {server}: {error}")
        pytest.skip(f"no {server}: {error}")
    try:
        scene.configure_hub(probe={"port": free_port()}, history={"interval": 1})
        hub = scene.start("hub", ["hphub", "run"], scene.hub_environment)
        scene.wait_for("all links", lambda: hub.log.count("link to the XMPP server is up") == 3, hub)
        scene.hphub("heatpump", "add", HEAT_PUMP, "--box", box_jid(NUMBER))
        scene.hphub("provider", "add", "agg", "--jid", "control@aggregator.example")
        scene.hphub(*CONSENT)
        flow = Flow(scene)
        flow.start_box()
        flow.wait_stored_until(time.time())
        assert scene.presence_of(HEAT_PUMP) == "online"
        assert hub.stop() == 0
        flow.assert_whole()
    finally:
        scene.close()
