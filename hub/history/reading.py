"""A report becomes a row: which member of the data set is which quantity, and what is believed of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from hub.history.quantities import BY_REFERENCE, QUANTITIES
from iec61850_model.client.reports import Report
from iec61850_model.mms.pdu import Data, DataValue
from iec61850_model.reference import Reference
from iec61850_model.values import Timestamp

MAX_AHEAD = 600.0
"""Seconds that a box's time may be ahead of ours: two intervals. Later ones are not believed, for one sample
of next year would hide every gap until then."""
_VALUE_PATHS = (("mag", "f"), ("mag", "i"), ("actVal",), ("stVal",))
_INVALID, _RESERVED, _QUESTIONABLE = "01", "10", "11"
"""The two validity bits of a quality (7-3, 6.2.1)."""
_MAX_WHOLE = (1 << 63) - 1

Cell: TypeAlias = float | int | None


@dataclass(frozen=True, slots=True)
class Layout:
    """A data set as the collector reads it: members by their index.

    ``values`` and ``qualities``: index to bit of the quantity; ``time``: index of the shared time stamp;
    ``size``: how many members there are.
    """

    values: dict[int, int]
    qualities: dict[int, int]
    time: int | None
    size: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One row: ``cells`` in the order of QUANTITIES; ``interval`` is the end of its 5 minutes."""

    interval: int
    invalid: int
    questionable: int
    cells: tuple[Cell, ...]

    @property
    def good(self) -> int:
        """Values that are there and neither invalid nor questionable."""
        there = sum(1 << bit for bit, cell in enumerate(self.cells) if cell is not None)
        return (there & ~self.invalid & ~self.questionable).bit_count()


def layout_of(members: Iterable[Reference]) -> Layout:
    """How a data set with these members is read; unknown members are left out of account."""
    values: dict[int, int] = {}
    qualities: dict[int, int] = {}
    time: int | None = None
    size = 0
    for index, member in enumerate(members):
        size = index + 1
        if member.path and member.path[-1] == "t":
            time = index if time is None else time
            continue
        found = _quantity(member)
        if found is None:
            continue
        bit, rest = found
        if rest == ("q",):
            qualities[index] = bit
        elif rest in _VALUE_PATHS:
            values[index] = bit
    return Layout(values, qualities, time, size)


def _quantity(member: Reference) -> tuple[int, tuple[str, ...]] | None:
    """The quantity a member belongs to, and what of its data object it is."""
    for depth in range(1, len(member.path) + 1):
        parent = f"{member.ld}/{member.ln}.{'.'.join(member.path[:depth])}"
        quantity = BY_REFERENCE.get(parent)
        if quantity is not None:
            rest = member.path[depth:]
            return quantity.bit, rest[1:] if rest[:1] == ("cVal",) else rest
    return None


def time_of(report: Report, layout: Layout) -> float | None:
    """When the averages ended, seconds since 1970 UTC: the shared time stamp, else the time of the entry."""
    for member in report.members:
        if member.index == layout.time and isinstance(member.value, Data):
            value = member.value.value
            if isinstance(value, Timestamp):
                return value.unix
    return None if report.time is None else report.time.unix


def interval_of(time: float, period: int) -> int:
    """The end of the interval of ``period`` seconds that ended at ``time`` or next to it."""
    return math.floor(time / period + 0.5) * period


def sample_of(report: Report, layout: Layout, interval: int) -> Sample:
    """The row of a report. An invalid value, or one that cannot be, is NULL and marked; one that comes
    without its quality is questionable: nobody has said that it is good.
    """
    cells: list[Cell] = [None] * len(QUANTITIES)
    invalid = questionable = judged = 0
    for member in report.members:
        # An error in place of a value is a number too, but no measurement.
        value = member.value.value if isinstance(member.value, Data) else None
        if (bit := layout.values.get(member.index)) is not None:
            cells[bit] = cell = _cell(bit, value)
            invalid |= (cell is None) << bit
        elif (bit := layout.qualities.get(member.index)) is not None:
            judged |= 1 << bit
            validity = value[:2] if isinstance(value, str) else _INVALID
            invalid |= (validity in (_INVALID, _RESERVED)) << bit
            questionable |= (validity == _QUESTIONABLE) << bit
    for bit in range(len(cells)):
        if invalid >> bit & 1:
            cells[bit] = None
        elif cells[bit] is not None and not judged >> bit & 1:
            questionable |= 1 << bit
    return Sample(interval, invalid, questionable & ~invalid, tuple(cells))


def _cell(bit: int, value: DataValue | None) -> Cell:
    if QUANTITIES[bit].whole:
        fits = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MAX_WHOLE
        return value if fits and isinstance(value, int) else None
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None
