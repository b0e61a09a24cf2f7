"""Reports as they arrive: an informationReport read into fields and members, segments put together (7-2
clause 17.2; 8-2, 17.1 and 17.2).

Knows no network and no clock: time is passed in.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import repeat

from iec61850_model.client.errors import BadAnswer
from iec61850_model.mms.pdu import (
    AccessResult,
    Data,
    DataValue,
    InformationReport,
    ObjectName,
    Payload,
    Tag,
    Unconfirmed,
    VariableListName,
)
from iec61850_model.reference import InvalidReference, Reference
from iec61850_model.values import EntryTime, OptFlds, Timestamp, Trigger

RPT = ObjectName("RPT")
"""The variable list name of every report, vmd-specific (8-2, 17.2)."""
ENTRY_ID_OCTETS = 8
"""Length of an EntryID (8-2, 17.1)."""
MAX_OPEN = 256
"""Reports of which segments are missing, all peers together; the oldest goes first. With
MAX_REPORT_OCTETS this bounds the memory."""
MAX_OPEN_OF_PEER = 8
"""The same for one peer, so that none can displace the others: as many as it may have requests under way."""
MAX_SEGMENTS = 64
"""Segments of one report: at the smallest PDU of 8,192 octets they hold more than MAX_REPORT_OCTETS."""
MAX_REPORT_OCTETS = 262_144
"""Octets of the values of one report put together: four PDUs of default size."""
MAX_AGE = 30.0
"""Seconds from the first segment to the last; a server sends them at once, a slow mobile link takes some."""

_TEXT: tuple[Tag, ...] = ("visible-string", "mMSString")
_WHOLE: tuple[Tag, ...] = ("unsigned", "integer")
"""Older devices do not agree on the signs of counters."""


@dataclass(slots=True, unsafe_hash=True)
class ReportedMember:
    """One member of the data set that a report carries; not to be changed (frozen, it takes twice the time).

    ``index``: its place in the data set, from 0. ``value`` is an error where the device could not give one,
    e.g. because it alone is larger than a PDU. ``reference`` and ``reason`` are None unless the OptFlds of
    the report have them.
    """

    index: int
    reference: Reference | None
    value: AccessResult
    reason: Trigger | None


@dataclass(frozen=True, slots=True)
class Report:
    """A report; optional fields are None if its OptFlds leave them out.

    ``rpt_id``: of the control block, or its reference. ``dat_set``: reference of the data set as on the wire,
    ``LD/LN$Name``. ``data_set_size``: members of the data set, of which ``members`` has those reported, in
    order.
    """

    rpt_id: str
    opt_flds: OptFlds
    seq_num: int | None
    time: EntryTime | None
    dat_set: str | None
    buf_ovfl: bool | None
    entry_id: bytes | None
    conf_rev: int | None
    sub_seq_num: int | None
    more_follows: bool
    data_set_size: int
    members: tuple[ReportedMember, ...]


def is_report(payload: Payload) -> bool:
    """The PDU is an informationReport named ``RPT``."""
    match payload.pdu:
        case Unconfirmed(InformationReport(VariableListName(name))):
            return name == RPT
    return False


def decode_report(service: InformationReport) -> Report:
    """A report, or one segment of it; raises BadAnswer if order, kinds or counts are not those of 8-2."""
    if service.variables != VariableListName(RPT):
        raise BadAnswer("an informationReport that is not named RPT is no report")
    fields = _Fields(service.results)
    rpt_id = fields.text("RptID")
    opt_flds = _opt_flds(fields.bits("OptFlds"))
    seq_num = fields.whole("SqNum") if OptFlds.SEQ_NUM in opt_flds else None
    time = fields.time("TimeOfEntry") if OptFlds.TIME_STAMP in opt_flds else None
    dat_set = fields.text("DatSet") if OptFlds.DATA_SET in opt_flds else None
    buf_ovfl = fields.boolean("BufOvfl") if OptFlds.BUF_OVFL in opt_flds else None
    entry_id = fields.entry_id("EntryID") if OptFlds.ENTRY_ID in opt_flds else None
    conf_rev = fields.whole("ConfRev") if OptFlds.CONF_REV in opt_flds else None
    sub_seq_num, more_follows = None, False
    if OptFlds.SEGMENTATION in opt_flds:
        sub_seq_num = fields.whole("SubSqNum")
        more_follows = fields.boolean("MoreSegmentsFollow")
    inclusion = fields.bits("the inclusion bit string")
    members = _members(fields, opt_flds, [place for place, bit in enumerate(inclusion) if bit == "1"])
    return Report(
        rpt_id,
        opt_flds,
        seq_num,
        time,
        dat_set,
        buf_ovfl,
        entry_id,
        conf_rev,
        sub_seq_num,
        more_follows,
        len(inclusion),
        members,
    )


def _members(fields: _Fields, opt_flds: OptFlds, places: list[int]) -> tuple[ReportedMember, ...]:
    with_references, with_reasons = OptFlds.DATA_REF in opt_flds, OptFlds.REASON in opt_flds
    wanted = len(places) * (1 + with_references + with_reasons)
    if fields.left != wanted:
        raise BadAnswer(
            f"a report of {len(places)} members has {fields.left} values after its inclusion bit string, "
            f"not {wanted}"
        )
    references = [_reference(fields.text("a data reference")) for _ in places if with_references]
    values = [fields.result("a value") for _ in places]
    reasons = [_reason(fields.bits("a reason code")) for _ in places if with_reasons]
    nothing = repeat(None)
    return tuple(
        map(
            ReportedMember,
            places,
            references if with_references else nothing,
            values,
            reasons if with_reasons else nothing,
        )
    )


class _Fields:
    """The results of a report, taken one after the other."""

    def __init__(self, results: tuple[AccessResult, ...]) -> None:
        self._results: Iterator[AccessResult] = iter(results)
        self.left = len(results)

    def result(self, what: str) -> AccessResult:
        result = next(self._results, None)
        if result is None:
            raise BadAnswer(f"a report ends before {what}")
        self.left -= 1
        return result

    def data(self, what: str) -> Data:
        result = self.result(what)
        if not isinstance(result, Data):
            raise BadAnswer(f"a report has the error {result.text} in place of {what}")
        return result

    def text(self, what: str) -> str:
        value = self._of(what, _TEXT)
        assert isinstance(value, str)
        return value

    def bits(self, what: str) -> str:
        value = self._of(what, ("bit-string",))
        assert isinstance(value, str)
        return value

    def boolean(self, what: str) -> bool:
        return self._of(what, ("boolean",)) is True

    def whole(self, what: str) -> int:
        value = self._of(what, _WHOLE)
        if not isinstance(value, int) or value < 0:
            raise BadAnswer(f"{what} of a report is below 0")
        return value

    def time(self, what: str) -> EntryTime:
        value = self._of(what, ("binary-time", "utc-time"))
        try:
            return EntryTime.from_unix(value.unix) if isinstance(value, Timestamp) else _entry_time(value)
        except ValueError as error:
            raise BadAnswer(f"{what} of a report: {error}") from None

    def entry_id(self, what: str) -> bytes:
        value = self._of(what, ("octet-string",))
        if not isinstance(value, bytes) or len(value) != ENTRY_ID_OCTETS:
            raise BadAnswer(f"{what} of a report does not have {ENTRY_ID_OCTETS} octets")
        return value

    def _of(self, what: str, tags: tuple[Tag, ...]) -> DataValue:
        data = self.data(what)
        if data.tag not in tags:
            raise BadAnswer(f"a report has a {data.tag} in place of {what}, a {tags[0]}")
        return data.value


def _entry_time(value: DataValue) -> EntryTime:
    assert isinstance(value, EntryTime)
    return value


def _opt_flds(bits: str) -> OptFlds:
    try:
        return OptFlds.from_bits(bits)
    except ValueError as error:
        raise BadAnswer(f"a report: {error}") from None


def _reason(bits: str) -> Trigger:
    try:
        return Trigger.from_reason_code(bits)
    except ValueError as error:
        raise BadAnswer(f"a report: {error}") from None


def _reference(text: str) -> Reference:
    try:
        if "$" not in text:
            return Reference.parse(text)
        domain, _, item = text.partition("/")
        return Reference.from_mms(domain, item)
    except InvalidReference as error:
        raise BadAnswer(f"a data reference of a report: {error}") from None


# --- segments --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Open:
    """A report of which segments are missing: the first one, and the members of all so far."""

    first: Report
    members: list[ReportedMember]
    segments: int
    octets: int
    since: float


class Segments:
    """Puts segmented reports together, per peer and RptID; bounded in number, octets and time."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[str, str], _Open] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, peer: str, report: Report, now: float) -> Report | None:
        """Take a report or a segment; the whole report once it is there, else None.

        ``now``: seconds of any clock that only goes forward. Raises BadAnswer if a segment does not continue
        the ones before it, or the report grows too large: what there is of it is dropped.
        """
        self._expire(now)
        key = (peer, report.rpt_id)
        begun = self._open.pop(key, None)
        if report.sub_seq_num is None and not report.more_follows:
            return report  # in one PDU, which is bounded
        if not report.sub_seq_num:
            begun = _Open(report, [], 0, 0, now)
        elif begun is None:
            raise BadAnswer(
                f"segment {report.sub_seq_num} of report {report.rpt_id[:80]} came without those before it"
            )
        _join(begun, report)
        if not report.more_follows:
            return replace(
                begun.first, sub_seq_num=report.sub_seq_num, more_follows=False, members=tuple(begun.members)
            )
        self._open[key] = begun
        self._make_room(peer)
        return None

    def forget(self, peer: str) -> None:
        """The association with the peer is over: what it began it will not end."""
        for key in [key for key in self._open if key[0] == peer]:
            del self._open[key]

    def _expire(self, now: float) -> None:
        for key in [key for key, one in self._open.items() if now - one.since >= MAX_AGE]:
            del self._open[key]

    def _make_room(self, peer: str) -> None:
        of_peer = [key for key in self._open if key[0] == peer]
        for key in of_peer[:-MAX_OPEN_OF_PEER]:
            del self._open[key]
        while len(self._open) > MAX_OPEN:
            self._open.popitem(last=False)


def _join(begun: _Open, segment: Report) -> None:
    first = begun.first
    if (segment.sub_seq_num or 0) != begun.segments or _identity(segment) != _identity(first):
        raise BadAnswer(
            f"segment {segment.sub_seq_num} of report {first.rpt_id[:80]} does not follow the one before it"
        )
    if begun.members and segment.members and segment.members[0].index <= begun.members[-1].index:
        raise BadAnswer(f"segments of report {first.rpt_id[:80]} repeat a member")
    begun.segments += 1
    begun.octets += sum(_octets(member.value) for member in segment.members)
    if begun.segments > MAX_SEGMENTS or begun.octets > MAX_REPORT_OCTETS:
        raise BadAnswer(
            f"report {first.rpt_id[:80]} is larger than {MAX_SEGMENTS} segments or {MAX_REPORT_OCTETS} octets"
        )
    begun.members += segment.members


def _identity(report: Report) -> tuple[object, ...]:
    """What all segments of one report have in common."""
    return (
        report.opt_flds,
        report.seq_num,
        report.dat_set,
        report.entry_id,
        report.conf_rev,
        report.data_set_size,
    )


_FIXED_OCTETS = 8
"""Octets counted for a number, a truth value, a time or an error."""


def _octets(data: AccessResult) -> int:
    if not isinstance(data, Data):
        return _FIXED_OCTETS
    value = data.value
    if isinstance(value, EntryTime | Timestamp):
        return _FIXED_OCTETS
    if isinstance(value, tuple):
        return _FIXED_OCTETS + sum(_octets(one) for one in value if isinstance(one, Data))
    return len(value) if isinstance(value, str | bytes) else _FIXED_OCTETS
