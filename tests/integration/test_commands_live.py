"""Ordinary clients administer the hub, on a real Prosody, with the real router, operations and box."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from chat_client import ChatClient
from raw_operator import operator

from support.profanity import Profanity, ProfanityUnavailableError, find_profanity
from support.prosody import ProsodyInstall
from support.scene import (
    AGGREGATOR,
    HUB,
    OPERATIONS,
    PROVIDER_JID,
    Scene,
    box_jid,
    simulated,
    simulated_outputs,
    simulated_points,
)

HP, NUMBER, OWNER_JID = "hp0001", 1, f"kim@{AGGREGATOR}"
RELAY, PAUSING = "HP/RlyGGIO1.SPCSO1", "HP/RlyGGIO1.SPCSO2"
"""One that may be switched at any time, and one that must pause for an hour."""


@pytest.fixture(scope="module")
def scene(prosody_install: ProsodyInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """hp0001 is Kim's, who has an account; agg has no grant yet."""
    made = Scene(tmp_path_factory.mktemp("commands"), prosody_install)
    try:
        made.start_server()
        made.register(OWNER_JID)
        operator(made, "heatpump", "add", HP, "--box", box_jid(NUMBER))
        operator(made, "provider", "add", "agg", "--jid", PROVIDER_JID)
        kim = json.loads(operator(made, "person", "add", "--name", "Kim Berg", "--jid", OWNER_JID, "--json"))
        operator(made, "owner", "add", kim["id"], HP)
        made.start_hub()
        made.start_operations()
        outputs = simulated_outputs()
        outputs[PAUSING] |= {"min_off": 3_600}
        made.start_box(NUMBER, simulated(), simulated_points(), outputs)
        made.wait_for("the box", lambda: made.presence_of(HP) == "online")
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def program() -> tuple[str, dict[str, str]]:
    """Where Profanity is; without it the test is skipped, in CI it fails."""
    try:
        return find_profanity()
    except ProfanityUnavailableError as error:
        if os.environ.get("CI", "").lower() not in ("", "0", "false"):
            pytest.fail(f"no Profanity: {error}")
        pytest.skip(f"no Profanity: {error}")


async def test_a_provider_asks_reads_and_is_sent_away_by_the_owner(scene: Scene) -> None:
    agg, kim = ChatClient(scene, PROVIDER_JID), ChatClient(scene, OWNER_JID)
    async with agg.logged_in(), kim.logged_in():
        assert "ask" in await agg.commands()
        assert "approve" not in await agg.commands()
        reading = {"heatpump": HP, "reference": "MET/MMXU1.TotW"}
        assert (await agg.run("read", **reading)).status == "item-not-found"
        assert (await agg.run("ask", heatpump=HP, rights=["read"], purpose="research")).status == "completed"
        (asked,) = (await kim.run("requests")).rows
        assert (asked["provider"], asked["on"], asked["rights"]) == ("agg", HP, "read")
        approved = await kim.run("approve", key=asked["key"], until="30d")
        assert approved.note.startswith(f"Grant 1: agg has read on {HP}, until ")
        read = await agg.run("read", **reading)
        assert read.rows[0]["value"].endswith(" W"), read.note
        assert read.rows[0]["quality"] == "good"
        refused = await agg.run("switch", heatpump=HP, reference=RELAY, value="on")
        assert refused.note == f"Not allowed on {HP}: no right control on {RELAY}."
        seen = await kim.run("seen", since="1h")
        assert [(row["who"], row["what"], row["service"]) for row in seen.rows] == [
            ("agg", "refusal", "Operate"),
            ("agg", "request", "GetDataValues"),
        ]
        assert (await kim.run("withdraw", key="1")).status == "completed"
        assert (await agg.run("read", **reading)).status == "item-not-found"
        assert (await agg.run("heat-pumps")).note == "No heat pumps."


async def test_an_owner_switches_a_relay_and_hears_why_not(scene: Scene) -> None:
    kim = ChatClient(scene, OWNER_JID)
    async with kim.logged_in():
        for value in ("on", "off"):
            done = await kim.run("switch", heatpump=HP, reference=RELAY, value=value)
            assert done.note == f"{HP} {RELAY} is {value}."
        for value in ("on", "off"):
            await kim.run("switch", heatpump=HP, reference=PAUSING, value=value)
        pausing = await kim.run("switch", heatpump=HP, reference=PAUSING, value="on")
        assert "the device refuses the control: Blocked-by-interlocking" in pausing.note
        status_only = await kim.run("switch", heatpump=HP, reference="HP/HpGGIO1.Ind1", value="on")
        assert "cannot be operated" in status_only.note
        assert (await kim.run("heat-pumps")).rows[0]["state"] == "online"


def logged_in(scene: Scene, client: Profanity, jid: str) -> None:
    client.connect(jid, scene.passwords[jid], scene.xmpp_server.c2s_port)


def test_two_people_settle_it_in_their_terminals(
    scene: Scene, program: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    with Profanity(tmp_path / "agg", program) as agg, Profanity(tmp_path / "kim", program) as kim:
        logged_in(scene, agg, PROVIDER_JID)
        logged_in(scene, kim, OWNER_JID)
        agg.type(f"/sub request {HP}@{HUB}", then="Sent subscription request")
        kim.type(f"/cmd list {OPERATIONS}", then="withdraw")
        scene.wait_for("the request", lambda: "agg" in operator(scene, "request", "list"))
        kim.type(f"/cmd exec approve {OPERATIONS}", then="/form submit")
        assert re.search(rf"\d+: agg asks for read on {HP}", kim.shown)
        purpose = re.findall(r"\[(field\d)\] Purpose", kim.shown)[-1]
        kim.type(f"/{purpose} monitoring", then="Field updated")
        kim.type("/form submit", then=f"agg has read on {HP}")
        agg.wait_for(lambda shown: f"{HP}@{HUB} (IEC) is online" in shown, "the contact")
        agg.type(f"/cmd exec read {OPERATIONS}", then="/form submit")
        agg.type("/form submit", then="Form title: Value")
        agg.type("/win 1", then=" W  good  ")
        kim.type(f"/cmd exec withdraw {OPERATIONS}", then="/form submit")
        kim.type("/form submit", then=f"withdrawn: agg had read on {HP}")
        agg.wait_for(lambda shown: f"{HP}@{HUB} (IEC) is offline" in shown, "that the contact has gone")
        agg.type(f"/cmd exec heat-pumps {OPERATIONS}", then="No heat pumps.")
