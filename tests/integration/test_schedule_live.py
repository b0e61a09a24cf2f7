"""A schedule that hpclient set runs in the box while its line is cut, and goes on after kill -9.

Through a real Prosody, the hub with its operations, and a box with a simulated house.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from support.background_proxy import BackgroundProxy
from support.prosody import ProsodyInstall
from support.scene import (
    PROVIDER_JID,
    Program,
    Scene,
    box_jid,
    simulated,
    simulated_outputs,
    simulated_points,
)

HP, NUMBER = "hp0001", 1
PATIENCE = 60.0
"""Seconds until a test gives up waiting; never the measure of anything."""
STEP, LEAD = 10, 4
"""Seconds of an entry; entries of the first value, in which there is time to cut the line."""
BEFORE, AFTER = 18.5, 21.5


class World:
    """The hub, and a box on a line that can be cut."""

    def __init__(self, scene: Scene, proxy: BackgroundProxy) -> None:
        self.scene = scene
        self.proxy = proxy
        self.box = self.start_box()

    def start_box(self) -> Program:
        self.box = self.scene.start_box(
            NUMBER, simulated(), simulated_points(), simulated_outputs(), port=self.proxy.port
        )
        return self.box

    def wait_presence(self, state: str) -> None:
        self.scene.wait_for(
            f"presence {state}", lambda: self.scene.presence_of(HP) == state, timeout=PATIENCE
        )

    def says(self, *arguments: str) -> Any:
        """What hpclient prints as JSON; it must succeed."""
        done = self.scene.command("hpclient", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def schedule(self) -> dict[str, Any]:
        (shown,) = [one for one in self.says("schedule", "show", HP, "room") if one["values"]]
        return dict(shown)

    def set_points(self) -> list[tuple[datetime, float]]:
        """What the log of the box says of the set point that the schedules ask for, and when."""
        done = self.scene.command("hpclient", "log", "query", HP, "LD0/LLN0.GeneralLog", "--json")
        assert done.returncode == 0, done.stderr
        found = []
        for line in done.stdout.splitlines():
            entry = json.loads(line)
            for member in entry["values"]:
                if member["reference"].startswith("SCH/RmFSCC1.ValMV") and member["quality"] == "good":
                    found.append((datetime.fromisoformat(entry["time"]), member["value"]))
        return found


@pytest.fixture
def world(prosody_install: ProsodyInstall, tmp_path: Path) -> Iterator[World]:
    scene = Scene(tmp_path / "scene", prosody_install)
    proxy = None
    try:
        scene.start_server()
        scene.hphub("heatpump", "add", HP, "--box", box_jid(NUMBER))
        scene.hphub("provider", "add", "agg", "--jid", PROVIDER_JID)
        scene.hphub("grant", "add", "agg", HP, "--right", "read", "--right", "schedule")
        scene.start_hub()
        scene.start_operations()
        proxy = BackgroundProxy(scene.prosody.c2s_port)
        yield World(scene, proxy)
    finally:
        scene.close()
        if proxy is not None:
            proxy.close()


def test_a_schedule_runs_while_the_line_is_cut_and_goes_on_after_kill_9(world: World) -> None:
    world.wait_presence("online")
    values = ",".join([f"{BEFORE}"] * LEAD + [f"{AFTER}"] * (100 - LEAD))

    def is_set() -> bool:
        """The slot of the grant is ready a moment after the box is online."""
        nonlocal start
        start = datetime.now(UTC).replace(microsecond=0)
        plan = ("--start", start.isoformat(), "--interval", f"{STEP}s", "--values", values)
        return world.scene.command("hpclient", "schedule", "set", HP, "room", *plan).returncode == 0

    start = datetime.now(UTC)
    world.scene.wait_for("the schedule", is_set, world.box, timeout=PATIENCE)
    world.proxy.swallow()
    cut = datetime.now(UTC)
    change = start.timestamp() + LEAD * STEP
    assert cut.timestamp() < change, "the machine was too slow for what is to be shown"
    world.scene.wait_for("the cut", lambda: "link is down" in world.box.log, world.box, timeout=PATIENCE)
    world.scene.wait_for("the entry", lambda: time.time() > change, world.box, timeout=PATIENCE)
    world.wait_presence("offline")
    healed = datetime.now(UTC)
    world.proxy.heal()
    world.wait_presence("online")
    world.scene.wait_for("the log", lambda: AFTER in [value for _, value in world.set_points()], world.box)
    (when,) = [when for when, value in world.set_points() if value == AFTER]
    assert cut < when < healed, "it changed by itself, while nobody could reach the box"

    before = world.schedule()
    world.box.kill()
    world.wait_presence("offline")
    world.start_box()
    world.wait_presence("online")
    after = world.schedule()
    for told in (before, after):
        assert (told["state"], told["wins"]) == ("Running", True)
        assert datetime.fromisoformat(told["active_start"]) == start, "no entry is shifted"
    elapsed = (datetime.now(UTC) - start).total_seconds() / STEP
    assert before["entry"] <= after["entry"] <= elapsed + 1
    (point,) = world.says("read", HP, "HP/RmFSPT1.SptVal")
    assert (point["value"], point["quality"]) == (AFTER, "good")
