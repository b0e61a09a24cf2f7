"""One provider floods the hub: he is told to wait, and the others do not notice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

import pytest
import yaml

from iec61850_model.client import ClientError
from iec61850_model.mms.pdu import ConfirmedRequest, ObjectName, Payload, ReadRequest, VariableList
from iec61850_model.values import GOOD
from iec61850_model.xmpp import Channel, Connection, ConnectionSettings, StanzaError
from service_provider import ServiceProvider
from support.ports import free_port
from support.prosody import ProsodyInstall
from support.scene import (
    AGGREGATOR,
    HUB,
    PROVIDER_JID,
    Scene,
    box_jid,
    simulated,
    simulated_outputs,
    simulated_points,
)

FLOODER = f"flood@{AGGREGATOR}"
REQUESTS = 600
"""Requests of the flood, all at once."""
RATE, BURST = 20, 100
READ = Payload(ConfirmedRequest(1, ReadRequest(VariableList((ObjectName("MMXU1$MX$TotW", "MET"),)))))


@pytest.fixture(scope="module")
def scene(prosody_install: ProsodyInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    it = Scene(tmp_path_factory.mktemp("flood"), prosody_install)
    try:
        it.start_server()
        path = it.directory / "hub" / "hub.yaml"
        config = yaml.safe_load(path.read_text())
        config["limits"] = {"provider_rate": RATE, "provider_burst": BURST}
        config["probe"] = {"port": free_port()}
        path.write_text(yaml.safe_dump(config))
        it.start_hub()
        it.start_box(1, simulated(), simulated_points(), simulated_outputs())
        it.register(FLOODER)
        it.hphub("heatpump", "add", "hp0001", "--box", box_jid(1))
        for id_, jid in (("agg", PROVIDER_JID), ("flood", FLOODER)):
            it.hphub("provider", "add", id_, "--jid", jid)
            it.hphub("grant", "add", id_, "hp0001", "--right", "read")
        it.wait_for("hp0001 online", lambda: it.presence_of("hp0001") == "online")
        yield it
    finally:
        it.close()


def settings(scene: Scene, jid: str) -> ConnectionSettings:
    prosody = scene.prosody
    return ConnectionSettings(jid, scene.passwords[jid], "127.0.0.1", prosody.c2s_port, Path(prosody.ca_file))


def probe(scene: Scene, path: str) -> tuple[int, str]:
    port = yaml.safe_load((scene.directory / "hub" / "hub.yaml").read_text())["probe"]["port"]
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


async def flood(scene: Scene, answers: Counter[str]) -> None:
    connection = Connection(settings(scene, FLOODER))
    channel = Channel(connection)
    await connection.start()

    async def one() -> None:
        try:
            await channel.request(f"hp0001@{HUB}/IEC", READ, timeout=30)
            answers["answered"] += 1
        except StanzaError as error:
            answers[f"{error.condition} {error.type}"] += 1

    try:
        await asyncio.gather(*(one() for _ in range(REQUESTS)))
    finally:
        await connection.stop()


async def test_a_flood_is_told_to_wait_and_others_are_served(scene: Scene) -> None:
    answers: Counter[str] = Counter()
    async with ServiceProvider(
        PROVIDER_JID,
        scene.passwords[PROVIDER_JID],
        hub=HUB,
        host="127.0.0.1",
        port=scene.prosody.c2s_port,
        ca_file=scene.prosody.ca_file,
    ) as sp:

        async def latencies(times: int) -> list[float]:
            found = []
            for _ in range(times):
                start = time.perf_counter()
                await sp.read("hp0001", "MET/MMXU1.TotW")
                found.append(time.perf_counter() - start)
            return found

        await latencies(3)
        quiet = await latencies(10)
        flooding = asyncio.create_task(flood(scene, answers))
        await asyncio.sleep(0.3)
        loud = await latencies(20)
        await flooding
    print(f"median of a read: {1000 * median(quiet):.1f} ms, in the flood {1000 * median(loud):.1f} ms")
    assert set(answers) == {"answered", "resource-constraint wait"}
    assert BURST <= answers["answered"] < REQUESTS
    assert answers.total() == REQUESTS


async def test_after_the_flood_he_is_served_again(scene: Scene) -> None:
    async with ServiceProvider(
        FLOODER,
        scene.passwords[FLOODER],
        hub=HUB,
        host="127.0.0.1",
        port=scene.prosody.c2s_port,
        ca_file=scene.prosody.ca_file,
    ) as sp:
        for _ in range(20):
            try:
                reading = await sp.read("hp0001", "MET/MMXU1.TotW")
                break
            except ClientError:
                await asyncio.sleep(0.5)
        assert reading.quality == GOOD


def test_who_watches_the_hub_sees_it(scene: Scene) -> None:
    assert probe(scene, "/health") == (200, "ok\n")
    assert probe(scene, "/ready") == (200, "ok\n")
    metrics = probe(scene, "/metrics")[1]
    assert 'hub_presence{router="router",state="online"} 1.0' in metrics
    assert 'hub_over_limit_total{limit="rate",router="router"}' in metrics


def test_without_the_xmpp_server_the_hub_is_alive_but_not_ready(scene: Scene) -> None:
    scene.prosody.kill()
    try:
        scene.wait_for("not ready", lambda: probe(scene, "/ready")[0] == 503)
        assert probe(scene, "/ready")[1] == "no link to the XMPP server\n"
        assert probe(scene, "/health") == (200, "ok\n")
    finally:
        scene.prosody.start()
    scene.wait_for("ready again", lambda: probe(scene, "/ready")[0] == 200)
