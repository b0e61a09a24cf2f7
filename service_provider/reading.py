"""What a read gives: value, unit, quality and time as one thing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from iec61850_model.client import Plain
from iec61850_model.reference import Reference
from iec61850_model.units import enumeration_text
from iec61850_model.values import EntryTime, FunctionalConstraint, Quality, Timestamp, Validity

NO_VALUE = "—"
"""What stands on a screen where a value is invalid: missing is not zero."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one heat pump.

    ``value`` is what the device sent, also when ``quality`` says it is invalid; ``unit`` is empty for plain
    numbers and states. ``quality`` and ``time`` are None where the object has none (settings, descriptions).
    """

    heatpump: str
    reference: Reference
    value: Plain
    unit: str
    quality: Quality | None
    time: datetime | None

    @property
    def fc(self) -> FunctionalConstraint:
        """The functional constraint it was read under."""
        assert self.reference.fc is not None
        return self.reference.fc

    @property
    def valid(self) -> bool:
        """The value may be used: its quality is not invalid."""
        return self.quality is None or self.quality.validity is not Validity.INVALID

    @property
    def text(self) -> str:
        """The value as a person reads it, with its unit; a dash if it is invalid."""
        if not self.valid:
            return NO_VALUE
        shown = plain_text(self.value, self.reference.path)
        return f"{shown} {self.unit}" if self.unit else shown

    def as_dict(self) -> dict[str, Any]:
        """For JSON: heatpump, reference, fc, value, unit, quality, time (ISO 8601, UTC)."""
        return {
            "heatpump": self.heatpump,
            "reference": self.reference.without_fc,
            "fc": self.fc.value,
            "value": jsonable(self.value),
            "unit": self.unit,
            "quality": None if self.quality is None else self.quality.text,
            "time": None if self.time is None else iso(self.time),
        }


def iso(time: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, e.g. ``2026-11-23T04:45:00.000Z``."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain_text(value: Plain, path: tuple[str, ...] = ()) -> str:
    """A value as a person reads it; ``path`` tells which enumeration it may be of."""
    match value:
        case bool():
            return "on" if value else "off"
        case Quality():
            return value.text
        case int():
            return enumeration_text(path, value) or str(value)
        case float():
            return f"{value:.7g}"
        case Timestamp():
            return NO_VALUE if value.is_zero else value.iso
        case EntryTime():
            return iso(Timestamp.from_unix(value.unix).datetime)
        case bytes():
            return value.hex()
        case dict():
            return ", ".join(f"{name} {plain_text(one, (*path, name))}" for name, one in value.items())
        case list():
            return "; ".join(plain_text(one, path) for one in value)
    return value


def jsonable(value: Plain) -> Any:
    """A value as JSON can hold it: bytes as hex, times as ISO 8601, not-a-number as null."""
    match value:
        case Quality():
            return value.text
        case float() if not math.isfinite(value):
            return None
        case Timestamp():
            return None if value.is_zero else value.iso
        case EntryTime() | bytes():
            return plain_text(value)
        case dict():
            return {name: jsonable(one) for name, one in value.items()}
        case list():
            return [jsonable(one) for one in value]
    return value
