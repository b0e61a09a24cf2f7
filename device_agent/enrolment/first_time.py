"""The first time: the key, the hub's answer, and the files a box needs to run."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import yaml

from device_agent.enrolment.asking import Enrolled, enrol
from device_agent.enrolment.identity import write_private
from device_agent.enrolment.skeleton import AUTHORITIES_NAME, IDENTITY_NAME, skeleton
from iec61850_model.enrolment.code import EnrolmentCode
from iec61850_model.enrolment.keys import key_as_pem, key_from_pem, new_key

PENDING_NAME = "enrolment.key"
"""The key of an attempt whose answer has not come: the next attempt takes it again, for the hub may have used
up the code for it."""
CONFIG_NAME = "box.yaml"
MODEL_NAME = "heatpump-box.icd"
SHIPPED_MODEL = Path(__file__).resolve().parents[2] / "config" / MODEL_NAME


def become_box(code: EnrolmentCode, folder: Path, model: Path | None) -> tuple[Enrolled, list[str]]:
    """Enrol, and write what the box needs into its folder; returns what it is now and what is left to do.

    Raises EnrolmentFailed, ConnectionFailed, OSError, BadKey.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pem = pending_key(folder / PENDING_NAME)
    enrolled = asyncio.run(enrol(code, key_from_pem(pem)))
    notes = write_all(folder, enrolled, code, model or SHIPPED_MODEL)
    (folder / PENDING_NAME).unlink()
    return enrolled, notes


def pending_key(path: Path) -> bytes:
    if path.exists():
        return path.read_bytes()
    pem = key_as_pem(new_key())
    write_private(path, pem)
    return pem


def write_all(folder: Path, enrolled: Enrolled, code: EnrolmentCode, model: Path) -> list[str]:
    """Everything the box needs; returns what is left to do."""
    enrolled.identity.write(folder / IDENTITY_NAME)
    if enrolled.authorities:
        write_private(folder / AUTHORITIES_NAME, enrolled.authorities.encode("ascii"))
    config = folder / CONFIG_NAME
    if config.exists():
        return _compare(config, enrolled)
    if not (folder / MODEL_NAME).exists():
        shutil.copyfile(model, folder / MODEL_NAME)
    write_private(config, skeleton(enrolled, MODEL_NAME, code.host, code.port).encode())
    return [
        f"Say in {config} what is wired to it; config/box.yaml of the source explains how.",
        f"Then: hpbox run --config {config}",
    ]


def _compare(config: Path, enrolled: Enrolled) -> list[str]:
    wanted = {"jid": enrolled.jid, "hub": enrolled.hub, "identity_file": IDENTITY_NAME}
    if enrolled.authorities:
        wanted["ca_file"] = AUTHORITIES_NAME
    try:
        found = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        found = None
    has = found if isinstance(found, dict) else {}
    wrong = {key: value for key, value in wanted.items() if str(has.get(key)).removesuffix("/IEC") != value}
    if (unwanted := "password_file") in has:
        wrong[unwanted] = "(remove the line)"
    lines = [f"  {key}: {value}" for key, value in wrong.items()]
    return (
        [f"{config} was left as it is, but must say:", *lines] if lines else [f"{config} was left as it is."]
    )
