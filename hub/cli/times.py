"""Times as an operator types and reads them: local on the screen, UTC in JSON."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import click

_RELATIVE = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class When(click.ParamType[float]):
    """A point in time, in seconds since 1970 UTC: ISO 8601, a date, or an amount such as ``30d``.

    ``direction`` is 1 if an amount counts from now on, -1 if it counts back.
    """

    name = "time"

    def __init__(self, direction: int) -> None:
        self._direction = direction

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read what was typed; a time without a zone is local, a date means its first moment."""
        text = str(value).strip()
        if amount := _RELATIVE.fullmatch(text):
            return time.time() + self._direction * int(amount[1]) * _SECONDS[amount[2]]
        try:
            return datetime.fromisoformat(text).timestamp()
        except (ValueError, OverflowError, OSError):
            self.fail(
                f"{text!r} is not a time: write e.g. 2026-12-31, 2026-12-31T18:00, 2026-12-31T18:00Z,"
                " or 30d, 12h, 15m, 90s",
                param,
                ctx,
            )


def local_time(at: float | None) -> str:
    """For the screen: local time with its zone; empty for None."""
    return "" if at is None else datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def utc_time(at: float | None) -> str | None:
    """For JSON: ISO 8601 in UTC to the millisecond."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
