"""From a one-time code to a box that is read, and out again: hub, box and provider on a real Prosody."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from device_agent.enrolment.identity import Identity
from support.prosody import ProsodyInstall
from support.scene import (
    BOXES,
    HISTORY,
    HUB,
    PROGRAMS,
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


def hpbox(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [str(PROGRAMS / "hpbox"), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=90, check=False)


def new_code(scene: Scene, *arguments: str) -> str:
    return str(json.loads(scene.hphub(*arguments, "--json"))["code"])


def box_row(scene: Scene, heat_pump: str = HEAT_PUMP) -> dict[str, Any]:
    listed = json.loads(scene.hphub("box", "list", "--json"))
    return next(one for one in listed if one["id"] == heat_pump)


def wire(folder: Path) -> None:
    """What a person does after enrolling: say in box.yaml what there is."""
    path = folder / "box.yaml"
    values = yaml.safe_load(path.read_text())
    assert (values["drivers"], values["points"], values["outputs"]) == ({}, {}, {}), "nothing is switched yet"
    path.write_text(yaml.safe_dump(values | {"drivers": simulated(), "points": simulated_points()}))


def start(scene: Scene, folder: Path, name: str) -> Program:
    return scene.start(name, ["hpbox", "run", "--config", str(folder / "box.yaml")], {})


def wait_presence(scene: Scene, state: str) -> None:
    scene.wait_for(f"presence {state}", lambda: scene.presence_of(HEAT_PUMP) == state, timeout=60)


def audited(scene: Scene) -> list[str]:
    rows = json.loads(scene.hphub("audit", "--heatpump", HEAT_PUMP, "--json"))
    return [f"{row['service']} {row['detail']}" for row in rows]


def test_a_code_makes_a_box_that_is_read_and_shut_out_at_once(scene: Scene, tmp_path: Path) -> None:
    code = new_code(scene, "heatpump", "add", HEAT_PUMP, "--enrol")
    scene.hphub("grant", "add", "agg", HEAT_PUMP, "--right", "read")
    assert box_row(scene)["state"] == "code open"

    folder = tmp_path / "box"
    enrolled = hpbox("enrol", "-", "--dir", str(folder), stdin=f"{code[:40]}\n{code[40:].lower()}\n")
    assert enrolled.returncode == 0, enrolled.stderr
    assert BOX in enrolled.stdout
    identity = folder / "identity.pem"
    assert stat.S_IMODE(identity.stat().st_mode) == 0o600
    assert {one.name for one in folder.iterdir()} == {
        "box.yaml", "heatpump-box.icd", "identity.pem", "server-ca.pem",
    }  # fmt: skip
    written = yaml.safe_load((folder / "box.yaml").read_text())
    assert (written["jid"], written["hub"], written["collector"]) == (BOX, HUB, HISTORY)
    assert hpbox("check", "--config", str(folder / "box.yaml")).returncode == 0

    again = hpbox("enrol", code, "--dir", str(tmp_path / "thief"))
    assert again.returncode == 1 and "Ask the hub's operator" in again.stderr, "a code is for one box"
    assert not (tmp_path / "thief" / "identity.pem").exists()

    wire(folder)
    box = start(scene, folder, "enrolled-box")
    wait_presence(scene, "online")
    read = scene.command("hpclient", "read", HEAT_PUMP, POWER)
    assert read.returncode == 0 and "W" in read.stdout, read.stderr
    certificate = Identity.read(identity).certificate
    assert box_row(scene)["serial"] == f"{certificate.serial_number:X}"

    revoked = scene.hphub("box", "revoke", HEAT_PUMP, "--yes")
    assert "1 certificates revoked" in revoked and f"session on {BOXES} is closed" in revoked
    assert f"{certificate.serial_number:X}" in (scene.directory / "hub" / "revoked").read_text()
    refused = scene.command("hpclient", "read", HEAT_PUMP, POWER)
    assert refused.returncode == 4, f"nobody answers for it: {refused.stdout}{refused.stderr}"
    scene.wait_for("the end of its session", lambda: "link is down" in box.log, box)
    scene.wait_for("the refusal", lambda: "refuses the certificate" in box.log, box)
    wait_presence(scene, "offline")
    box.stop()

    fresh = new_code(scene, "heatpump", "enrol", HEAT_PUMP)
    back = hpbox("enrol", fresh, "--dir", str(folder))
    assert back.returncode == 0 and "left as it is" in back.stdout, back.stderr
    box = start(scene, folder, "enrolled-again")
    wait_presence(scene, "online")
    assert scene.command("hpclient", "read", HEAT_PUMP, POWER).returncode == 0
    box.stop()

    told = audited(scene)
    for event in ("box enrolled certificate", "box revoke 1 certificates revoked", "enrolment code code"):
        assert any(event in one for one in told), told
    scene.hphub("audit", "verify")
    everything = "".join(one.read_text(errors="replace") for one in scene.directory.glob("*.log"))
    assert code not in everything and fresh not in everything
