"""What outputs did, kept in one small file: neither a crash nor a reboot gives starts or pauses back.

Between two runs of the process the time that has passed is that of the kernel's monotonic clock, which goes
on; across a boot it is that of UTC, and none if that went back.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from device_agent.atomic_file import replace_text
from device_agent.guarded_relay import monotonic
from device_agent.limits import Ledger
from device_agent.schedule_file import boot_id

log = structlog.get_logger()

MAX_FILE = 1_048_576
"""Octets of the file; a box has a few kB."""


class LimitsFile:
    """The ledgers of all outputs, by reference, and the limit of power that was commanded."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ledgers: dict[str, Ledger] = {}
        self._boot = boot_id()
        self.power_limit: float | None = None
        """W; None: none was commanded."""
        self.kept = True
        """What happened is on the disk; False after a failure, until the next write that succeeds."""

    def restore(self, ledgers: Mapping[str, Ledger], now: float, utc: float) -> None:
        """Give each ledger what was kept of it. A file that cannot be read counts against all of them: then
        every start they have is used up."""
        self._ledgers = dict(ledgers)
        try:
            found = self._read()
            if found is None:
                return
            elapsed = self._elapsed(found, now, utc)
            outputs = found["outputs"]
            for reference, ledger in self._ledgers.items():
                if reference in outputs:
                    ledger.restore(outputs[reference], elapsed, now)
            limit = found.get("power_limit")
            self.power_limit = None if limit is None else _finite(limit)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            log.error(
                "limits could not be read, no output may leave its safe state for a while",
                file=str(self._path),
                reason=str(error),
            )
            for ledger in self._ledgers.values():
                ledger.exhaust(now)

    def save(self, now: float, utc: float) -> bool:
        """Put it on the disk; returns whether it is there."""
        content = {
            "boot": self._boot,
            "monotonic": now,
            "utc": utc,
            "power_limit": self.power_limit,
            "outputs": {reference: ledger.kept(now) for reference, ledger in self._ledgers.items()},
        }
        try:
            replace_text(self._path, json.dumps(content))
        except OSError as error:
            self.kept = False
            log.error("limits could not be written", file=str(self._path), reason=str(error))
        else:
            self.kept = True
        return self.kept

    def keep(self) -> bool:
        """``save`` as of now."""
        return self.save(monotonic(), time.time())

    def _read(self) -> dict[str, Any] | None:
        try:
            if self._path.stat().st_size > MAX_FILE:
                raise ValueError(f"more than {MAX_FILE} octets")
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        if not isinstance(found, dict) or not isinstance(found["outputs"], dict):
            raise ValueError("not what this program writes")
        return found

    def _elapsed(self, found: Mapping[str, Any], now: float, utc: float) -> float:
        same_boot = bool(self._boot) and found["boot"] == self._boot
        passed = now - float(found["monotonic"]) if same_boot else utc - float(found["utc"])
        if not math.isfinite(passed):
            raise ValueError("its time is none")
        return max(passed, 0.0)


def _finite(number: Any) -> float:
    if type(number) not in (int, float) or not math.isfinite(number):
        raise ValueError(f"{str(number)[:40]} is no number")
    return float(number)
