"""A schedule as a bar for each local day, hour by hour; days of 23 and 25 hours have as many hours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from rich.text import Text

from iec61850_model.client import Plain
from service_provider.schedules import Segment, ShownSchedule
from service_provider.schedules.local_time import midnight, to_local

CELL = timedelta(minutes=30)
"""Time of one character: a day fits in 48 to 50."""
MAX_DAYS = 14
"""Days that are drawn; a longer schedule says how much is left out."""
LABEL = 12
"""Characters before the bar: the date."""
NOTHING, OFF, ON, SEVERAL = " ", ".", "#", "~"
"""In a pipe: no entry, off, on, more than one value in this half an hour."""
LEVELS = "▁▂▃▄▅▆▇█"
_PLAIN_LEVELS = "12345678"
_OFF, _ON, _LEVEL, _SEVERAL = "dim", "bold green", "cyan", "yellow"


@dataclass(frozen=True, slots=True)
class _Cell:
    values: frozenset[Plain]
    now: bool


def bars(schedule: ShownSchedule, zone: tzinfo | None, now: datetime, *, plain: bool) -> Iterator[Text]:
    """Lines with the run that is now, or the next one: a line of hours, then one for each day.

    On a terminal the half hour that is now is underlined. ``plain``: characters alone tell everything.
    """
    segments = list(schedule.segments())
    if not segments:
        return
    scale = _Scale(schedule.values, plain)
    day = to_local(segments[0].start, zone).date()
    for number in range(MAX_DAYS):
        begin, end = midnight(day, zone), midnight(day + timedelta(days=1), zone)
        if begin >= segments[-1].end:
            return
        if number == 0:
            yield Text(" " * LABEL + _hours(begin, end, zone), "" if plain else "dim")
        line = Text(f"{day:%a %d %b}".ljust(LABEL))
        for cell in _cells(segments, begin, end, now):
            line.append(*scale.drawn(cell))
        yield line
        day += timedelta(days=1)
    yield Text(f"... until {to_local(segments[-1].end, zone):%Y-%m-%d %H:%M}")


def legend(schedule: ShownSchedule, *, plain: bool) -> str:
    """What the characters of the bar mean."""
    numbers = _numbers(schedule.values)
    if numbers is None:
        return f"{ON if plain else '█'} on, {OFF if plain else '░'} off, {SEVERAL if plain else '▒'} both"
    unit = f" {schedule.unit}" if schedule.unit else ""
    low, high = min(numbers), max(numbers)
    levels = _PLAIN_LEVELS if plain else LEVELS
    if low == high:
        return f"{levels[-1]} {low:g}{unit}"
    return f"{levels[0]} {low:g}{unit} to {levels[-1]} {high:g}{unit}"


class _Scale:
    """How a value looks."""

    def __init__(self, values: Sequence[Plain], plain: bool) -> None:
        numbers = _numbers(values) or [0.0]
        self._low, self._high = min(numbers), max(numbers)
        self._plain = plain

    def drawn(self, cell: _Cell) -> tuple[str, str]:
        """Character and style of one half hour."""
        character, style = self._character(cell.values)
        if self._plain:
            return character, ""
        return character, f"{style} underline" if cell.now else style

    def _character(self, values: frozenset[Plain]) -> tuple[str, str]:
        if not values:
            return NOTHING, ""
        if len(values) > 1:
            return (SEVERAL if self._plain else "▒"), _SEVERAL
        (value,) = values
        if isinstance(value, bool):
            shown = (ON if value else OFF) if self._plain else ("█" if value else "░")
            return shown, _ON if value else _OFF
        if not isinstance(value, int | float):
            return "?", ""
        levels = _PLAIN_LEVELS if self._plain else LEVELS
        span = self._high - self._low
        at = len(levels) - 1 if span == 0 else round((value - self._low) / span * (len(levels) - 1))
        return levels[at], _LEVEL


def _numbers(values: Sequence[Plain]) -> list[float] | None:
    """The values as numbers; None for those of relays."""
    found = [float(one) for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
    return found or None


def _cells(segments: Sequence[Segment], begin: datetime, end: datetime, now: datetime) -> Iterator[_Cell]:
    """The half hours of a day in UTC, so that each is there once."""
    time = begin.astimezone(UTC)
    while time < end:
        after = time + CELL
        inside = frozenset(one.value for one in segments if one.start < after and one.end > time)
        yield _Cell(inside, time <= now < after)
        time = after


def _hours(begin: datetime, end: datetime, zone: tzinfo | None) -> str:
    """00, 06, 12, 18 above the half hours in which they begin."""
    line = ""
    time = begin.astimezone(UTC)
    while time < end:
        local = to_local(time, zone)
        if local.minute == 0 and local.hour % 6 == 0:
            line = f"{line:<{int((time - begin.astimezone(UTC)) / CELL)}}{local:%H}"
        time += CELL
    return line
