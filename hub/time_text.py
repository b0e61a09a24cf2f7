"""Times as people type and read them."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

HOW = "2026-12-31, 2026-12-31T18:00, 2026-12-31T18:00Z, or 30d, 12h, 15m, 90s"
"""How a time may be written."""
_RELATIVE = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def parsed_time(text: str, direction: int, now: float | None = None) -> float:
    """A point in time, in seconds since 1970 UTC: ISO 8601, a date (its first moment), or an amount.

    A time without a zone is local; an amount such as ``30d`` counts from now on (``direction`` 1) or back
    (-1). Raises ValueError.
    """
    text = text.strip()
    if amount := _RELATIVE.fullmatch(text):
        return (time.time() if now is None else now) + direction * int(amount[1]) * _SECONDS[amount[2]]
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{text!r:.60} is not a time: write e.g. {HOW}") from None


def local_time(at: float | None) -> str:
    """For the screen: local time with its zone; empty for None."""
    return "" if at is None else datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def far_time(at: float | None) -> str:
    """For somebody whose zone nobody knows: UTC to the second; empty for None."""
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def utc_time(at: float | None) -> str | None:
    """For JSON: ISO 8601 in UTC to the millisecond."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
