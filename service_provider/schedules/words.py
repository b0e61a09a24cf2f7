"""Times of schedules as people say them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from iec61850_model.client import Plain
from iec61850_model.units import enumeration_text
from iec61850_model.values import Quality, Timestamp
from service_provider.schedules.node import DAY, NO_OCCURRENCE, TIME, WEEK, WEEK_DAY


def moment(value: Plain | None) -> datetime | None:
    """The time that a TCS tells; None while it has none."""
    if not isinstance(value, dict):
        return None
    time, quality = value.get("stVal"), value.get("q")
    good = not isinstance(quality, Quality) or quality == Quality(0)
    return time.datetime if good and isinstance(time, Timestamp) and not time.is_zero else None


def starts_in_words(values: Mapping[str, Plain], names: Sequence[str]) -> Iterator[str]:
    """Every start time that says something."""
    for name in names:
        value = values.get(name)
        if not isinstance(value, dict):
            continue
        time, calendar = value.get("setTm"), value.get("setCal")
        given = time if isinstance(time, Timestamp) and not time.is_zero else None
        words = _calendar_in_words(calendar) if isinstance(calendar, dict) else ""
        if given is not None and words:
            yield f"{words}, from {given.iso} on"
        elif given is not None:
            yield given.iso
        elif words:
            yield words


def _calendar_in_words(calendar: Mapping[str, Plain]) -> str:
    """A CalendarTime as people say it; empty for one that says nothing."""
    number = {name: value for name, value in calendar.items() if isinstance(value, int)}
    if number.get("occType", NO_OCCURRENCE) == NO_OCCURRENCE:
        return ""
    at = f"{number.get('hr', 0):02}:{number.get('mn', 0):02}"
    kind = (number["occType"], number.get("occPer"))
    if kind == (TIME, 0):
        return f"every hour at minute {number.get('mn', 0)}"
    if kind == (TIME, DAY):
        return f"daily at {at}"
    if kind == (WEEK_DAY, WEEK):
        return f"every {enumeration_text(('weekDay',), number.get('weekDay', 0))} at {at}"
    told = [f"{name} {value}" for name, value in number.items() if value and name not in ("hr", "mn")]
    return f"by calendar ({', '.join(told)}) at {at}"
