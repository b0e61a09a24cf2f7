"""A schedule of a heat pump as it was read: its settings, its state, and what it does when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from iec61850_model.client import Plain
from iec61850_model.reference import Reference
from service_provider.reading import iso, jsonable


@dataclass(frozen=True, slots=True)
class Segment:
    """One entry and when it is in force; ``number`` counts from 1."""

    start: datetime
    end: datetime
    number: int
    value: Plain


@dataclass(frozen=True, slots=True)
class ShownSchedule:
    """One schedule (FSCH) of a heat pump.

    ``what``: the word for what it controls, else its reference ``controlled``. ``wins``: it is the one that
    drives it now. ``entry``: number of the entry in force, 0 for none. ``starts``: its start times in words.
    """

    heatpump: str
    what: str
    controlled: str
    schedule: Reference
    slot: int
    state: str
    error: str
    wins: bool
    priority: int
    entry: int
    interval: timedelta
    values: Sequence[Plain]
    unit: str
    starts: Sequence[str]
    active_start: datetime | None
    next_start: datetime | None
    reuse: bool

    @property
    def empty(self) -> bool:
        """It has no entries: nobody has set it."""
        return not self.values

    @property
    def begin(self) -> datetime | None:
        """Of the run that is now, or of the next one; None if neither is known."""
        return self.active_start or self.next_start

    def segments(self) -> Iterator[Segment]:
        """The entries of the run that is now, or of the next one."""
        begin = self.begin
        if begin is not None:
            for at, value in enumerate(self.values):
                start = begin + at * self.interval
                yield Segment(start, start + self.interval, at + 1, value)

    def as_dict(self) -> dict[str, Any]:
        """For JSON; times are ISO 8601 in UTC, the interval is in seconds."""
        return {
            "heatpump": self.heatpump,
            "object": self.what,
            "controlled": self.controlled,
            "schedule": str(self.schedule),
            "slot": self.slot,
            "state": self.state,
            "error": self.error,
            "wins": self.wins,
            "priority": self.priority,
            "reuse": self.reuse,
            "entry": self.entry or None,
            "active_start": None if self.active_start is None else iso(self.active_start),
            "next_start": None if self.next_start is None else iso(self.next_start),
            "starts": list(self.starts),
            "interval": self.interval.total_seconds(),
            "unit": self.unit,
            "values": [jsonable(value) for value in self.values],
        }
