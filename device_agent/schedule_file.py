"""Which schedules are enabled, and by whom: in one small file, on the disk before a request is answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from device_agent.atomic_file import replace_text
from iec61850_model.server.schedules import Kept, ScheduleState
from iec61850_model.values import OrCat

log = structlog.get_logger()

MAX_FILE = 65_536
"""Octets of the file; each of the 24 schedules of a box takes some 100."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""Another text each time the machine is switched on (Linux)."""


class ScheduleFile:
    """Keeps the enabled schedules of a box; the ``Keeper`` of its server.

    ``settings_kept``: whether the settings of the schedules are on the disk: without them nothing is kept.
    ``boot``: what tells this start of the machine from others; its clock runs on when the process restarts.
    """

    def __init__(self, path: Path, settings_kept: Callable[[], bool], boot: str) -> None:
        self.kept_last = True
        """What is enabled is on the disk; False after a failure, until the next write that succeeds."""
        self._path = path
        self._settings_kept = settings_kept
        self._boot = boot
        self._schedules: dict[str, Kept] = {}
        self._clock_known = False

    def read(self) -> None:
        """Take what the file has; one that cannot be used is logged, and leaves every schedule disabled."""
        try:
            if self._path.stat().st_size > MAX_FILE:
                raise ValueError(f"more than {MAX_FILE} octets")
            content = json.loads(self._path.read_text(encoding="utf-8"))
            self._clock_known = bool(self._boot) and content["clock_known_since_boot"] == self._boot
            self._schedules = {str(name): _kept(one) for name, one in content["schedules"].items()}
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            log.error(
                "enabled schedules could not be read, none is enabled",
                file=str(self._path),
                reason=f"{type(error).__name__}: {error}",
            )

    @property
    def clock_known(self) -> bool:
        """The clock was synchronized since the machine was switched on."""
        return self._clock_known

    def kept(self) -> Mapping[str, Kept]:
        """The enabled schedules, as kept last."""
        return self._schedules

    def keep(self, schedules: Mapping[str, Kept], *, clock_known: bool) -> bool:
        """Write the file anew; True when it is on the disk, and the settings too."""
        content = {
            "clock_known_since_boot": self._boot if clock_known else "",
            "schedules": {
                name: {"state": int(one.state), "or_cat": int(one.or_cat), "or_ident": one.or_ident.hex()}
                for name, one in schedules.items()
            },
        }
        try:
            replace_text(self._path, json.dumps(content, indent=1))
        except OSError as error:
            log.error("enabled schedules could not be written", file=str(self._path), reason=str(error))
            self.kept_last = False
            return False
        self._schedules, self._clock_known, self.kept_last = dict(schedules), clock_known, True
        return self._settings_kept()


def boot_id() -> str:
    """This start of the machine; empty if the system does not tell."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _kept(one: Mapping[str, Any]) -> Kept:
    return Kept(ScheduleState(one["state"]), OrCat(one["or_cat"]), bytes.fromhex(one["or_ident"]))
