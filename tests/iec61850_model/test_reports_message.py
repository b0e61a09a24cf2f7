"""How an entry looks on the wire: optional fields, sequence numbers, segments (8-2, 17.2)."""

from __future__ import annotations

import pytest
from report_scene import ALL_FLDS, DESK, NOON, TEXTS, Scene, block, told

from iec61850_model.client.reports import Report, Segments
from iec61850_model.mms import xer
from iec61850_model.mms.pdu import (
    MIN_PDU_SIZE,
    Data,
    DataAccessError,
    InformationReport,
    ObjectName,
    Unconfirmed,
    VariableListName,
)
from iec61850_model.reference import Reference
from iec61850_model.server.effects import Moment, Send
from iec61850_model.tree import ArrayNode, Leaf
from iec61850_model.values import NO_OPT_FLDS, EntryTime, OptFlds

BOTH = pytest.mark.parametrize("name", ["urcb01", "brcb01"])


def changed(scene: Scene, name: str, **settings: object) -> InformationReport:
    """The informationReport of one change of TotW to 7."""
    scene.enable(name, **settings)
    scene.change(TotW=7.0)
    scene.heard()
    ((client, report),) = scene.pdus
    assert client == DESK
    return report


def test_all_fields_stand_in_the_order_of_the_standard() -> None:
    scene = Scene()
    report = changed(scene, "brcb01")
    assert report.variables == VariableListName(ObjectName("RPT"))
    (entry,) = scene.buffers["MET/LLN0$BR$brcb01"].after(0, 2)
    assert report.results == (
        Data("visible-string", "MET/LLN0$BR$brcb01"),
        Data("bit-string", "0111111110"),
        Data("unsigned", 0),
        Data("binary-time", EntryTime.from_unix(NOON)),
        Data("visible-string", "MET/LLN0$dsMeas"),
        Data("boolean", False),
        Data("octet-string", entry.number.to_bytes(8)),
        Data("unsigned", 1),
        Data("bit-string", "100"),
        Data("visible-string", "MET/MMXU1$MX$TotW"),
        entry.members[0].value,
        Data("bit-string", "0100000"),
    )


@BOTH
def test_without_optional_fields_only_identity_inclusion_and_values_remain(name: str) -> None:
    report = changed(Scene(), name, OptFlds=NO_OPT_FLDS, RptID="measured")
    assert [data.value for data in report.results[:3] if isinstance(data, Data)] == [
        "measured",
        "0000000000",
        "100",
    ]
    assert len(report.results) == 4


@pytest.mark.parametrize("flag", [flag for flag in OptFlds if flag is not OptFlds.SEGMENTATION])
def test_each_optional_field_comes_alone(flag: OptFlds) -> None:
    report = changed(Scene(), "brcb01", OptFlds=flag)
    assert report.results[1] == Data("bit-string", flag.bits)
    assert len(report.results) == 5


def test_an_unbuffered_report_has_neither_entry_id_nor_overflow() -> None:
    report = changed(Scene(), "urcb01", OptFlds=ALL_FLDS)
    assert report.results[1] == Data("bit-string", (ALL_FLDS & ~OptFlds.ENTRY_ID & ~OptFlds.BUF_OVFL).bits)
    assert not [data for data in report.results if isinstance(data, Data) and data.tag == "octet-string"]


def test_references_values_and_reasons_each_stand_together() -> None:
    scene = Scene()
    scene.enable("urcb01", OptFlds=OptFlds.DATA_REF | OptFlds.REASON)
    scene.change(Hz=50.0, TotW=1.0)
    scene.heard()
    ((_, report),) = scene.pdus
    kinds = [data.tag for data in report.results if isinstance(data, Data)]
    assert kinds[2:] == ["bit-string", *["visible-string"] * 2, *["structure"] * 2, *["bit-string"] * 2]
    assert report.results[2] == Data("bit-string", "101")


@pytest.mark.parametrize(("name", "last"), [("urcb01", 255), ("brcb01", 65_535)])
def test_sq_num_begins_at_0_with_each_enabling_and_wraps(name: str, last: int) -> None:
    scene = Scene()
    scene.enable(name)
    for value in (1.0, 2.0):
        scene.change(TotW=value)
    assert [report.seq_num for report in scene.heard()] == [0, 1]
    assert scene.value(name, "SqNum") == 2

    assert scene.write(name, RptEna=False) == []
    scene.enable(name)
    assert scene.value(name, "SqNum") == 0
    scene.leaf(name, "SqNum").value = last
    for value in (3.0, 4.0):
        scene.change(TotW=value)
    assert [report.seq_num for report in scene.heard()] == [last, 0]


def test_a_report_before_the_clock_was_set_has_no_time() -> None:
    scene = Scene(now=3_600.0)
    scene.enable("urcb01")
    scene.change(TotW=1.0)
    (report,) = scene.heard()
    assert report.time == EntryTime(0, 0)


# --- segments --------------------------------------------------------------------------------------


def put_together(reports: list[Report]) -> list[Report]:
    segments = Segments()
    whole = [segments.add(DESK.peer, report, 0.0) for report in reports]
    return [report for report in whole if report is not None]


@BOTH
def test_a_report_larger_than_a_pdu_comes_in_segments_that_split_no_member(name: str) -> None:
    scene = Scene()
    scene.pdu_size = MIN_PDU_SIZE
    scene.enable(name, DatSet="MET/LLN0$dsText")
    scene.change({f"Txt{at:02}": chr(65 + at % 26) * 255 for at in range(TEXTS)})
    segments = scene.heard()

    assert len(segments) > 2
    assert [one.sub_seq_num for one in segments] == list(range(len(segments)))
    assert [one.more_follows for one in segments] == [True] * (len(segments) - 1) + [False]
    assert {one.seq_num for one in segments} == {0}
    assert len({one.entry_id for one in segments}) == 1
    (report,) = put_together(segments)
    assert [member.index for member in report.members] == list(range(TEXTS))
    for _, pdu in scene.pdus:
        assert len(xer.encode(Unconfirmed(pdu)).encode()) <= MIN_PDU_SIZE
    scene.change(Txt00="next")
    assert [one.seq_num for one in scene.heard()] == [1]


def test_segments_are_filled() -> None:
    scene = Scene()
    scene.pdu_size = MIN_PDU_SIZE
    scene.enable("urcb01", DatSet="MET/LLN0$dsText")
    scene.change({f"Txt{at:02}": "x" * 255 for at in range(TEXTS)})
    scene.heard()
    sizes = [len(xer.encode(Unconfirmed(pdu)).encode()) for _, pdu in scene.pdus]
    member = (sum(sizes) - len(sizes) * 600) / TEXTS
    assert all(size > MIN_PDU_SIZE - 2 * member for size in sizes[:-1])


def test_a_report_that_fits_says_nothing_of_segments_even_if_the_block_has_the_bit() -> None:
    scene = Scene()
    scene.enable("urcb01", OptFlds=OptFlds.SEGMENTATION | OptFlds.SEQ_NUM)
    scene.change(TotW=1.0)
    (report,) = scene.heard()
    assert (report.opt_flds, report.sub_seq_num) == (OptFlds.SEQ_NUM, None)


def test_the_size_is_that_of_the_association() -> None:
    scene = Scene()
    scene.enable("urcb01", DatSet="MET/LLN0$dsText")
    scene.change({f"Txt{at:02}": "x" * 255 for at in range(TEXTS)})
    assert len(scene.heard()) == 1


def test_a_member_too_large_for_any_segment_has_an_error_in_place_of_its_value() -> None:
    scene = Scene(block("urcb01", buffered=False, data_set="LLN0$dsMany"))
    many = scene.tree.find(Reference.parse("MET/GGIO1.Many.stVal[ST]"))
    assert isinstance(many, ArrayNode)
    for element in many.elements:
        assert isinstance(element, Leaf)
        element.value = "m" * 255
    scene.pdu_size = MIN_PDU_SIZE
    scene.enable("urcb01")
    assert scene.write("urcb01", GI=True) == []
    (sent,) = scene.reports.tick(Moment(scene.now))
    assert isinstance(sent, Send) and isinstance(sent.payload.pdu, Unconfirmed)
    assert len(xer.encode(sent.payload.pdu).encode()) <= MIN_PDU_SIZE
    *_, small, large, _, _ = sent.payload.pdu.service.results
    assert isinstance(small, Data) and small.tag == "structure"
    assert large == DataAccessError.OBJECT_ACCESS_UNSUPPORTED


def test_reports_of_two_blocks_do_not_mix() -> None:
    scene = Scene()
    scene.enable("urcb01", RptID="one", TrgOps="010000")
    scene.enable("urcb02", DatSet="MET/LLN0$dsValue")
    scene.change(TotW=3.0, Hz=50.0)
    one, two = scene.heard()
    assert (one.rpt_id, told(one)) == ("one", {"TotW": 3.0, "Hz": 50.0})
    assert (two.rpt_id, [member.index for member in two.members]) == ("MET/LLN0$RP$urcb02", [0])
