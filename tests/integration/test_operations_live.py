"""Operations on a real Prosody, with the real router: slots become ready, and a grant's end reaches the box.

In the first test the box is played, over the real binding: it says afterwards who asked it for what.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest
from raw_operator import operator
from raw_party import RawParty
from scheduled_box import READY, RUNNING, ScheduledBox

from hub.stanzas import STANZAS_NS
from iec61850_model.mms.pdu import ConfirmedRequest, ObjectName, Payload, ReadRequest, VariableList
from iec61850_model.mms.xer import MalformedPdu, encode_payload
from iec61850_model.scl import read_model
from iec61850_model.values import Timestamp
from iec61850_model.xmpp import Channel, Connection, ConnectionSettings
from support.background_proxy import BackgroundProxy
from support.ports import LOOPBACK
from support.prosody import ProsodyInstall
from support.scene import (
    HUB,
    MODEL,
    PROVIDER_JID,
    Program,
    Scene,
    box_jid,
    simulated,
    simulated_outputs,
    simulated_points,
)

HP, NUMBER = "hp0001", 1
PATIENCE = 30.0
"""Seconds until a test gives up waiting; never the measure of anything."""
AGG, OPS, WITHDRAWN = f"agg@{HUB}/~ops", f"ops@{HUB}/~ops", f"agg@{HUB}/~withdrawn"


@pytest.fixture
def scene(prosody_install: ProsodyInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("operations"), prosody_install)
    try:
        made.start_server()
        made.register(box_jid(NUMBER))
        operator(made, "heatpump", "add", HP, "--box", box_jid(NUMBER))
        operator(made, "provider", "add", "agg", "--jid", PROVIDER_JID)
        made.start_hub()
        yield made
    finally:
        made.close()


@asynccontextmanager
async def online(scene: Scene, box: ScheduledBox) -> AsyncIterator[None]:
    """The played box, logged in, and known to be so when this returns."""
    jid = box_jid(NUMBER)
    connection = Connection(
        ConnectionSettings(
            jid=f"{jid}/IEC",
            password=scene.passwords[jid],
            host=LOOPBACK,
            port=scene.xmpp_server.c2s_port,
            ca_file=scene.xmpp_server.ca_file,
        )
    )

    def serve(peer: str, payload: Payload | MalformedPdu, _octets: int) -> list[Payload]:
        assert isinstance(payload, Payload)
        return [box.answer(peer, payload)]

    def presence(sender: str, type_: str) -> None:
        if (sender, type_) == (HUB, "available"):
            connection.send_presence(HUB)
        box.presence(sender, type_)

    Channel(connection, on_request=serve)
    connection.on_presence.append(presence)
    await connection.start()
    connection.send_presence(HUB)
    try:
        yield
    finally:
        await connection.stop()


async def until(scene: Scene, condition: Callable[[], Any]) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - other processes are waited for
                await asyncio.sleep(0.1)
    except TimeoutError:
        logs = "\n".join(f"--- {name}\n{one.log[-3000:]}" for name, one in scene.programs.items())
        raise AssertionError(logs) from None


def steering(scene: Scene, grant: int) -> list[Any]:
    """What the operator reads of a grant: slot and state of what is to be done in the box."""
    shown = json.loads(operator(scene, "grant", "show", str(grant), "--json"))
    return [(one["slot"], one["state"]) for one in shown["steering"]]


def grant(scene: Scene, *rights: str) -> int:
    options = [option for right in rights for option in ("--right", right)]
    return int(json.loads(operator(scene, "grant", "add", "agg", HP, *options, "--json"))["key"])


async def asked(scene: Scene, resource: str, *nodes: str) -> list[str]:
    """What the provider gets who reads the state of these schedules one by one: ``result`` or a condition."""
    party = RawParty(f"{PROVIDER_JID}/{resource}", scene.passwords[PROVIDER_JID], scene)
    heard: list[str] = []
    async with party.logged_in():
        for node in nodes:
            names = VariableList((ObjectName(f"{node}$ST$SchdSt$stVal", "SCH"),))
            request = encode_payload(Payload(ConfirmedRequest(1, ReadRequest(names))))
            answer = await party.ask("get", request, f"{HP}@{HUB}/IEC")
            heard += [one.tag.rpartition("}")[2] for one in answer.iter() if STANZAS_NS in one.tag] or [
                answer.get("type", "")
            ]
    return heard


async def test_a_grants_end_reaches_a_box_that_was_away_though_operations_is_killed_in_between(
    scene: Scene,
) -> None:
    box = ScheduledBox()
    program: Program = await asyncio.to_thread(scene.start_operations)
    ended = await asyncio.to_thread(grant, scene, "schedule", "control")
    assert await asyncio.to_thread(steering, scene, ended) == [(1, "pending")], (
        "the box has not been there yet"
    )
    async with online(scene, box):
        await until(scene, lambda: steering(scene, ended) == [(1, "ready")])
        assert (box.priorities["EvuFSCH1"], box.priorities["SgrFSCH1"]) == (50, 50)
        assert {peer for peer, _ in box.done} == {OPS}
        assert await asked(scene, "desk1", "EvuFSCH1", "EvuFSCH2") == ["result", "forbidden"]
        assert await asked(scene, "~ops", "EvuFSCH1") == ["not-allowed"]
    await until(scene, lambda: scene.presence_of(HP) == "offline")
    # What a provider left there: a schedule that runs, one that waits, and a command for later.
    box.states |= {"EvuFSCH1": RUNNING, "SgrFSCH1": READY}
    box.pending, box.entries["EvuFSCH1"] = {f"agg@{HUB}"}, 4
    box.starts["EvuFSCH1"] = Timestamp.from_unix(1e9)
    box.done.clear()
    await asyncio.to_thread(operator, scene, "grant", "revoke", str(ended))
    program.kill()
    later = await asyncio.to_thread(grant, scene, "schedule")
    assert await asyncio.to_thread(steering, scene, later) == [(2, "pending")], (
        "slot 1 is not free before the box has confirmed"
    )
    await asyncio.to_thread(scene.start_operations)
    assert await asyncio.to_thread(steering, scene, ended) == [(1, "ending")]
    async with online(scene, box):
        await until(scene, lambda: steering(scene, ended) == [])
        await until(scene, lambda: steering(scene, later) == [(2, "ready")])
    assert box.done == [
        (AGG, "EvuFSCH1 disabled"), (AGG, "SgrFSCH1 disabled"), (WITHDRAWN, "withdrawn"),
        (OPS, "EvuFSCH1 0 entries"), (OPS, "EvuFSCH1 no start"),
        (OPS, "EvuFSCH2 priority 40"), (OPS, "SgrFSCH2 priority 40"),
    ]  # fmt: skip
    assert box.pending == set()
    asked_for = ("audit", "--heatpump", HP, "--limit", "1000", "--json")
    audited = json.loads(await asyncio.to_thread(operator, scene, *asked_for))
    told = [f"{one['provider']} {one['service']} {one['detail']}" for one in audited]
    for entry in ("agg Operate ctlVal=True", "agg Withdraw", f"agg withdrawn grant {ended}, slot 1"):
        assert any(line.startswith(entry) for line in told), (entry, told)
    await asyncio.to_thread(operator, scene, "audit", "verify")


@pytest.mark.skipif(
    "SCH" not in read_model(MODEL.read_bytes()).tree.devices, reason="no schedules in the model"
)
def test_a_schedule_that_runs_in_a_real_box_ends_with_its_grant_though_the_box_was_off(scene: Scene) -> None:
    def start_box() -> Program:
        return scene.start_box(NUMBER, simulated(), simulated_points(), simulated_outputs())

    def told(reference: str) -> str:
        return scene.command("hpclient", "read", HP, reference).stdout

    scene.start_operations()
    box = start_box()
    ended = grant(scene, "read", "schedule")
    scene.wait_for("the slot", lambda: steering(scene, ended) == [(1, "ready")], timeout=PATIENCE)
    begun = datetime.now().astimezone().replace(minute=0, second=0, microsecond=0)
    plan = ("--start", begun.isoformat(), "--interval", "1h", "--values", "1,1,1,1", "--slot", "1")
    done = scene.command("hpclient", "schedule", "set", HP, "evu", *plan)
    assert done.returncode == 0, done.stderr
    assert "Running" in told("SCH/EvuFSCH1.SchdSt")
    assert scene.command("hpclient", "schedule", "set", HP, "evu", *plan[:-1], "2").returncode == 3
    box.stop()
    scene.wait_for("the box's end", lambda: scene.presence_of(HP) == "offline", timeout=PATIENCE)
    operator(scene, "grant", "revoke", str(ended))
    grant(scene, "read")
    start_box()
    scene.wait_for("the withdrawal", lambda: steering(scene, ended) == [], timeout=PATIENCE)
    assert "Not ready" in told("SCH/EvuFSCH1.SchdSt")
    assert told("SCH/EvuFSCH1.NumEntr").split()[2] == "0"


def test_a_command_for_later_in_a_real_box_ends_with_its_grant_though_the_line_was_cut(scene: Scene) -> None:
    """The box keeps it while its line is cut; when it is back it is told first that it must not come."""
    relay = "HP/RlyGGIO1.SPCSO1"

    def command() -> int:
        return scene.command("hpclient", "operate", HP, relay, "on", "--at", "+2h").returncode

    line = BackgroundProxy(scene.xmpp_server.c2s_port)
    try:
        scene.start_operations()
        box = scene.start_box(NUMBER, simulated(), simulated_points(), simulated_outputs(), port=line.port)
        scene.wait_for("the box", lambda: scene.presence_of(HP) == "online", box, timeout=PATIENCE)
        ended = grant(scene, "control", "read")
        assert command() == 0
        assert command() == 1, "one waits already"
        line.swallow()
        scene.wait_for("the cut", lambda: scene.presence_of(HP) == "offline", timeout=2 * PATIENCE)
        operator(scene, "grant", "revoke", str(ended))
        assert steering(scene, ended) == [(None, "ending")]
        line.heal()
        scene.wait_for("the withdrawal", lambda: steering(scene, ended) == [], timeout=2 * PATIENCE)
        assert "a provider may command no more" in box.log
        grant(scene, "control", "read")
        assert command() == 0, "nothing waits any more"
    finally:
        line.close()
