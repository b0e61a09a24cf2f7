"""What a schedule is to do: its settings, read from the model and checked (7-4, FSCH; Annex K)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import tzinfo

from iec61850_model.reference import Reference
from iec61850_model.server.schedules.calendar import CalendarTime, Occurrence, Period
from iec61850_model.server.schedules.states import KINDS, EnablingError, Kind
from iec61850_model.tree import Branch, NoSuchNode, Tree
from iec61850_model.types import Value
from iec61850_model.values import FunctionalConstraint, Timestamp

FC = FunctionalConstraint

_UNITS = {4: 1.0, 85: 60.0, 84: 3600.0}
"""Seconds in the units that an interval may have: s, min, h (7-3, SIUnitKind)."""
_SECONDS = 4


class NotValid(Exception):
    """Settings that cannot be carried out; ``error`` says which."""

    def __init__(self, error: EnablingError) -> None:
        super().__init__(error.name)
        self.error = error


@dataclass(frozen=True, slots=True)
class Start:
    """One StrTm: once at ``time``; with a calendar at its times that are not before ``time``."""

    time: float | None
    calendar: CalendarTime

    def after(self, now: float, zone: tzinfo) -> float | None:
        """The first start later than ``now``."""
        if not self.calendar.given:
            return self.time if self.time is not None and self.time > now else None
        # A whole second before: one at ``time`` itself counts.
        begin = now if self.time is None else max(now, math.nextafter(self.time, 0.0))
        return self.calendar.after(begin, zone)

    def until(self, now: float, back: float, zone: tzinfo) -> float | None:
        """The last start not later than ``now``, if it is less than ``back`` seconds before it."""
        if self.calendar.given:
            found = self.calendar.until(now, back, zone)
            return None if found is None or found < (self.time or 0.0) else found
        return self.time if self.time is not None and now - back < self.time <= now else None


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of an enabled schedule. ``interval``: seconds of one entry."""

    values: tuple[Value, ...]
    interval: float
    starts: tuple[Start, ...]
    priority: int
    reuse: bool
    zone: tzinfo

    @property
    def length(self) -> float:
        """Seconds of one run."""
        return len(self.values) * self.interval

    def run_at(self, now: float) -> float | None:
        """The start of the run that ``now`` lies in; None: none.

        It is the latest start time whose run is not over. So a late start does not shift the entries, and
        a start time that comes while the schedule runs starts it anew.
        """
        runs = (start.until(now, self.length, self.zone) for start in self.starts)
        return max((run for run in runs if run is not None), default=None)

    def next_start(self, now: float) -> float | None:
        """The first start later than ``now``; None: there is none."""
        starts = (start.after(now, self.zone) for start in self.starts)
        return min((start for start in starts if start is not None), default=None)

    def entry_at(self, start: float, now: float) -> int:
        """The entry, counted from 0, in force at ``now`` in a run that began at ``start``."""
        return min(int((now - start) / self.interval), len(self.values) - 1)

    def entry_end(self, start: float, entry: int) -> float:
        """When an entry ends, seconds since 1970 UTC."""
        return start + (entry + 1) * self.interval


def kind_of(tree: Tree, node: Reference) -> Kind:
    """The kind of value of an FSCH or FSCC; raises ValueError if it has none or several."""
    found = [kind for name, kind in KINDS.items() if tree.cdc(node.child(name)) is not None]
    if len(found) != 1:
        raise ValueError(f"{node} is to have exactly one of {', '.join(KINDS)}")
    return found[0]


def read_plan(tree: Tree, node: Reference, controlled: Reference | None, zone: tzinfo) -> Plan:
    """The settings of the FSCH ``node`` as they are, for the data object it controls.

    Raises NotValid with the first reason, in the order of ScheduleEnablingErrorKind.
    """
    kind = kind_of(tree, node)
    entries = _numbered(tree, node, kind.entry)
    number = _whole(tree, node.child("NumEntr"))
    if not 0 < number <= len(entries):
        raise NotValid(EnablingError.NUMBER)
    interval = _interval(tree, node.child("SchdIntv"))
    values = tuple(tree.value_leaf(entry).value for entry in entries[:number])
    if controlled is not None:
        within = _limits(tree, controlled)
        if tree.cdc(controlled) != kind.controlled:
            raise NotValid(EnablingError.KIND)
        if not all(within(value) for value in values):
            raise NotValid(EnablingError.VALUES)
    starts = tuple(_starts(tree, node))
    if not starts:
        raise NotValid(EnablingError.START_TIME)
    priority = _whole(tree, node.child("SchdPrio"))
    return Plan(values, interval, starts, priority, bool(_setting(tree, node.child("SchdReuse"))), zone)


def _numbered(tree: Tree, node: Reference, name: str) -> list[Reference]:
    """The data objects of a node that are ``name`` and a number, in the order of their numbers."""
    found = tree.logical_node(node.ld, node.ln)
    numbers: dict[int, Reference] = {}
    for path in found.cdcs if found else ():
        match = re.fullmatch(rf"{name}(\d{{1,4}})", path[0], re.ASCII) if len(path) == 1 else None
        if match:
            numbers[int(match[1])] = node.child(path[0])
    return [numbers[number] for number in sorted(numbers)]


def _setting(tree: Tree, reference: Reference) -> Value | None:
    """The value of a setting; None if the model does not have it."""
    try:
        return tree.value_leaf(reference).value
    except NoSuchNode:
        return None


def _whole(tree: Tree, reference: Reference) -> int:
    value = _setting(tree, reference)
    return value if isinstance(value, int) else 0


def _interval(tree: Tree, reference: Reference) -> float:
    """SchdIntv in seconds: of its unit, s if it names none."""
    config = tree.find(reference.with_fc(FC.CF))
    unit, multiplier = _SECONDS, 0
    if isinstance(config, Branch):
        unit = _number(config, ("units", "SIUnit"), _SECONDS)
        multiplier = _number(config, ("units", "multiplier"), 0)
    number = _whole(tree, reference)
    if number <= 0 or unit not in _UNITS:
        raise NotValid(EnablingError.INTERVAL)
    return number * _UNITS[unit] * 10.0**multiplier


def _number(branch: Branch, path: tuple[str, ...], default: int) -> int:
    leaf = branch.leaf(*path)
    return leaf.value if leaf and isinstance(leaf.value, int) else default


def _limits(tree: Tree, controlled: Reference) -> Callable[[Value], bool]:
    """What the controlled data object takes: minVal to maxVal, everything if it names no limits."""
    config = tree.find(controlled.with_fc(FC.CF))
    bounds: list[float | None] = []
    for name in ("minVal", "maxVal"):
        leaf = (config.leaf(name) or config.leaf(name, "f")) if isinstance(config, Branch) else None
        bounds.append(leaf.value if leaf and isinstance(leaf.value, int | float) else None)
    low, high = bounds

    def within(value: Value) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return True
        return (low is None or value >= low) and (high is None or value <= high)

    return within


def _starts(tree: Tree, node: Reference) -> Iterator[Start]:
    """Every StrTm that says something; raises NotValid if one cannot be."""
    for reference in _numbered(tree, node, "StrTm"):
        branch = tree.find(reference.with_fc(FC.SP))
        assert isinstance(branch, Branch)
        once = branch.leaf("setTm")
        time = once.value.unix if once and isinstance(once.value, Timestamp) else 0.0
        calendar = _calendar(branch)
        if calendar.given and not calendar.valid:
            raise NotValid(EnablingError.START_TIME)
        if calendar.given or time:
            yield Start(time or None, calendar)


def _calendar(branch: Branch) -> CalendarTime:
    if not isinstance(branch.children.get("setCal"), Branch):
        return CalendarTime(Occurrence.NONE, Period.DAY)
    parts = {
        name: _number(branch, ("setCal", name), 0)
        for name in ("occ", "occType", "occPer", "weekDay", "month", "day", "hr", "mn")
    }
    return CalendarTime(
        Occurrence(parts["occType"]),
        Period(parts["occPer"]),
        parts["occ"],
        parts["weekDay"],
        parts["month"],
        parts["day"],
        parts["hr"],
        parts["mn"],
    )
