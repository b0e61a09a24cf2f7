"""Reports as a provider sees them: which values, with unit, quality and time, and why they were sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from iec61850_model.client import BadAnswer, Client, Plain, to_plain
from iec61850_model.client.reports import Report, ReportedMember
from iec61850_model.mms.pdu import Data
from iec61850_model.reference import Reference
from iec61850_model.values import EntryTime, Timestamp, Trigger
from service_provider.reader import Peer, Reader
from service_provider.reading import Reading, iso
from service_provider.targets import Target, targets

_BESIDE = ("q", "t")
"""Attributes that belong to the value beside them (7-3)."""


@dataclass(frozen=True, slots=True)
class ReportEntry:
    """One value of a report; ``reason`` is None if the report does not tell.

    Where the data set has no time of its own for a value, the reading's time is the one that the data set has
    for all, if it has just one, else that of the report.
    """

    reading: Reading
    reason: Trigger | None

    @property
    def why(self) -> str:
        """The reason as the standard abbreviates it, e.g. ``dchg``; empty if unknown."""
        return "" if self.reason is None else reason_text(self.reason)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: what the reading has, and reason."""
        found = self.reading.as_dict()
        del found["heatpump"]
        return {**found, "reason": self.why or None}


@dataclass(frozen=True, slots=True)
class HeatPumpReport:
    """A report of a heat pump: one moment.

    ``block``: the report control block; ``data_set``: ``LD/LN.Name``. ``time``: when the entry was made.
    ``entry_id`` (buffered reports only): give it as ``after`` to go on from here another time.
    ``buf_ovfl``: the box's buffer has overflowed, so older reports are gone. ``missed``: reports between the
    one before and this one were lost on the way.
    """

    heatpump: str
    block: Reference
    data_set: str
    seq_num: int | None
    time: datetime | None
    entry_id: bytes | None
    buf_ovfl: bool
    missed: bool
    entries: tuple[ReportEntry, ...]

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The values alone."""
        return tuple(entry.reading for entry in self.entries)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: all of the above, ``values`` for the entries; entry_id in hex, times in ISO 8601."""
        return {
            "heatpump": self.heatpump,
            "block": self.block.without_fc,
            "dataset": self.data_set,
            "seq_num": self.seq_num,
            "time": None if self.time is None else iso(self.time),
            "entry_id": None if self.entry_id is None else self.entry_id.hex(),
            "buf_ovfl": self.buf_ovfl,
            "missed": self.missed,
            "values": [entry.as_dict() for entry in self.entries],
        }


def reason_text(reason: Trigger) -> str:
    """Triggers by the standard's abbreviations, joined by commas: ``dchg,qchg``."""
    return ",".join(one.name.lower() for one in Trigger if one in reason and one.name)


def entry_datetime(time: EntryTime) -> datetime:
    """An entry time as an aware UTC datetime."""
    return Timestamp.from_unix(time.unix).datetime


class Shaper:
    """Makes readings of the members of one data set.

    Members may be whole data objects or single attributes: value, quality and time of one data object are
    joined again, and what a report leaves out because it did not change is kept from the ones before. A time
    is never kept: changes of it alone are not reported, and a new value is not to have an old time.
    """

    def __init__(self, peer: Peer, members: Sequence[Reference], reader: Reader, trg_ops: Trigger) -> None:
        self._peer = peer
        self._members = tuple(members)
        self._reader = reader
        lost = ("t",) if Trigger.QCHG in trg_ops else _BESIDE
        times = [member for member in members if member.path[-1:] == ("t",)]
        self._time_of_all = times[0] if len(times) == 1 else None
        self._not_kept = [member for member in members if member.path[-1:] and member.path[-1] in lost]
        self._types: list[Target] = []
        self._shown: list[tuple[Target, ...]] = []
        self._known: dict[Reference, Plain] = {}

    @classmethod
    async def of(
        cls, client: Client, reader: Reader, peer: Peer, members: Sequence[Reference], trg_ops: Trigger
    ) -> Shaper:
        """Ask the heat pump for what its members are: definitions, units, pulse weights.

        ``trg_ops`` of the block tell whether a quality that did not come is still the one before.
        """
        shaper = cls(peer, members, reader, trg_ops)
        own: list[list[Target]] = []
        for member in members:
            definition = await client.definition(peer.address, member.ld, member.ln)
            described = definition.find(member.fc, member.path) if member.fc else None
            if described is None:
                raise BadAnswer(f"{peer.heatpump} has a data set with {member}, but no such object")
            shaper._types.append(Target(member, member, described, ()))
            own.append(targets(definition, member))
        shaper._shown = _with_their_values(own)
        await reader.prepare(peer, [target for some in shaper._shown for target in some])
        return shaper

    def entries(self, report: Report) -> tuple[ReportEntry, ...]:
        """The values a report tells of, in the order of the data set; raises BadAnswer if it does not fit."""
        if report.data_set_size != len(self._members):
            raise BadAnswer(
                f"{self._peer.heatpump} reports {report.data_set_size} members of a data set that has "
                f"{len(self._members)}"
            )
        return self.values(report.members, report.time)

    def values(self, members: Sequence[ReportedMember], time: EntryTime | None) -> tuple[ReportEntry, ...]:
        """The values of some of the members, of one moment; raises BadAnswer if a value does not fit."""
        for member in self._not_kept:
            self._known.pop(member, None)
        reasons: dict[Target, Trigger | None] = {}
        for reported in members:
            whole = self._types[reported.index]
            if not isinstance(reported.value, Data):
                self._known.pop(whole.shown, None)
                continue
            self._known[whole.shown] = to_plain(whole.described, reported.value, whole.shown.path[-1])
            for target in self._shown[reported.index]:
                before = reasons.get(target)
                reasons[target] = reported.reason if before is None else before | (reported.reason or before)
        moment = self._time(time)
        found = []
        for target, reason in reasons.items():
            value = self._joined(target)
            if _has(value, target.path):
                reading = self._reader.shaped(self._peer, target, value)
                found.append(ReportEntry(_timed(reading, moment), reason))
        return tuple(found)

    def _time(self, time: EntryTime | None) -> datetime | None:
        shared = self._known.get(self._time_of_all) if self._time_of_all is not None else None
        if isinstance(shared, Timestamp) and not shared.is_zero:
            return shared.datetime
        return None if time is None else entry_datetime(time)

    def _joined(self, target: Target) -> Plain:
        """The holder's value, out of the member it is part of or of those that are parts of it."""
        holder = target.holder
        for cut in range(len(holder.path), -1, -1):
            above = Reference(holder.ld, holder.ln, holder.path[:cut], holder.fc)
            if above in self._known:
                found: Plain = self._known[above]
                for name in holder.path[cut:]:
                    found = found[name] if isinstance(found, dict) else {}
                return found
        whole: dict[str, Plain] = {}
        for member in self._members:
            depth = len(holder.path)
            if (member.ld, member.ln, member.fc) != (holder.ld, holder.ln, holder.fc):
                continue
            if member.path[:depth] == holder.path and member in self._known:
                _put(whole, member.path[depth:], self._known[member])
        return whole


def _with_their_values(own: Sequence[list[Target]]) -> list[tuple[Target, ...]]:
    """For each member what it shows: a quality or time that is a member alone shows the values it is of."""
    values: dict[Reference, list[Target]] = {}
    for some in own:
        for target in some:
            if target.path[:1] and target.path[0] not in _BESIDE:
                values.setdefault(target.holder, []).append(target)
    return [
        tuple(
            shown
            for target in some
            for shown in (
                values.get(target.holder, [target]) if target.path in (("q",), ("t",)) else [target]
            )
        )
        for some in own
    ]


def _put(whole: dict[str, Plain], path: tuple[str, ...], value: Plain) -> None:
    for name in path[:-1]:
        inside = whole.setdefault(name, {})
        assert isinstance(inside, dict)
        whole = inside
    whole[path[-1]] = value


def _has(value: Plain, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name]
    return True


def _timed(reading: Reading, time: datetime | None) -> Reading:
    return reading if reading.time is not None else replace(reading, time=time)
