"""The first time: from a one-time code to the files with which a provider logs in."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

import yaml

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


@dataclass(frozen=True, slots=True)
class Provider:
    """Who this machine is now: what its configuration says, and what is left to do by hand.

    ``until``: seconds since 1970 UTC at which the certificate ends.
    """

    lines: dict[str, str | int]
    notes: list[str]
    until: float


def become_provider(code: EnrolmentCode, config: Path) -> Provider:
    """Enrol, and write the files beside ``config``, which becomes the configuration of ``hpclient``; one that
    is there is left as it is.

    Raises EnrolmentFailed, ConnectionFailed, OSError, BadKey.
    """
    folder = config.absolute().parent
    folder.mkdir(parents=True, exist_ok=True)
    pending = folder / PENDING_NAME
    enrolled = asyncio.run(enrol(code, pending_key(pending), provider=True))
    enrolled.write(folder)
    lines = _lines(folder, enrolled, code)
    notes: list[str] = []
    if config.exists():
        notes = _compare(config, lines)
    else:
        head = "# Written by `hpclient enrol`; `hpclient --help` says what else can stand here.\n"
        text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in lines.items())
        write_private(config, (head + text).encode())
    pending.unlink()
    return Provider(lines, notes, enrolled.identity.ends)


def _lines(folder: Path, enrolled: Enrolled, code: EnrolmentCode) -> dict[str, str | int]:
    lines: dict[str, str | int] = {
        "jid": enrolled.jid,
        "identity_file": str(folder / IDENTITY_NAME),
        "hub": enrolled.hub,
    }
    if enrolled.authorities:
        lines["ca_file"] = str(folder / AUTHORITIES_NAME)
    if code.host:
        lines |= {"host": code.host, "port": code.port}
    return lines


def _compare(config: Path, wanted: dict[str, str | int]) -> list[str]:
    try:
        found = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError):
        found = None
    wrong = wrong_lines(
        found, {key: str(value) for key, value in wanted.items()}, ("password", "password_file")
    )
    said = [f"{config} was left as it is, but must say:", *wrong]
    return said if wrong else [f"{config} was left as it is."]
