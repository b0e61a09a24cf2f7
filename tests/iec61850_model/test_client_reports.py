"""Reports as a client reads them: fields in their order, segments put together, bad ones refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iec61850_model.client.errors import BadAnswer
from iec61850_model.client.reports import (
    MAX_AGE,
    MAX_OPEN,
    MAX_OPEN_OF_PEER,
    MAX_REPORT_OCTETS,
    MAX_SEGMENTS,
    Report,
    ReportedMember,
    Segments,
    decode_report,
    is_report,
)
from iec61850_model.mms.pdu import (
    AccessResult,
    Data,
    DataAccessError,
    InformationReport,
    ObjectName,
    Payload,
    Unconfirmed,
    VariableListName,
)
from iec61850_model.mms.xer import decode_payload, encode_payload, parse
from iec61850_model.reference import Reference
from iec61850_model.values import NO_OPT_FLDS, EntryTime, OptFlds, Timestamp, Trigger

PEER, OTHER = "hp0001@hub.example.org/IEC", "hp0002@hub.example.org/IEC"
EVERYTHING = OptFlds(0b111111111)
TIME = EntryTime.from_unix(1_800_000_000.25)
ENTRY = bytes(range(8))
POWER, TEMPERATURE = Data("floating-point", 1234.5), Data("floating-point", 21.5)


def text(value: str) -> Data:
    return Data("visible-string", value)


def bits(value: str) -> Data:
    return Data("bit-string", value)


def full() -> list[AccessResult]:
    """A report with every optional field, two of three members: 0 and 2."""
    return [
        text("MET/LLN0$RP$urcbMeas01"),
        bits(EVERYTHING.bits),
        Data("unsigned", 7),
        Data("binary-time", TIME),
        text("MET/LLN0$dsMeas"),
        Data("boolean", True),
        Data("octet-string", ENTRY),
        Data("unsigned", 3),
        Data("unsigned", 0),
        Data("boolean", False),
        bits("101"),
        text("MET/MMXU1$MX$TotW"),
        text("MET/FwdSTMP1$MX$Tmp"),
        POWER,
        TEMPERATURE,
        bits("0100000"),
        bits("0000010"),
    ]


def decoded(*results: AccessResult) -> Report:
    """What is made of these results, after they were XML."""
    payload = Payload(Unconfirmed(InformationReport(VariableListName(ObjectName("RPT")), results)), "1:2")
    came = decode_payload(parse(encode_payload(payload)), strict=True)
    assert is_report(came)
    assert isinstance(came.pdu, Unconfirmed)
    return decode_report(came.pdu.service)


# --- fields ----------------------------------------------------------------------------------------


def test_every_field_is_found_in_its_place() -> None:
    assert decoded(*full()) == Report(
        rpt_id="MET/LLN0$RP$urcbMeas01",
        opt_flds=EVERYTHING,
        seq_num=7,
        time=TIME,
        dat_set="MET/LLN0$dsMeas",
        buf_ovfl=True,
        entry_id=ENTRY,
        conf_rev=3,
        sub_seq_num=0,
        more_follows=False,
        data_set_size=3,
        members=(
            ReportedMember(0, Reference.parse("MET/MMXU1.TotW[MX]"), POWER, Trigger.DCHG),
            ReportedMember(2, Reference.parse("MET/FwdSTMP1.Tmp[MX]"), TEMPERATURE, Trigger.GI),
        ),
    )


def test_a_report_without_options_has_values_only() -> None:
    report = decoded(text("x"), bits(NO_OPT_FLDS.bits), bits("01"), POWER)
    assert report.members == (ReportedMember(1, None, POWER, None),)
    optional = (report.seq_num, report.time, report.dat_set, report.buf_ovfl, report.entry_id)
    assert optional == (None,) * 5
    assert (report.conf_rev, report.sub_seq_num, report.more_follows) == (None, None, False)


@pytest.mark.parametrize(
    ("field", "places"),
    [
        (OptFlds.SEQ_NUM, [2]),
        (OptFlds.TIME_STAMP, [3]),
        (OptFlds.DATA_SET, [4]),
        (OptFlds.BUF_OVFL, [5]),
        (OptFlds.ENTRY_ID, [6]),
        (OptFlds.CONF_REV, [7]),
        (OptFlds.SEGMENTATION, [8, 9]),
        (OptFlds.DATA_REF, [11, 12]),
        (OptFlds.REASON, [15, 16]),
    ],
)
def test_each_field_may_be_left_out_alone(field: OptFlds, places: list[int]) -> None:
    results = full()
    results[1] = bits((EVERYTHING & ~field).bits)
    whole, without = decoded(*full()), decoded(*_less(results, places))
    assert [one.value for one in without.members] == [POWER, TEMPERATURE]
    gone = {
        OptFlds.SEQ_NUM: replace(whole, seq_num=None),
        OptFlds.TIME_STAMP: replace(whole, time=None),
        OptFlds.DATA_SET: replace(whole, dat_set=None),
        OptFlds.BUF_OVFL: replace(whole, buf_ovfl=None),
        OptFlds.ENTRY_ID: replace(whole, entry_id=None),
        OptFlds.CONF_REV: replace(whole, conf_rev=None),
        OptFlds.SEGMENTATION: replace(whole, sub_seq_num=None),
        OptFlds.DATA_REF: replace(whole, members=tuple(replace(m, reference=None) for m in whole.members)),
        OptFlds.REASON: replace(whole, members=tuple(replace(m, reason=None) for m in whole.members)),
    }[field]
    assert without == replace(gone, opt_flds=EVERYTHING & ~field)


def test_older_devices_are_understood() -> None:
    results = full()
    results[2] = Data("integer", 7)
    results[3] = Data("utc-time", Timestamp.from_unix(1_800_000_000.25))
    results[15:] = [bits("010000"), bits("000001")]
    report = decoded(*results)
    assert (report.seq_num, report.time) == (7, TIME)
    assert [one.reason for one in report.members] == [Trigger.DCHG, Trigger.GI]


def test_a_member_may_be_an_error() -> None:
    results = full()
    results[13] = DataAccessError.OBJECT_ACCESS_UNSUPPORTED
    first, second = decoded(*results).members
    assert (first.value, second.value) == (DataAccessError.OBJECT_ACCESS_UNSUPPORTED, TEMPERATURE)
    assert Segments().add(PEER, replace(segment(0, 0), members=(first,)), 0.0) is None


@pytest.mark.parametrize("place", range(17))
def test_a_field_that_is_missing_is_noticed_wherever_it_is(place: int) -> None:
    with pytest.raises(BadAnswer):
        decoded(*_less(full(), [place]))


@pytest.mark.parametrize("place", range(17))
def test_a_field_too_many_is_noticed_wherever_it_is(place: int) -> None:
    results = full()
    results.insert(place, Data("array", ()))
    with pytest.raises(BadAnswer):
        decoded(*results)


@pytest.mark.parametrize(
    ("place", "wrong", "says"),
    [
        (0, bits("1"), "RptID"),
        (1, bits("0" * 9), "OptFlds"),
        (2, Data("integer", -1), "SqNum"),
        (6, Data("octet-string", b"short"), "EntryID"),
        (10, bits("111"), "3 members"),
        (11, text("nonsense!"), "nonsense!"),
        (15, DataAccessError.OBJECT_INVALIDATED, "object-invalidated"),
        (15, bits("01"), "reason code"),
    ],
)
def test_what_is_wrong_is_said(place: int, wrong: AccessResult, says: str) -> None:
    results = full()
    results[place] = wrong
    with pytest.raises(BadAnswer, match=says):
        decoded(*results)


def test_another_information_report_is_no_report() -> None:
    service = InformationReport(VariableListName(ObjectName("RPT", "MET")), tuple(full()))
    assert not is_report(Payload(Unconfirmed(service)))
    with pytest.raises(BadAnswer, match="RPT"):
        decode_report(service)


def _less(results: list[AccessResult], places: list[int]) -> list[AccessResult]:
    return [one for place, one in enumerate(results) if place not in places]


# --- segments --------------------------------------------------------------------------------------


def segment(number: int | None, *indexes: int, more: bool = True, rpt_id: str = "a", sq: int = 1) -> Report:
    members = tuple(ReportedMember(index, None, POWER, None) for index in indexes)
    return Report(rpt_id, OptFlds.SEGMENTATION, sq, TIME, None, None, ENTRY, 1, number, more, 9, members)


def test_segments_become_one_report() -> None:
    segments = Segments()
    assert segments.add(PEER, segment(0, 0, 1), 0.0) is None
    assert segments.add(PEER, segment(1, 2), 1.0) is None
    report = segments.add(PEER, segment(2, 5, 8, more=False), 2.0)
    assert report is not None
    assert [one.index for one in report.members] == [0, 1, 2, 5, 8]
    assert not report.more_follows
    assert len(segments) == 0


@pytest.mark.parametrize("number", [None, 0])
def test_a_report_in_one_piece_passes_at_once(number: int | None) -> None:
    whole = segment(number, 0, more=False)
    assert Segments().add(PEER, whole, 0.0) == whole


def test_reports_of_several_peers_and_blocks_do_not_mix() -> None:
    segments = Segments()
    for peer, rpt_id, index in ((PEER, "a", 0), (OTHER, "a", 1), (PEER, "b", 2)):
        assert segments.add(peer, segment(0, index, rpt_id=rpt_id), 0.0) is None
    for peer, rpt_id, index in ((PEER, "b", 2), (OTHER, "a", 1), (PEER, "a", 0)):
        report = segments.add(peer, segment(1, 8, more=False, rpt_id=rpt_id), 0.0)
        assert report is not None
        assert [one.index for one in report.members] == [index, 8]


@pytest.mark.parametrize(
    "second",
    [
        segment(2, 3),
        segment(1, 3, sq=2),
        segment(1, 0),
        replace(segment(1, 3), entry_id=bytes(8)),
        replace(segment(1, 3), conf_rev=2),
        replace(segment(1, 3), data_set_size=10),
    ],
)
def test_a_segment_that_does_not_follow_ends_the_report(second: Report) -> None:
    segments = Segments()
    segments.add(PEER, segment(0, 0), 0.0)
    with pytest.raises(BadAnswer):
        segments.add(PEER, second, 0.0)
    with pytest.raises(BadAnswer, match="without those before"):
        segments.add(PEER, segment(1, 3, more=False), 0.0)


def test_a_report_that_begins_anew_replaces_the_one_not_ended() -> None:
    segments = Segments()
    segments.add(PEER, segment(0, 0, sq=1), 0.0)
    segments.add(PEER, segment(0, 4, sq=2), 0.0)
    report = segments.add(PEER, segment(1, 5, more=False, sq=2), 0.0)
    assert report is not None
    assert [one.index for one in report.members] == [4, 5]


def test_the_rest_of_a_report_is_not_waited_for_without_end() -> None:
    segments = Segments()
    segments.add(PEER, segment(0, 0), 0.0)
    segments.add(OTHER, segment(0, 0), 1.0)
    with pytest.raises(BadAnswer):
        segments.add(PEER, segment(1, 1, more=False), MAX_AGE)
    assert segments.add(OTHER, segment(1, 1, more=False), MAX_AGE) is not None


def test_neither_segments_nor_octets_grow_without_end() -> None:
    segments = Segments()
    for number in range(MAX_SEGMENTS):
        segments.add(PEER, segment(number, number), 0.0)
    with pytest.raises(BadAnswer, match="larger"):
        segments.add(PEER, segment(MAX_SEGMENTS, MAX_SEGMENTS), 0.0)
    large = Data("structure", (Data("octet-string", bytes(MAX_REPORT_OCTETS)),))
    with pytest.raises(BadAnswer, match="larger"):
        segments.add(PEER, replace(segment(0), members=(ReportedMember(0, None, large, None),)), 0.0)
    assert len(segments) == 0


def test_one_peer_holds_a_few_open_and_all_together_many() -> None:
    segments = Segments()
    segments.add(OTHER, segment(0, 0), 0.0)
    for number in range(MAX_OPEN_OF_PEER + 5):
        segments.add(PEER, segment(0, 0, rpt_id=str(number)), 0.0)
    assert len(segments) == 1 + MAX_OPEN_OF_PEER
    assert segments.add(PEER, segment(1, 1, rpt_id="12", more=False), 0.0) is not None
    assert segments.add(OTHER, segment(1, 1, more=False), 0.0) is not None
    for number in range(MAX_OPEN + 5):
        segments.add(f"peer{number}", segment(0, 0), 0.0)
    assert len(segments) == MAX_OPEN


def test_with_the_association_goes_what_it_began() -> None:
    segments = Segments()
    segments.add(PEER, segment(0, 0), 0.0)
    segments.add(OTHER, segment(0, 0), 0.0)
    segments.forget(PEER)
    assert len(segments) == 1
    with pytest.raises(BadAnswer):
        segments.add(PEER, segment(1, 1, more=False), 0.0)
