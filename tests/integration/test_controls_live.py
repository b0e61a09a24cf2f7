"""Commands to objects of all four control models: from hpclient and the API through Prosody, hub and roster
to a box whose model has them, and what the audit says of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from raw_operator import FAST, configure, operator

from iec61850_model.client import Operation
from iec61850_model.reference import Reference
from iec61850_model.values import AddCause, OrCat
from service_provider import ControlRefused, NotAllowed, ServiceProvider
from support.control_icd import with_control_models
from support.ports import LOOPBACK
from support.prosody import ProsodyInstall
from support.scene import (
    AGGREGATOR,
    HUB,
    MODEL,
    PROVIDER_JID,
    Scene,
    box_jid,
    simulated,
    simulated_outputs,
    simulated_points,
)

PATIENCE = 30.0
"""Seconds until a test gives up waiting; never the measure of anything."""
OTHER_JID = f"other@{AGGREGATOR}"
DIRECT, SELECT, ENHANCED = "HP/EvuGGIO1.SPCSO1", "HP/RlyGGIO1.SPCSO1", "HP/RlyGGIO1.SPCSO2"
STATE = "HP/SgrGGIO1.ISCSO1"
MODELS = {
    "RlyGGIO1.SPCSO1": "sbo-with-normal-security",
    "RlyGGIO1.SPCSO2": "direct-with-enhanced-security",
    "SgrGGIO1.ISCSO1": "sbo-with-enhanced-security",
}


@pytest.fixture(scope="module")
def scene(prosody_install: ProsodyInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("controls"), prosody_install)
    try:
        made.start_server()
        made.register(OTHER_JID)
        configure(made, limits=FAST)
        made.start_hub()
        operator(made, "heatpump", "add", "hp0001", "--box", box_jid(1))
        for provider, jid in (("agg", PROVIDER_JID), ("other", OTHER_JID)):
            operator(made, "provider", "add", provider, "--jid", jid)
            operator(made, "grant", "add", provider, "hp0001", "--right", "read", "--right", "control")
        model = made.directory / "models.icd"
        model.write_bytes(with_control_models(Path(MODEL).read_bytes(), MODELS))
        box = made.start_box(
            1, simulated(), simulated_points(), simulated_outputs(), more={"model": str(model)}
        )
        made.wait_for(
            "the box online", lambda: '"online"' in operator(made, "heatpump", "list", "--json"), box
        )
        yield made
    finally:
        made.close()


def provider(scene: Scene, jid: str = PROVIDER_JID) -> ServiceProvider:
    return ServiceProvider(
        f"{jid}/api",
        scene.passwords[jid],
        hub=HUB,
        host=LOOPBACK,
        port=scene.xmpp_server.c2s_port,
        ca_file=scene.xmpp_server.ca_file,
    )


async def audit(scene: Scene) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        await asyncio.to_thread(operator, scene, "audit", "--json", "--limit", "1000")
    )
    return found


async def audited(scene: Scene, wanted: dict[str, str]) -> dict[str, Any]:
    """The newest entry of the audit that has these fields; it may be written a moment after it was seen."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for entry in reversed(await audit(scene)):
                if all(entry[key] == value for key, value in wanted.items()):
                    return entry
            await asyncio.sleep(0.1)


async def result_of(scene: Scene, service: str) -> str:
    """What became of the newest request of this service."""
    asked = await audited(scene, {"kind": "request", "service": service})
    return str((await audited(scene, {"kind": "result", "stanza_id": asked["stanza_id"]}))["detail"])


@pytest.mark.parametrize(
    ("target", "values", "services"),
    [
        (DIRECT, (True, False), ["Operate"]),
        (SELECT, (True, False), ["Select", "Operate"]),
        (ENHANCED, (True, False), ["Operate"]),
        (STATE, (3, 2), ["SelectWithValue", "Operate"]),
    ],
)
async def test_an_object_of_each_model_follows_and_the_audit_knows(
    scene: Scene, target: str, values: tuple[object, ...], services: list[str]
) -> None:
    async with provider(scene) as sp:
        for value in values:
            await sp.operate("hp0001", target, value)
            assert (await sp.read("hp0001", target)).value == value
    for service in services:
        assert await result_of(scene, service) == "done"
    if target in (ENHANCED, STATE):
        ended = await audited(scene, {"service": "CommandTermination"})
        assert ended["detail"] == f"ctlVal={values[-1]!r}: done"
        assert ended["references"] == [f"{target}.Oper[CO]"]


async def test_what_one_provider_has_selected_another_cannot_operate(scene: Scene) -> None:
    async with provider(scene) as sp, provider(scene, OTHER_JID) as other:
        for target, value in ((SELECT, True), (STATE, 3)):
            assert await sp.select("hp0001", target, value)
            with pytest.raises(ControlRefused) as refused:
                await other.operate("hp0001", target, value)
            assert refused.value.add_cause in (AddCause.SELECT_FAILED, AddCause.OBJECT_ALREADY_SELECTED)
            with pytest.raises(ControlRefused) as refused:
                await other.cancel("hp0001", target)
            assert refused.value.add_cause is AddCause.LOCKED_BY_OTHER_CLIENT
            await sp.cancel("hp0001", target)
            await other.operate("hp0001", target, value)
    assert await result_of(scene, "Cancel") == "done"
    empty = await audited(scene, {"detail": "empty: if this was a select, it was refused"})
    asked = await audited(scene, {"kind": "request", "stanza_id": empty["stanza_id"]})
    assert asked["service"] == "Select"


async def test_a_selection_ends_with_the_client_that_has_it(scene: Scene) -> None:
    async with provider(scene, OTHER_JID) as other:
        async with provider(scene) as sp:
            assert await sp.select("hp0001", SELECT, True)
            assert (await other.read("hp0001", f"{SELECT}.stSeld[ST]")).value is True
        async with asyncio.timeout(PATIENCE):
            while (await other.read("hp0001", f"{SELECT}.stSeld[ST]")).value:  # noqa: ASYNC110 - the box tells
                await asyncio.sleep(0.1)
        await other.operate("hp0001", SELECT, False)


@pytest.mark.parametrize("target", [DIRECT, SELECT, ENHANCED])
async def test_who_waits_is_told_when_a_command_for_later_is_done(scene: Scene, target: str) -> None:
    async with provider(scene) as sp:
        at = datetime.now(UTC) + timedelta(seconds=1)
        async with asyncio.timeout(PATIENCE):
            await sp.operate("hp0001", target, True, at=at, wait=True)
        assert (await sp.read("hp0001", target)).value is True
        await sp.operate("hp0001", target, False)
    ended = await audited(scene, {"service": "TimeActivatedOperateTermination"})
    assert ended["detail"].endswith(": done")


async def test_a_provider_cannot_command_as_somebody_at_the_heat_pump(scene: Scene) -> None:
    async with provider(scene) as sp:
        for category in OrCat:
            operation = Operation(True, time.time(), 1, or_cat=category)
            command = sp._client.operate(f"hp0001@{HUB}/IEC", Reference.parse(DIRECT), operation)
            if category in (OrCat.REMOTE_CONTROL, OrCat.AUTOMATIC_REMOTE):
                await command
                continue
            with pytest.raises(NotAllowed):
                await command
        await sp.operate("hp0001", DIRECT, False)
    refused = await audited(scene, {"kind": "refusal", "service": "Operate"})
    assert "orCat" in refused["detail"]


def test_hpclient_commands_for_later_takes_back_and_says_why_not(scene: Scene) -> None:
    def hpclient(*arguments: str) -> tuple[int, str]:
        done = scene.command("hpclient", "operate", "hp0001", *arguments)
        return done.returncode, done.stderr

    assert hpclient(DIRECT, "on", "--at", "+1h") == (0, "")
    code, said = hpclient(DIRECT, "off", "--at", "+2h")
    assert (code, "Command-already-in-execution" in said, "waits for its time" in said) == (1, True, True)
    assert hpclient(DIRECT, "--cancel") == (0, "")
    code, said = hpclient(DIRECT, "--cancel")
    assert (code, "Object-not-selected" in said) == (1, True)
    assert hpclient(SELECT, "on", "--select-only") == (0, "")
    assert hpclient(ENHANCED, "on", "--at", "+1s", "--wait") == (0, "")
