"""From a one-time code to a box that is read by a provider, and out again: all of them on a real Prosody."""

from __future__ import annotations

import asyncio
import contextlib
import json
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest
import yaml
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

import device_agent.cli
import hub.cli
import service_provider.cli
from device_agent.settings import Settings
from hub.enrolment.authority import DAY, Authority
from hub.registry import Holder, Registry, add_certificate
from iec61850_model.enrolment.code import EnrolmentCode
from iec61850_model.enrolment.keys import new_key
from iec61850_model.mms.pdu import Data
from iec61850_model.reference import Reference
from iec61850_model.scl import read_model
from iec61850_model.xmpp import Connection, ConnectionFailed, ConnectionSettings, NotConnected, XmppError
from iec61850_model.xmpp.enrolling import EnrolmentFailed, enrol, guest_settings, renew
from iec61850_model.xmpp.guest import guest, only_believing
from iec61850_model.xmpp.identity import Identity
from iec61850_model.xmpp.questions import Questions
from support.ports import LOOPBACK
from support.prosody import ProsodyInstall
from support.scene import (
    AGGREGATOR,
    BOXES,
    ENROLMENT,
    GUESTS,
    HISTORY,
    HUB,
    PROVIDER_JID,
    Program,
    Scene,
    simulated,
    simulated_points,
)

HEAT_PUMP = "hp0042"
BOX = f"{HEAT_PUMP}@{BOXES}"
POWER = "MET/MMXU1.TotW"


@pytest.fixture(scope="module")
def scene(prosody_install: ProsodyInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("scene"), prosody_install, enrolment=True)
    try:
        made.start_server()
        made.start_hub()
        made.start_enrolment()
        made.hphub("provider", "add", "agg", "--jid", PROVIDER_JID)
        yield made
    finally:
        made.close()


def hpbox(*arguments: str, stdin: str = "") -> Result:
    """In this process: one more would take seconds to start."""
    return CliRunner().invoke(device_agent.cli.main, list(arguments), input=stdin)


def hphub(scene: Scene, *arguments: str) -> str:
    """So too; not where an event loop runs."""
    result = CliRunner().invoke(hub.cli.main, list(arguments), env=scene.hub_environment)
    assert result.exit_code == 0, result.output
    return result.stdout


def code_in(shown: str) -> str:
    return str(json.loads(shown)["code"])


def box_row(listed: str, heat_pump: str = HEAT_PUMP) -> dict[str, Any]:
    return next(one for one in json.loads(listed) if one["id"] == heat_pump)


def wire(folder: Path) -> None:
    """What a person does after enrolling: say in box.yaml what there is."""
    path = folder / "box.yaml"
    values = yaml.safe_load(path.read_text())
    assert (values["drivers"], values["points"], values["outputs"]) == ({}, {}, {}), "nothing is switched yet"
    wired = {"drivers": simulated(), "points": simulated_points()}
    path.write_text(yaml.safe_dump(values | wired))


def start(scene: Scene, folder: Path, name: str) -> Program:
    return scene.start(name, ["hpbox", "run", "--config", str(folder / "box.yaml")], {})


def wait_presence(scene: Scene, state: str) -> None:
    def reached() -> bool:
        listed = json.loads(hphub(scene, "heatpump", "list", "--json"))
        return any(one["id"] == HEAT_PUMP and one["presence"] == state for one in listed)

    scene.wait_for(f"presence {state}", reached, timeout=60)


def wait_logged(scene: Scene, program: Program, *events: str) -> None:
    for event in events:
        scene.wait_for(f"{event!r}", lambda: event in program.log, program, 60)  # noqa: B023  used at once


def audited(scene: Scene) -> list[str]:
    rows = json.loads(hphub(scene, "audit", "--heatpump", HEAT_PUMP, "--json"))
    return [f"{row['service']} {row['detail']}" for row in rows]


def test_a_code_makes_a_box_that_is_read_and_shut_out_at_once(scene: Scene, tmp_path: Path) -> None:
    code = code_in(hphub(scene, "heatpump", "add", HEAT_PUMP, "--enrol", "--json"))
    hphub(scene, "grant", "add", "agg", HEAT_PUMP, "--right", "read")
    assert box_row(hphub(scene, "box", "list", "--json"))["state"] == "code open"

    folder = tmp_path / "box"
    enrolled = hpbox("enrol", "-", "--dir", str(folder), stdin=f"{code[:40]}\n{code[40:].lower()}\n")
    assert enrolled.exit_code == 0, enrolled.output
    assert BOX in enrolled.output
    identity = folder / "identity.pem"
    assert stat.S_IMODE(identity.stat().st_mode) == 0o600
    assert {one.name for one in folder.iterdir()} == {
        "box.yaml", "heatpump-box.icd", "identity.pem", "server-ca.pem",
    }  # fmt: skip
    written = yaml.safe_load((folder / "box.yaml").read_text())
    assert (written["jid"], written["hub"], written["collector"]) == (BOX, HUB, HISTORY)
    assert hpbox("check", "--config", str(folder / "box.yaml")).exit_code == 0

    again = hpbox("enrol", code, "--dir", str(tmp_path / "thief"))
    assert again.exit_code == 1 and "Ask the hub's operator" in again.output, "a code is for one box"
    assert not (tmp_path / "thief" / "identity.pem").exists()

    wire(folder)
    box = start(scene, folder, "enrolled-box")
    wait_presence(scene, "online")
    read = scene.command("hpclient", "read", HEAT_PUMP, POWER)
    assert read.returncode == 0 and "W" in read.stdout, read.stderr
    certificate = Identity.read(identity).certificate
    assert box_row(hphub(scene, "box", "list", "--json"))["serial"] == f"{certificate.serial_number:X}"

    revoked = hphub(scene, "box", "revoke", HEAT_PUMP, "--yes")
    assert "1 certificates revoked" in revoked and f"session on {BOXES} is closed" in revoked
    assert f"{certificate.serial_number:X}" in (scene.directory / "hub" / "revoked").read_text()
    refused = scene.command("hpclient", "read", HEAT_PUMP, POWER)
    assert refused.returncode == 4, f"nobody answers for it: {refused.stdout}{refused.stderr}"
    scene.wait_for("the end of its session", lambda: "link is down" in box.log, box)
    scene.wait_for("the refusal", lambda: "refuses the certificate" in box.log, box)
    wait_presence(scene, "offline")
    box.stop()

    fresh = code_in(hphub(scene, "heatpump", "enrol", HEAT_PUMP, "--json"))
    back = hpbox("enrol", fresh, "--dir", str(folder))
    assert back.exit_code == 0 and "left as it is" in back.output, back.output
    box = start(scene, folder, "enrolled-again")
    wait_presence(scene, "online")
    assert scene.command("hpclient", "read", HEAT_PUMP, POWER).returncode == 0
    box.stop()

    told = audited(scene)
    for event in ("box enrolled certificate", "box revoke 1 certificates revoked", "enrolment code code"):
        assert any(event in one for one in told), told
    hphub(scene, "audit", "verify")
    everything = "".join(one.read_text(errors="replace") for one in scene.directory.glob("*.log"))
    assert code not in everything and fresh not in everything


def test_a_box_is_replaced_and_the_new_one_gets_its_settings(scene: Scene, tmp_path: Path) -> None:
    """The heating curve that was set in the first one is in the second, which never was told of it before."""
    operations = scene.start_operations()
    old, new = tmp_path / "old", tmp_path / "new"
    code = code_in(hphub(scene, "heatpump", "add", "hp0045", "--enrol", "--json"))
    hphub(scene, "grant", "add", "agg", "hp0045", "--right", "read")
    assert hpbox("enrol", code, "--dir", str(old)).exit_code == 0
    wire(old)
    curve = Reference.parse("HP/HcFCSD1.Crv.numPts[SP]")
    tree = read_model((old / "heatpump-box.icd").read_bytes()).tree
    tree.write(curve, Data("unsigned", 7))
    Settings(old / "settings.json").save(tree, [curve])
    first = start(scene, old, "old-box")
    wait_settings(scene, lambda known: [one["now"][0] for one in known["settings"]] == [7])

    told = hphub(scene, "heatpump", "replace", "hp0045", "--enrol", "--restore", "--yes", "--json")
    wait_logged(scene, first, "link is down", "refuses the certificate")
    assert scene.command("hpclient", "read", "hp0045", POWER).returncode == 4, "nobody stands for it yet"
    assert hpbox("enrol", code_in(told), "--dir", str(new)).exit_code == 0
    wire(new)
    second = start(scene, new, "new-box")
    wait_settings(scene, lambda known: known["restoring"] == "done")
    read = scene.command("hpclient", "read", "hp0045", "HP/HcFCSD1.Crv.numPts")
    assert read.stdout.split()[2:] == ["7"], read.stdout + read.stderr
    shown = json.loads(hphub(scene, "heatpump", "show", "hp0045", "--json"))
    assert (shown["box"], shown["presence"]) == (f"hp0045-2@{BOXES}", "online")
    assert [one["provider"] for one in shown["grants"]] == ["agg"]
    for program in (first, second, operations):
        program.stop()
    rows = json.loads(hphub(scene, "audit", "--heatpump", "hp0045", "--json"))
    assert {"heatpump replace", "settings restored"} <= {row["service"] for row in rows}


def test_a_provider_enrols_reads_renews_and_is_shut_out_at_once(scene: Scene, tmp_path: Path) -> None:
    """It reads hp0045, of the test before; the certificate it renews was given 25 days ago."""
    code = code_in(hphub(scene, "provider", "add", "watcher", "--enrol", "--json"))
    hphub(scene, "grant", "add", "watcher", "hp0045", "--right", "read")
    config, jid = tmp_path / "watcher" / "client.yaml", f"watcher@{AGGREGATOR}"

    def hpclient(*arguments: str, stdin: str = "") -> Result:
        given = ["--config", str(config), *arguments]
        return CliRunner().invoke(service_provider.cli.main, given, input=stdin)

    assert hpbox("enrol", code, "--dir", str(tmp_path / "no-box")).exit_code == 1, "it is no box's"
    enrolled = hpclient("enrol", "-", stdin=code.lower())
    assert enrolled.exit_code == 0, enrolled.output
    assert jid in enrolled.output and "Logged in" in enrolled.output
    assert {one.name: stat.S_IMODE(one.stat().st_mode) for one in config.parent.iterdir()} == dict.fromkeys(
        ("client.yaml", "identity.pem", "server-ca.pem"), 0o600
    )
    listed = hpclient("ls")
    assert listed.exit_code == 0 and "hp0045" in listed.output, listed.output
    assert hpclient("enrol", code).exit_code == 3, "a code is for one provider"

    identity = config.parent / "identity.pem"
    dated = asyncio.run(_dated(scene, Holder(provider="watcher"), jid, 25))
    dated.write(identity)
    assert hpclient("ls").exit_code == 0
    now = Identity.read(identity)
    assert now.ends > time.time() + 29 * DAY
    row = box_row(hphub(scene, "provider", "list", "--json"), "watcher")
    assert (row["state"], row["serial"]) == ("certificate", f"{now.certificate.serial_number:X}")

    watching = scene.start("watching", ["hpclient", "--config", str(config), "watch"], {})
    wait_logged(scene, watching, "hp0045")
    assert "is closed" in hphub(scene, "provider", "revoke", "watcher", "--yes")
    wait_logged(scene, watching, "unknown")  # for its link is closed
    refused = hpclient("ls")
    assert refused.exit_code == 4, refused.output
    watching.stop()
    audit = json.loads(hphub(scene, "audit", "--provider", "watcher", "--json"))
    assert {"provider enrolled", "provider certificate renewed", "provider revoke"} <= {
        one["service"] for one in audit
    }


def wait_settings(scene: Scene, reached: Callable[[dict[str, Any]], bool]) -> None:
    def look() -> bool:
        return reached(json.loads(hphub(scene, "heatpump", "settings", "hp0045", "--json")))

    scene.wait_for("the settings", look, timeout=60)


# --- what a box asks, and what others try ---------------------------------------------------------------


@pytest.fixture(scope="module")
def code(scene: Scene) -> EnrolmentCode:
    return EnrolmentCode.parse(code_in(scene.hphub("heatpump", "add", "hp0043", "--enrol", "--json")))


async def test_only_the_server_of_the_code_is_believed(code: EnrolmentCode) -> None:
    for wrong in (bytes(31) + b"x", b""):
        with pytest.raises((EnrolmentFailed, ConnectionFailed), match=r"fingerprint|does not prove to be"):
            await enrol(replace(code, fingerprint=wrong), new_key())


async def test_certificates_renew_over_the_boxs_own_link_and_as_guest(
    scene: Scene, code: EnrolmentCode, tmp_path: Path
) -> None:
    key = new_key()
    first, again = await enrol(code, key), await enrol(code, key)
    assert again.identity.certificate == first.identity.certificate, "the answer may have been lost"
    with pytest.raises(EnrolmentFailed, match="does not take it"):
        await enrol(code, new_key())

    file, jid = tmp_path / "identity.pem", first.jid
    first.identity.write(file)
    server = scene.prosody
    settings = ConnectionSettings(
        f"{jid}/IEC", host=LOOPBACK, port=server.c2s_port, ca_file=server.ca_file, identity_file=file
    )
    connection = Connection(settings)
    questions = Questions(connection.send)
    connection.stanza_handlers.append(questions.take)
    await connection.start()
    second = await renew(questions, HUB, first.identity, jid)
    await connection.stop()
    second.identity.write(file)
    await connection.start()
    assert connection.jid == f"{jid}/IEC"
    await connection.stop()

    visitor = guest_settings(HUB, LOOPBACK, server.c2s_port)
    async with guest(visitor, only_believing(server.ca_file.read_text())) as asking:
        third = await renew(asking, HUB, second.identity, jid)
        with pytest.raises(EnrolmentFailed, match="does not take it"):
            await renew(asking, HUB, replace(second.identity, key=new_key()), jid)
    serials = {one.identity.certificate.serial_number for one in (first, second, third)}
    assert len(serials) == 3
    assert (
        box_row(scene.hphub("box", "list", "--json"), "hp0043")["serial"]
        == f"{third.identity.certificate.serial_number:X}"
    )


async def test_a_guest_reaches_nothing_but_the_enrolment(scene: Scene) -> None:
    server = scene.prosody
    seen: list[Element] = []
    provider = Connection(
        ConnectionSettings(
            PROVIDER_JID, scene.passwords[PROVIDER_JID], LOOPBACK, server.c2s_port, server.ca_file
        )
    )
    provider.stanza_handlers.append(lambda element: bool(seen.append(element)))
    await provider.start()
    ping = '<ping xmlns="urn:xmpp:ping"/>'
    visitor = guest_settings(HUB, LOOPBACK, server.c2s_port)
    async with guest(visitor, only_believing(server.ca_file.read_text())) as asking:
        for address in (HUB, HISTORY, BOXES, GUESTS, f"ops.{HUB}", provider.jid, f"hp0042@{HUB}/IEC"):
            with pytest.raises(XmppError, match="service-unavailable"):
                await asking.ask(address, "get", ping, 20.0)
        with pytest.raises(XmppError, match=r"service-unavailable|bad-request"):
            await asking.ask(ENROLMENT, "get", ping, 20.0)
        for _ in range(3):  # that makes more than ten
            with contextlib.suppress(XmppError):
                await asking.ask(HUB, "get", ping, 20.0)
        with pytest.raises(NotConnected):
            await asking.ask(ENROLMENT, "get", ping, 20.0)
    provider_questions = Questions(provider.send)
    provider.stanza_handlers.insert(0, provider_questions.take)
    with pytest.raises(XmppError, match="bad-request"):  # who has an account there may renew
        await provider_questions.ask(ENROLMENT, "get", ping, 20.0)
    await provider.stop()
    assert not [one for one in seen if GUESTS in one.get("from", "")], "nothing of a guest's reached anybody"


async def test_a_running_box_renews_in_time_and_even_too_late(scene: Scene, tmp_path: Path) -> None:
    """Its certificate was given 25 and then 40 days ago: the hub's own record says so too."""
    code = EnrolmentCode.parse(code_in(scene.hphub("heatpump", "add", "hp0044", "--enrol", "--json")))
    folder = tmp_path / "box"
    enrolled = await asyncio.to_thread(hpbox, "enrol", code.text, "--dir", str(folder))
    assert enrolled.exit_code == 0, enrolled.output
    wire(folder)
    for days in (25, 40):
        dated = await _dated(scene, Holder("hp0044"), f"hp0044@{BOXES}", days)
        dated.write(folder / "identity.pem")
        box = start(scene, folder, f"box-{days}")
        await asyncio.to_thread(wait_logged, scene, box, "certificate renewed", "link is up")
        now = Identity.read(folder / "identity.pem")
        assert now.certificate.serial_number != dated.certificate.serial_number
        assert now.ends > time.time() + 29 * DAY
        box.stop()


async def _dated(scene: Scene, holder: Holder, jid: str, days: float) -> Identity:
    """The identity of somebody who got it so many days ago."""
    ca = scene.directory / "hub" / "ca"
    authority = Authority.load((ca / "ca.key").read_bytes(), (ca / "ca.crt").read_bytes(), None, time.time())
    key, at, serial = new_key(), time.time() - days * DAY, x509.random_serial_number()
    certificate = authority.issue(key.public_key(), jid, serial, at, 30)
    ends = certificate.not_valid_after_utc.timestamp()
    registry = await Registry.open(f"sqlite+aiosqlite:///{scene.directory}/hub/registry.db")
    der = certificate.public_bytes(Encoding.DER)
    await registry.run(add_certificate, holder, serial, der, now=at, ends=ends)
    await registry.close()
    return Identity(key, certificate)
