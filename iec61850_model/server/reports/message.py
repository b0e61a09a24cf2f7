"""An entry as informationReports: optional fields, inclusion bit string, segments (8-2, 17.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from iec61850_model.mms import xer
from iec61850_model.mms.pdu import (
    AccessResult,
    Data,
    DataAccessError,
    InformationReport,
    ObjectName,
    Unconfirmed,
    VariableListName,
)
from iec61850_model.server.buffer import Member
from iec61850_model.server.reports.attributes import NO_ENTRY_TIME
from iec61850_model.values import EntryTime, OptFlds

RPT = VariableListName(ObjectName("RPT"))
"""What every report is named."""
TOO_LARGE = DataAccessError.OBJECT_ACCESS_UNSUPPORTED
"""Stands for the value of a member that alone is larger than a segment: the client reads it in parts."""
MAX_SUB_SQ_NUM = 65_535
"""SubSqNum is an INT16U."""


@dataclass(frozen=True, slots=True)
class Heading:
    """What a report says before its values. ``references`` are of all members of the data set, in order.

    ``time``: seconds since 1970 UTC. ``entry_id`` None: of an unbuffered block, which has no BufOvfl either.
    """

    rpt_id: str
    opt_flds: OptFlds
    sq_num: int
    time: float
    dat_set: str
    conf_rev: int
    references: Sequence[str]
    entry_id: bytes | None = None
    buf_ovfl: bool = False


def entry_time(time: float) -> EntryTime:
    """The time on the wire; zero for a clock that was never set."""
    try:
        return EntryTime.from_unix(time)
    except ValueError:
        return NO_ENTRY_TIME


def reports(heading: Heading, members: Sequence[Member], size: int) -> list[InformationReport]:
    """One report, or its segments if its PDU would have more than ``size`` octets.

    A member is never split. One that does not fit a segment even alone has ``TOO_LARGE`` for its value.
    """
    parts = [_Part.of(heading, member) for member in members]
    whole = _report(heading, parts, None)
    if _octets(whole) <= size:
        return [whole]
    overhead = _octets(_report(heading, [], (MAX_SUB_SQ_NUM, False)))
    segments: list[list[_Part]] = [[]]
    room = size - overhead
    for part in parts:
        octets = part.octets()
        fitting = part
        if octets > size - overhead:
            fitting = _Part(part.index, part.reference, TOO_LARGE, part.reason)
            octets = fitting.octets()
        if octets > room and segments[-1]:
            segments.append([])
            room = size - overhead
        segments[-1].append(fitting)
        room -= octets
    last = len(segments) - 1
    return [_report(heading, segment, (at, at < last)) for at, segment in enumerate(segments)]


@dataclass(frozen=True, slots=True)
class _Part:
    """What one member adds to a report."""

    index: int
    reference: tuple[Data, ...]
    value: AccessResult
    reason: tuple[Data, ...]

    @classmethod
    def of(cls, heading: Heading, member: Member) -> _Part:
        named = OptFlds.DATA_REF in heading.opt_flds
        reasoned = OptFlds.REASON in heading.opt_flds
        return cls(
            member.index,
            (Data("visible-string", heading.references[member.index]),) if named else (),
            member.value,
            (Data("bit-string", member.reason.reason_code),) if reasoned else (),
        )

    def octets(self) -> int:
        return _octets(InformationReport(RPT, (*self.reference, self.value, *self.reason))) - _EMPTY


def _octets(report: InformationReport) -> int:
    return len(xer.encode(Unconfirmed(report)).encode())


_EMPTY = _octets(InformationReport(RPT, ()))


def _report(heading: Heading, parts: Sequence[_Part], segment: tuple[int, bool] | None) -> InformationReport:
    has = heading.opt_flds
    # Only what is there: segmentation says that SubSqNum follows, whatever the control block has set.
    has = has & ~OptFlds.SEGMENTATION if segment is None else has | OptFlds.SEGMENTATION
    if heading.entry_id is None:
        has &= ~(OptFlds.BUF_OVFL | OptFlds.ENTRY_ID)
    fields = [Data("visible-string", heading.rpt_id), Data("bit-string", has.bits)]
    if OptFlds.SEQ_NUM in has:
        fields.append(Data("unsigned", heading.sq_num))
    if OptFlds.TIME_STAMP in has:
        fields.append(Data("binary-time", entry_time(heading.time)))
    if OptFlds.DATA_SET in has:
        fields.append(Data("visible-string", heading.dat_set))
    if OptFlds.BUF_OVFL in has:
        fields.append(Data("boolean", heading.buf_ovfl))
    if OptFlds.ENTRY_ID in has and heading.entry_id is not None:
        fields.append(Data("octet-string", heading.entry_id))
    if OptFlds.CONF_REV in has:
        fields.append(Data("unsigned", heading.conf_rev))
    if segment is not None:
        fields += [Data("unsigned", segment[0]), Data("boolean", segment[1])]
    included = {part.index for part in parts}
    bits = "".join("1" if index in included else "0" for index in range(len(heading.references)))
    fields.append(Data("bit-string", bits))
    references = [data for part in parts for data in part.reference]
    values = [part.value for part in parts]
    reasons = [data for part in parts for data in part.reason]
    return InformationReport(RPT, (*fields, *references, *values, *reasons))
