"""The first time: the key, the hub's answer, and the files a box needs to run."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import yaml

from device_agent.enrolment.skeleton import skeleton
from iec61850_model.enrolment.code import EnrolmentCode
from iec61850_model.enrolment.written import wrong_lines
from iec61850_model.xmpp.enrolling import Enrolled, enrol
from iec61850_model.xmpp.identity import (
    AUTHORITIES_NAME,
    IDENTITY_NAME,
    PENDING_NAME,
    pending_key,
    write_private,
)

CONFIG_NAME = "box.yaml"
MODEL_NAME = "heatpump-box.icd"
SHIPPED_MODEL = Path(__file__).resolve().parents[2] / "config" / MODEL_NAME


def become_box(code: EnrolmentCode, folder: Path, model: Path | None) -> tuple[Enrolled, list[str]]:
    """Enrol, and write what the box needs into its folder; returns what it is now and what is left to do.

    Raises EnrolmentFailed, ConnectionFailed, OSError, BadKey.
    """
    folder.mkdir(parents=True, exist_ok=True)
    enrolled = asyncio.run(enrol(code, pending_key(folder / PENDING_NAME)))
    notes = write_all(folder, enrolled, code, model or SHIPPED_MODEL)
    (folder / PENDING_NAME).unlink()
    return enrolled, notes


def write_all(folder: Path, enrolled: Enrolled, code: EnrolmentCode, model: Path) -> list[str]:
    """Everything the box needs; returns what is left to do."""
    enrolled.write(folder)
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
    lines = wrong_lines(found, wanted, ("password_file",))
    return (
        [f"{config} was left as it is, but must say:", *lines] if lines else [f"{config} was left as it is."]
    )
