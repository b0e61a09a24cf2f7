"""Values and times as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time

from iec61850_model.client import UnusableValue
from iec61850_model.mms.pdu import Primitive, Structure, TypeDescription
from iec61850_model.reference import Reference
from iec61850_model.units import enumeration

_BOOLEANS = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}
_OF_DAY = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_FROM_NOW = re.compile(r"([+-]\d{1,6}(?:\.\d{1,3})?)(s|m|min|h|d)?", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, None: 1}


def value_from_text(text: str, described: TypeDescription, path: tuple[str, ...]) -> object:
    """The value a person means by ``text`` for an attribute of this type, called ``path``.

    Raises UnusableValue with what may be written.
    """
    if isinstance(described, Structure) and len(described.components) == 1:
        name, inside = described.components[0]
        return value_from_text(text, inside, (*path, name))
    if not isinstance(described, Primitive):
        raise UnusableValue("this is a structure: write its attributes one by one")
    word = text.strip()
    match described.tag:
        case "boolean":
            if word.lower() not in _BOOLEANS:
                raise UnusableValue(f"{word[:40]!r} is neither on nor off")
            return _BOOLEANS[word.lower()]
        case "integer" | "unsigned":
            return _whole(word, path)
        case "floating-point":
            return _number(word)
        case "utc-time" | "binary-time":
            return time_from_text(word, datetime.now(UTC))
        case "octet-string":
            try:
                return bytes.fromhex(word)
            except ValueError:
                raise UnusableValue(f"{word[:40]!r} is not hexadecimal") from None
    return text


def meant(value: object, described: TypeDescription | None, target: Reference) -> object:
    """A value for ``target`` of this type (None: unknown): a text is read as people write values.

    Raises UnusableValue.
    """
    if not isinstance(value, str) or described is None:
        return value
    try:
        return value_from_text(value, described, target.path)
    except UnusableValue as error:
        raise UnusableValue(f"{target.without_fc}: {error}") from None


def _whole(word: str, path: tuple[str, ...]) -> int:
    texts = enumeration(path) or {}
    for number, text in texts.items():
        if text.lower() == word.lower():
            return number
    try:
        return int(word)
    except ValueError:
        choices = f": use one of {', '.join(text for text in texts.values() if text)}" if texts else ""
        raise UnusableValue(f"{word[:40]!r} is not a whole number{choices}") from None


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise UnusableValue(f"{word[:40]!r} is not a number (with a decimal point)") from None


def time_from_text(text: str, now: datetime) -> datetime:
    """A time: ``+5s``, ``+10min``, ``-2h``, ``-1d`` from now, or ISO 8601 (local time if it names no zone).

    Raises UnusableValue, also for a local time that the clock passes twice or not at all.
    """
    from_now = _FROM_NOW.fullmatch(text)
    try:
        if from_now is not None:
            return now + timedelta(seconds=float(from_now[1]) * _SECONDS[from_now[2]])
        return _utc(datetime.fromisoformat(text))
    except UnusableValue:
        raise
    except (ValueError, OverflowError):
        raise UnusableValue(
            f"{text[:40]!r} is not a time: write +5s, +10min, -2h, -1d or 2026-11-23T04:45:00Z"
        ) from None


def coming_time_from_text(text: str, now: datetime) -> datetime:
    """As ``time_from_text``, and ``17:30`` is the next moment at which it is that in local time."""
    daily = _OF_DAY.fullmatch(text)
    return time_from_text(text, now) if daily is None else _next(int(daily[1]), int(daily[2]), now)


def _next(hour: int, minute: int, now: datetime) -> datetime:
    """The next moment at which it is this local time."""
    local = now.astimezone()
    for day in (local.date(), local.date() + timedelta(days=1)):
        at = _utc(datetime.combine(day, clock_time(hour, minute)))
        if at > now:
            return at
    raise UnusableValue(f"{hour:02d}:{minute:02d} does not come within a day")


def _utc(time: datetime) -> datetime:
    """UTC of a time; a local one has to be meant clearly."""
    if time.tzinfo is not None:
        return time.astimezone(UTC)
    first, second = time.replace(fold=0).astimezone(UTC), time.replace(fold=1).astimezone(UTC)
    if first != second:
        exists = first.astimezone().replace(tzinfo=None) == time
        happens = "comes twice" if exists else "does not exist"
        raise UnusableValue(
            f"{time:%Y-%m-%d %H:%M} {happens}, for the clocks are changed: name the zone, "
            f"e.g. {time:%Y-%m-%dT%H:%M}+01:00"
        )
    return first
