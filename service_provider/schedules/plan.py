"""A schedule as a service provider wants it, and how it is read from a file."""

from __future__ import annotations

import csv
import enum
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from iec61850_model.client import UnusableValue
from service_provider.schedules.local_time import to_local, to_utc

MAX_ENTRIES = 9_999
"""Entries of a schedule that can be named (7-1: instance numbers); a device has fewer, and says how many."""
MAX_FILE = 1_048_576
"""Characters of a file of entries."""


class Repeat(enum.StrEnum):
    """How often a schedule starts."""

    ONCE = "once"
    DAILY = "daily"
    WEEKLY = "weekly"


@dataclass(frozen=True, slots=True)
class SchedulePlan:
    """Values from ``start`` on, each for an ``interval`` of whole seconds.

    A text among the values is read as people write values. ``repeat``: by the calendar of the house, from
    ``start`` on, at the time of day that ``start`` shows. ``reuse``: ended, it waits for another start time.
    """

    start: datetime
    interval: timedelta
    values: Sequence[object]
    repeat: Repeat = Repeat.ONCE
    reuse: bool = False

    def __post_init__(self) -> None:
        """Raises UnusableValue."""
        if self.start.tzinfo is None:
            raise UnusableValue("give the start with its time zone, e.g. datetime(.., tzinfo=UTC)")
        if self.interval <= timedelta() or self.interval.microseconds:
            raise UnusableValue("the interval is a whole number of seconds, at least 1")
        if not 1 <= len(self.values) <= MAX_ENTRIES:
            raise UnusableValue(f"a schedule has 1 to {MAX_ENTRIES} values, not {len(self.values)}")

    @property
    def end(self) -> datetime:
        """When the last entry ends."""
        return self.start.astimezone(UTC) + len(self.values) * self.interval


def plan_from_csv(text: str, zone: tzinfo | None, repeat: Repeat = Repeat.ONCE) -> SchedulePlan:
    """A plan from lines ``time,value``, the first of which may be a heading.

    Times are ISO 8601, local where they name no zone: of an hour that comes twice, when summer time ends, the
    lines come twice. All steps must be equal. Raises UnusableValue that names the line.
    """
    if len(text) > MAX_FILE:
        raise UnusableValue(f"the file has more than {MAX_FILE} characters")
    rows = [(number, row) for number, row in enumerate(_rows(text), 1) if any(cell.strip() for cell in row)]
    if rows and _time(rows[0][1][0]) is None:
        del rows[0]
    times: list[datetime] = []
    values: list[object] = []
    for number, row in rows:
        if len(row) != 2 or not row[1].strip():
            raise UnusableValue(f"line {number}: write time,value, e.g. 2026-12-01T17:00,1")
        given = _time(row[0])
        if given is None:
            raise UnusableValue(f"line {number}: {row[0][:40]!r} is not a time such as 2026-12-01T17:00")
        times.append(_moment(number, given, times, zone))
        values.append(row[1].strip())
    if len(times) < 2:
        raise UnusableValue("at least two lines time,value are needed: their distance is the interval")
    interval = times[1] - times[0]
    for (number, _), before, after in zip(rows[1:], times, times[1:], strict=False):
        if after - before != interval:
            here = f"{to_local(before, zone):%Y-%m-%d %H:%M} to {to_local(after, zone):%Y-%m-%d %H:%M}"
            raise UnusableValue(f"line {number}: {here} is {after - before}, where steps are {interval}")
    return SchedulePlan(to_local(times[0], zone), interval, values, repeat)


def _rows(text: str) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(text)))
    except csv.Error as error:
        raise UnusableValue(f"this is no CSV: {error}") from None


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return None


def _moment(number: int, given: datetime, before: Sequence[datetime], zone: tzinfo | None) -> datetime:
    """The moment of a line's time; of a local time that comes twice the one that follows the line before."""
    try:
        moment = to_utc(given, zone)
        if before and moment <= before[-1]:
            moment = to_utc(given, zone, fold=1)
    except UnusableValue as error:
        raise UnusableValue(f"line {number}: {error}") from None
    if before and moment <= before[-1]:
        raise UnusableValue(f"line {number}: {given:%Y-%m-%d %H:%M} is not later than the line before")
    return moment
