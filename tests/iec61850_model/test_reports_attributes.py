"""Report control blocks as a client sees them in the tree, and what he may set (8-2, 17.2)."""

from __future__ import annotations

import pytest
from report_scene import DATA_SETS, DCHG, DESK, NOBODYS, OTHER, Scene, block, measured_tree

from iec61850_model.blocks import DataSetConfig, ReportConfig
from iec61850_model.mms.pdu import Data, DataAccessError, Structure
from iec61850_model.reference import Reference
from iec61850_model.server.data_sets import DataSets
from iec61850_model.server.effects import Moment
from iec61850_model.server.memory_buffer import MemoryBuffer
from iec61850_model.server.reports import Reports
from iec61850_model.values import EntryTime, FunctionalConstraint, OptFlds

FC = FunctionalConstraint
BOTH = pytest.mark.parametrize("name", ["urcb01", "brcb01"])
DENIED = DataAccessError.OBJECT_ACCESS_DENIED


def described(scene: Scene, block: str) -> str:
    """The attributes of a block with kind and size, in order."""
    node = scene.tree.find(Reference.parse(block))
    assert node is not None
    description = node.describe()
    assert isinstance(description, Structure)
    return " ".join(
        f"{name}:{part.tag}/{part.size}"  # type: ignore[union-attr]
        for name, part in description.components
    )


def test_a_buffered_block_has_the_attributes_of_the_standard_in_order() -> None:
    assert described(Scene(), "MET/LLN0.brcb01[BR]") == (
        "RptID:visible-string/-129 RptEna:boolean/0 DatSet:visible-string/-129 ConfRev:unsigned/32 "
        "OptFlds:bit-string/-10 BufTm:unsigned/32 SqNum:unsigned/16 TrgOps:bit-string/-6 IntgPd:unsigned/32 "
        "GI:boolean/0 PurgeBuf:boolean/0 EntryID:octet-string/8 TimeofEntry:binary-time/0 "
        "ResvTms:integer/16 Owner:octet-string/-64"
    )


def test_an_unbuffered_block_has_the_attributes_of_the_standard_in_order() -> None:
    assert described(Scene(), "MET/LLN0.urcb01[RP]") == (
        "RptID:visible-string/-129 RptEna:boolean/0 Resv:boolean/0 DatSet:visible-string/-129 "
        "ConfRev:unsigned/32 OptFlds:bit-string/-10 BufTm:unsigned/32 SqNum:unsigned/8 TrgOps:bit-string/-6 "
        "IntgPd:unsigned/32 GI:boolean/0 Owner:octet-string/-64"
    )


def test_resv_tms_and_owner_are_there_only_if_configured() -> None:
    scene = Scene(block("brcb01", buffered=True, owner=False))
    assert described(scene, "MET/LLN0.brcb01[BR]").endswith("TimeofEntry:binary-time/0")


def test_blocks_stand_in_the_directory_in_the_order_of_functional_constraints() -> None:
    scene = Scene()
    node = scene.tree.logical_node("MET", "LLN0")
    assert node is not None
    assert list(node.by_fc) == [FC.ST, FC.RP, FC.BR, FC.LG]
    assert "LLN0$BR$brcb01$RptEna" in scene.tree.devices["MET"].variable_names()


def test_a_block_starts_with_its_configuration() -> None:
    scene = Scene(
        block("brcb01", buffered=True, rpt_id="r", conf_rev=7, buf_tm=50, intg_pd=60_000, resv_tms=-1)
    )
    shown = {
        name: scene.value("brcb01", name)
        for name in ("RptID", "RptEna", "DatSet", "ConfRev", "BufTm", "IntgPd", "TrgOps", "ResvTms")
    }
    assert shown == {
        "RptID": "r",
        "RptEna": False,
        "DatSet": "MET/LLN0$dsMeas",
        "ConfRev": 7,
        "BufTm": 50,
        "IntgPd": 60_000,
        "TrgOps": "011011",
        "ResvTms": -1,
    }


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (ReportConfig("MET", "LLN0", "urcb01", False, data_set="LLN0$dsNone"), "dsNone"),
        (ReportConfig("MET", "LLN9", "urcb01", False), "no logical node"),
    ],
)
def test_a_configuration_that_cannot_be_is_named(config: ReportConfig, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Scene(config)


def test_a_data_set_with_more_members_than_a_bit_string_has_bits_cannot_be_reported() -> None:
    tree = measured_tree()
    large = DataSetConfig("MET", "LLN0", "dsLarge", DATA_SETS[0].members * 342)
    config = ReportConfig("MET", "LLN0", "urcb01", False, data_set="LLN0$dsLarge")
    with pytest.raises(ValueError, match="dsLarge"):
        Reports(tree, DataSets(tree, [large]), [config], lambda _: MemoryBuffer(), lambda _: 8_192)


# --- what may be set -------------------------------------------------------------------------------


@BOTH
def test_settings_are_set_and_read_back(name: str) -> None:
    scene = Scene()
    settings = {
        "RptID": "mine",
        "DatSet": "MET/LLN0$dsValue",
        "OptFlds": OptFlds.SEQ_NUM,
        "BufTm": 250,
        "TrgOps": DCHG,
        "IntgPd": 5_000,
    }
    assert scene.write(name, **settings) == []
    read = {attribute: scene.value(name, attribute) for attribute in settings}
    assert read == {**settings, "OptFlds": "0100000000", "TrgOps": "010000"}


@BOTH
def test_what_the_server_alone_sets_is_denied(name: str) -> None:
    scene = Scene()
    assert scene.write(name, ConfRev=9, SqNum=9, Owner=b"me") == [
        "ConfRev: object-access-denied",
        "SqNum: object-access-denied",
        "Owner: object-access-denied",
    ]
    assert scene.write("brcb01", TimeofEntry=EntryTime(1, 1)) == ["TimeofEntry: object-access-denied"]


@BOTH
@pytest.mark.parametrize(
    ("attribute", "data", "error"),
    [
        ("RptEna", Data("integer", 1), DataAccessError.TYPE_INCONSISTENT),
        ("TrgOps", Data("bit-string", "01100"), DataAccessError.OBJECT_VALUE_INVALID),
        ("OptFlds", Data("bit-string", "0" * 9), DataAccessError.OBJECT_VALUE_INVALID),
        ("BufTm", Data("unsigned", 1 << 32), DataAccessError.OBJECT_VALUE_INVALID),
        ("RptID", Data("visible-string", "x" * 130), DataAccessError.OBJECT_VALUE_INVALID),
        ("IntgPd", Data("unsigned", 499), DataAccessError.OBJECT_VALUE_INVALID),
        ("DatSet", Data("visible-string", "MET/LLN0$dsNone"), DataAccessError.OBJECT_VALUE_INVALID),
        ("DatSet", Data("visible-string", "dsMeas"), DataAccessError.OBJECT_VALUE_INVALID),
        ("NoSuch", Data("boolean", True), DataAccessError.OBJECT_NON_EXISTENT),
        ("RptEna.deeper", Data("boolean", True), DataAccessError.OBJECT_NON_EXISTENT),
    ],
)
def test_bad_values_are_refused_and_change_nothing(
    name: str, attribute: str, data: Data, error: DataAccessError
) -> None:
    scene = Scene()
    before = scene.tree.find(Reference.parse(f"MET/LLN0.{name}[{'BR' if name[0] == 'b' else 'RP'}]"))
    assert before is not None
    values = before.data()
    assert scene.write_data(name, attribute, data) == error
    assert before.data() == values


def test_a_block_is_not_written_as_a_whole_and_an_unknown_one_not_at_all() -> None:
    scene = Scene()
    data, now = Data("boolean", True), Moment(scene.now)
    for text, error in (
        ("MET/LLN0.brcb01[BR]", DENIED),
        ("MET/LLN0[BR]", DENIED),
        ("MET/LLN0.brcb01.RptEna[RP]", DataAccessError.OBJECT_NON_EXISTENT),
        ("MET/LLN0.brcb99.RptEna[BR]", DataAccessError.OBJECT_NON_EXISTENT),
        ("MET/MMXU1[BR]", DataAccessError.OBJECT_NON_EXISTENT),
    ):
        assert scene.reports.write(DESK, Reference.parse(text), data, now) == error


@BOTH
def test_nothing_is_written_around_the_block(name: str) -> None:
    scene = Scene()
    assert not scene.leaf(name, "RptEna").writable


@BOTH
def test_while_enabled_only_rpt_ena_and_gi_may_be_set(name: str) -> None:
    scene = Scene()
    scene.enable(name)
    settings = {
        "RptID": "x",
        "DatSet": "",
        "OptFlds": OptFlds.REASON,
        "BufTm": 1,
        "TrgOps": DCHG,
        "IntgPd": 1_000,
    }
    if name == "brcb01":
        settings |= {"PurgeBuf": True, "EntryID": bytes(8), "ResvTms": 5}
    else:
        settings |= {"Resv": False}
    assert scene.write(name, **settings) == [f"{one}: temporarily-unavailable" for one in settings]
    assert scene.write(name, GI=True, RptEna=False) == []


@BOTH
def test_rpt_ena_again_is_no_fault_and_no_second_beginning(name: str) -> None:
    scene = Scene()
    scene.enable(name)
    scene.change(TotW=1.0)
    scene.heard()
    assert scene.write(name, RptEna=True) == []
    scene.change(TotW=2.0)
    assert [report.seq_num for report in scene.heard()] == [1]
    assert scene.write(name, RptEna=False) == []
    assert scene.write(name, RptEna=False) == []


@BOTH
def test_rpt_ena_needs_an_association_and_a_data_set(name: str) -> None:
    scene = Scene()
    assert scene.write(name, NOBODYS, RptEna=True) == ["RptEna: object-access-denied"]
    assert scene.write(name, DatSet="", RptEna=True) == ["RptEna: object-attribute-inconsistent"]
    assert scene.value(name, "RptEna") is False


@BOTH
def test_disabled_nothing_is_sent(name: str) -> None:
    scene = Scene()
    scene.enable(name)
    scene.change(TotW=1.0)
    assert scene.write(name, RptEna=False) == []
    scene.change(TotW=2.0)
    assert scene.heard() == []


# --- data sets -------------------------------------------------------------------------------------


@BOTH
def test_another_data_set_is_another_conf_rev_and_none_is_zero(name: str) -> None:
    scene = Scene()
    revisions = []
    for data_set in ("MET/LLN0$dsValue", "MET/LLN0$dsValue", "", "MET/LLN0$dsMeas"):
        assert scene.write(name, DatSet=data_set) == []
        revisions.append(scene.value(name, "ConfRev"))
    assert revisions == [2, 2, 0, 3]


def test_a_block_without_a_data_set_reports_once_it_has_one() -> None:
    scene = Scene()
    assert scene.value("brcbFree01", "ConfRev") == 0
    scene.enable("brcbFree01", DatSet="MET/LLN0$dsValue")
    scene.change(TotW=1.0)
    (report,) = scene.heard()
    assert (report.dat_set, report.conf_rev) == ("MET/LLN0$dsValue", 2)


def test_a_data_set_in_use_is_not_deleted() -> None:
    scene = Scene()
    scene.create("dsMine", "MET/MMXU1.Hz[MX]")
    uses = lambda: any(used("MET", "LLN0$dsMine") for used in scene.data_sets.in_use)  # noqa: E731
    assert not uses()
    scene.write("urcb01", DatSet="MET/LLN0$dsMine")
    assert uses()
    scene.write("urcb01", DatSet="")
    assert not uses()


def test_an_unbuffered_block_reports_a_data_set_of_its_clients_association() -> None:
    scene = Scene()
    scene.create("@mine", "MET/MMXU1.Hz[MX]")
    assert scene.write("urcb01", OTHER, DatSet="@mine") == ["DatSet: object-value-invalid"]
    scene.enable("urcb01", DatSet="@mine")
    assert any(used(DESK, "@mine") for used in scene.data_sets.in_use_of)
    assert not any(used(OTHER, "@mine") for used in scene.data_sets.in_use_of)
    scene.change(Hz=49.9)
    (report,) = scene.heard()
    assert (report.dat_set, report.data_set_size) == ("@mine", 1)

    scene.end(DESK)
    assert scene.value("urcb01", "DatSet") == "MET/LLN0$dsMeas", "as configured, for the next client"
    assert scene.value("urcb01", "ConfRev") == report.conf_rev + 1


def test_a_block_that_is_given_up_has_its_configured_data_set_again() -> None:
    scene = Scene()
    scene.create("@mine", "MET/MMXU1.Hz[MX]")
    assert scene.write("urcb01", Resv=True, DatSet="@mine", RptEna=True) == []
    assert scene.write("urcb01", RptEna=False) == []
    assert scene.value("urcb01", "DatSet") == "@mine", "it may be enabled again"
    assert scene.write("urcb01", Resv=False) == []
    assert scene.value("urcb01", "DatSet") == "MET/LLN0$dsMeas"
    assert not any(used(DESK, "@mine") for used in scene.data_sets.in_use_of)


def test_nobody_is_sent_the_data_set_of_anothers_association() -> None:
    scene = Scene()
    scene.create("@mine", "MET/MMXU1.Hz[MX]")
    assert scene.write("urcb01", DatSet="@mine") == []
    assert scene.write("urcb01", OTHER, RptEna=True) == ["RptEna: object-attribute-inconsistent"]


def test_a_buffered_block_takes_no_data_set_of_an_association() -> None:
    scene = Scene()
    scene.create("@mine", "MET/MMXU1.Hz[MX]")
    assert scene.write("brcb01", DatSet="@mine") == ["DatSet: object-access-denied"]
