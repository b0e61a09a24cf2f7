"""Values and times as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from iec61850_model.client import UnusableValue
from iec61850_model.mms.pdu import Primitive, Structure, TypeDescription
from iec61850_model.units import enumeration

_BOOLEANS = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}
_AFTER = re.compile(r"\+(\d{1,6}(?:\.\d{1,3})?)(s|m|min|h)?", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, None: 1}


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
    """A time: ``+5s``, ``+10min``, ``+2h`` from now, or ISO 8601 (local time if it names no zone).

    Raises UnusableValue.
    """
    after = _AFTER.fullmatch(text)
    if after is not None:
        return now + timedelta(seconds=float(after[1]) * _SECONDS[after[2]])
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UnusableValue(
            f"{text[:40]!r} is not a time: write +5s, +10min, +2h or 2026-11-23T04:45:00Z"
        ) from None
    return time.astimezone(UTC)
