"""A provider reads what the collector has stored of a real box, through Prosody and a hub in one process."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from raw_operator import operator
from raw_party import RawParty, canonical
from test_collector_live import Flow

from iec61850_model.mms.pdu import ConfirmedRequest, ObjectName, Payload, ReadJournalRequest
from iec61850_model.mms.xer import encode_payload
from iec61850_model.values import EntryTime
from support.prosody import ProsodyInstall
from support.scene import HUB, PROVIDER_JID, Scene, box_jid

PUMP, OTHERS, UNKNOWN = "hp0001", "hp0002", "hp0009"
STRANGER = "desk@aggregator.example"
ALL = encode_payload(
    Payload(ConfirmedRequest(1, ReadJournalRequest(ObjectName("LLN0$AvgLog", "HIST"), EntryTime(0, 0))))
)


def hpclient(scene: Scene, *arguments: str) -> str:
    done = scene.command("hpclient", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_who_has_the_right_reads_what_was_stored_and_nobody_else(
    prosody_install: ProsodyInstall, tmp_path: Path
) -> None:
    scene = Scene(tmp_path / "scene", install=prosody_install)
    try:
        scene.start_server()
        scene.configure_hub(history={"interval": 1})
        hub = scene.start("hub", ["hphub", "run"], scene.hub_environment)
        scene.wait_for("all links", lambda: hub.log.count("link to the XMPP server is up") == 3, hub)
        operator(scene, "provider", "add", "agg", "--jid", PROVIDER_JID)
        operator(scene, "provider", "add", "desk", "--jid", STRANGER)
        for number, heat_pump in ((1, PUMP), (2, OTHERS)):
            operator(scene, "heatpump", "add", heat_pump, "--box", box_jid(number))
        operator(scene, "grant", "add", "agg", PUMP, "--right", "history", "--purpose", "operation")
        operator(scene, "grant", "add", "agg", OTHERS, "--right", "read")
        flow = Flow(scene)
        flow.start_box()
        flow.wait_stored_until(time.time())
        flow.wait_stored(3, 0.0)
        stored = flow.intervals()
        assert flow.box is not None
        flow.box.kill()  # the history is there without the box

        lines = hpclient(scene, "history", PUMP, "--from", "-10min", "--json").splitlines()
        told = [json.loads(line) for line in lines]
        ends = [int(time_of(one["end"])) for one in told]
        assert ends[: len(stored)] == stored
        power = {one["reference"]: one for one in told[-1]["values"]}["HIST/MMXU1.TotW"]
        assert power["unit"] == "W"
        assert power["quality"] in ("good", "questionable"), "a slow machine samples too seldom for good"
        entries = hpclient(scene, "log", "query", PUMP, "HIST/LLN0.AvgLog", "--count", "2", "--json")
        assert [json.loads(one)["time"] for one in entries.splitlines()] == [one["end"] for one in told[:2]]
        asyncio.run(others_find_nothing(scene))
        rows = usage(scene, len(told) + 2)
        assert rows[PUMP] >= len(told) + 2
        assert rows[OTHERS] == 0
    finally:
        scene.close()


async def others_find_nothing(scene: Scene) -> None:
    """Without the right; unknown, refused and asked of the collector itself: nothing tells what is kept."""
    async with RawParty(PROVIDER_JID, scene.passwords[PROVIDER_JID], scene).logged_in() as party:
        assert "forbidden" in canonical(await party.ask("get", ALL, f"{OTHERS}@{HUB}/IEC"))
    async with RawParty(STRANGER, scene.register(STRANGER), scene).logged_in() as party:
        there = await party.ask("get", ALL, f"{PUMP}@{HUB}/IEC")
        unknown = await party.ask("get", ALL, f"{UNKNOWN}@{HUB}/IEC")
        assert "item-not-found" in canonical(there)
        there.attrib |= {"id": "x"}
        unknown.attrib |= {"id": "x", "from": there.get("from", "")}
        assert canonical(there) == canonical(unknown)
        for heat_pump in (PUMP, UNKNOWN):
            direct = await party.ask("get", ALL, f"{heat_pump}@history.{HUB}/IEC")
            assert "service-unavailable" in canonical(direct)


def usage(scene: Scene, least: int) -> dict[str, int]:
    """What was counted, by heat pump; it is entered when the hub ends."""
    assert scene.programs["hub"].stop() == 0
    (account,) = json.loads(operator(scene, "usage", "--json"))
    assert account["history_rows"] >= least
    each: list[dict[str, Any]] = account["heatpumps"]
    return {PUMP: 0, OTHERS: 0} | {one["heatpump"]: one["history_rows"] for one in each}


def time_of(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
