"""Data sets and control blocks of an ICD: how they are read, and what a faulty one is told (61850-6)."""

from __future__ import annotations

import re

import pytest
from box_model import ICD

from iec61850_model.blocks import Blocks, LogConfig, ReportConfig
from iec61850_model.mms.pdu import (
    Data,
    InformationReport,
    ObjectName,
    Payload,
    Unconfirmed,
    VariableListName,
)
from iec61850_model.mms.xer import encode_payload
from iec61850_model.reference import MAX_ITEM_NAME, Reference
from iec61850_model.scl import Model, SclError, read_model
from iec61850_model.tree import Leaf
from iec61850_model.values import NO_OPT_FLDS, NO_TRIGGER, EntryTime, OptFlds, Trigger

SETTINGS = '<Services><ReportSettings resvTms="true" owner="true"/></Services>'
FCDA = '<FCDA ldInst="A" prefix="My" lnClass="GGIO" lnInst="1" doName="Obj" fc="MX"/>'
DATA_SET = f'<DataSet name="ds">{FCDA}</DataSet>'
LOG = '<Log name="GeneralLog"/>'


def scl(blocks: str, *, services: str = SETTINGS, log: str = LOG) -> bytes:
    """A file with one LLN0 that has these blocks, and a node with something to report."""
    return f"""<?xml version="1.0"?>
<SCL xmlns="http://www.iec.ch/61850/2003/SCL" version="2007" revision="B">
<IED name="BOX">{services}<AccessPoint name="A"><Server>
<LDevice inst="A" ldName="MET"><LN0 lnClass="LLN0" inst="" lnType="N0">
{blocks}
{log}</LN0>
<LN prefix="My" lnClass="GGIO" inst="1" lnType="N"/></LDevice>
<LDevice inst="B"><LN0 lnClass="LLN0" inst="" lnType="N0"/></LDevice>
</Server></AccessPoint></IED>
<DataTypeTemplates>
<LNodeType id="N0" lnClass="LLN0"><DO name="Beh" type="INS"/></LNodeType>
<LNodeType id="N" lnClass="GGIO"><DO name="Obj" type="MV"/><DO name="Phs" type="WYE"/></LNodeType>
<DOType id="INS" cdc="INS"><DA name="stVal" fc="ST" bType="INT32"/></DOType>
<DOType id="WYE" cdc="WYE"><SDO name="phsA" type="MV"/></DOType>
<DOType id="MV" cdc="MV"><DA name="mag" fc="MX" bType="Struct" type="F" dchg="true" dupd="true"/>
<DA name="q" fc="MX" bType="Quality" qchg="true"/><DA name="t" fc="MX" bType="Timestamp"/>
<DA name="Oper" fc="CO" bType="BOOLEAN"/></DOType>
<DAType id="F"><BDA name="f" bType="FLOAT32"/></DAType>
</DataTypeTemplates></SCL>""".encode()


def blocks(text: str, **other: str) -> Blocks:
    return read_model(scl(text, **other)).blocks


def report(inside: str = "", attributes: str = "", name: str = "rcb", confrev: str = "1") -> str:
    return (
        f'{DATA_SET}<ReportControl name="{name}" confRev="{confrev}" datSet="ds" {attributes}>'
        f"{inside}</ReportControl>"
    )


# --- data sets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member", "reference"),
    [
        ('doName="Obj" fc="MX"', "MET/MyGGIO1.Obj[MX]"),
        ('doName="Obj" daName="q" fc="MX"', "MET/MyGGIO1.Obj.q[MX]"),
        ('doName="Obj" daName="mag.f" fc="MX"', "MET/MyGGIO1.Obj.mag.f[MX]"),
        ('doName="Phs.phsA" fc="MX"', "MET/MyGGIO1.Phs.phsA[MX]"),
        ('doName="Phs.phsA" daName="mag" fc="MX"', "MET/MyGGIO1.Phs.phsA.mag[MX]"),
        ('doName="Phs" fc="MX"', "MET/MyGGIO1.Phs[MX]"),
    ],
)
def test_a_member_is_a_data_object_or_an_attribute_with_its_fc(member: str, reference: str) -> None:
    fcda = f'<FCDA ldInst="A" prefix="My" lnClass="GGIO" lnInst="1" {member}/>'
    (data_set,) = blocks(f'<DataSet name="ds">{fcda}</DataSet>').data_sets
    assert (data_set.ld, data_set.item, data_set.members) == ("MET", "LLN0$ds", (Reference.parse(reference),))


def test_a_member_may_lie_in_another_logical_device_and_they_keep_their_order() -> None:
    other = '<FCDA ldInst="B" lnClass="LLN0" doName="Beh" fc="ST"/>'
    (data_set,) = blocks(f'<DataSet name="ds">{other}{FCDA}</DataSet>').data_sets
    assert [str(one) for one in data_set.members] == ["BOXB/LLN0.Beh[ST]", "MET/MyGGIO1.Obj[MX]"]


# --- report control blocks ------------------------------------------------------------------------


def test_what_is_left_out_of_a_report_block_has_its_default() -> None:
    assert blocks(report()).reports == (
        ReportConfig(
            "MET", "LLN0", "rcb01", buffered=False, data_set="LLN0$ds", conf_rev=1, resv_tms=None, owner=True
        ),
    )


def test_all_of_a_report_block_is_read() -> None:
    inside = (
        '<TrgOps dchg="true" qchg="true" dupd="1" period="true" gi="true"/>'
        '<OptFields seqNum="true" timeStamp="true" dataSet="true" reasonCode="true" dataRef="true" '
        'entryID="true" configRef="true" bufOvfl="true"/><RptEnabled max="1"/>'
    )
    attributes = 'buffered="true" indexed="false" rptID="mine" bufTime="50" intgPd="60000"'
    (found,) = blocks(report(inside, attributes, confrev="7")).reports
    assert found == ReportConfig(
        ld="MET",
        ln="LLN0",
        name="rcb",
        buffered=True,
        rpt_id="mine",
        data_set="LLN0$ds",
        conf_rev=7,
        trg_ops=Trigger.DCHG | Trigger.QCHG | Trigger.DUPD | Trigger.INTEGRITY | Trigger.GI,
        opt_flds=OptFlds.from_bits("0111111110"),
        buf_tm=50,
        intg_pd=60000,
        resv_tms=0,
        owner=True,
    )


@pytest.mark.parametrize(
    ("inside", "trg_ops", "opt_flds"),
    [
        ("", NO_TRIGGER, NO_OPT_FLDS),
        ("<TrgOps/><OptFields/>", Trigger.GI, OptFlds.BUF_OVFL),
        ('<TrgOps gi="false"/><OptFields bufOvfl="0"/>', NO_TRIGGER, NO_OPT_FLDS),
        (
            '<TrgOps period="true" gi="0"/><OptFields entryID="1" bufOvfl="0"/>',
            Trigger.INTEGRITY,
            OptFlds.ENTRY_ID,
        ),
        (
            '<TrgOps dupd="true" gi="0"/><OptFields configRef="1" bufOvfl="0"/>',
            Trigger.DUPD,
            OptFlds.CONF_REV,
        ),
    ],
)
def test_options_have_the_defaults_of_the_schema(inside: str, trg_ops: Trigger, opt_flds: OptFlds) -> None:
    (found,) = blocks(report(inside)).reports
    assert (found.trg_ops, found.opt_flds) == (trg_ops, opt_flds)


@pytest.mark.parametrize(
    ("inside", "attributes", "names"),
    [
        ("", "", ["rcb01"]),
        ('<RptEnabled max="3"/>', "", ["rcb01", "rcb02", "rcb03"]),
        ('<RptEnabled max="1"/>', 'indexed="false"', ["rcb"]),
        ('<RptEnabled max="99"/>', "", [f"rcb{number:02}" for number in range(1, 100)]),
    ],
)
def test_instances_are_numbered_with_two_digits(inside: str, attributes: str, names: list[str]) -> None:
    assert [one.name for one in blocks(report(inside, attributes)).reports] == names


CLIENT = '<ClientLN iedName="X" ldInst="L" lnClass="IHMI" lnInst="1"/>'


@pytest.mark.parametrize(
    ("buffered", "services", "resv_tms", "owner"),
    [
        ("true", SETTINGS, [-1, 0, 0], True),
        ("false", SETTINGS, [None, None, None], True),
        ("true", '<Services><ReportSettings owner="true"/></Services>', [None, None, None], True),
        ("true", '<Services><ReportSettings resvTms="true"/></Services>', [-1, 0, 0], False),
        ("true", "", [None, None, None], False),
    ],
)
def test_a_named_client_reserves_an_instance_of_a_buffered_block(
    buffered: str, services: str, resv_tms: list[int | None], owner: bool
) -> None:
    text = report(f'<RptEnabled max="3">{CLIENT}</RptEnabled>', f'buffered="{buffered}"')
    found = blocks(text, services=services).reports
    assert [one.resv_tms for one in found] == resv_tms
    assert {one.owner for one in found} == {owner}


def test_a_block_without_data_set_waits_for_its_client_to_name_one() -> None:
    (found,) = blocks('<ReportControl name="rcb" confRev="0"/>').reports
    assert (found.data_set, found.conf_rev) == ("", 0)


# --- log control blocks ---------------------------------------------------------------------------


def log_control(attributes: str = "", inside: str = "") -> str:
    return f'{DATA_SET}<LogControl name="lcb" logName="GeneralLog" {attributes}>{inside}</LogControl>'


def test_a_log_block_is_read() -> None:
    inside = '<TrgOps dchg="true" qchg="true" gi="false"/>'
    text = log_control('datSet="ds" logEna="false" reasonCode="false" intgPd="1000"', inside)
    assert blocks(text).logs == (
        LogConfig(
            ld="MET",
            ln="LLN0",
            name="lcb",
            log="GeneralLog",
            data_set="LLN0$ds",
            enabled=False,
            reason_code=False,
            trg_ops=Trigger.DCHG | Trigger.QCHG,
            intg_pd=1000,
        ),
    )


def test_a_log_block_is_enabled_and_gives_reasons_unless_it_says_otherwise() -> None:
    (found,) = blocks(log_control('ldInst="A" lnClass="LLN0"')).logs
    assert (found.enabled, found.reason_code, found.data_set) == (True, True, "")


# --- what is wrong --------------------------------------------------------------------------------

BLOCKS_LINE = 5


def fcda(attributes: str) -> str:
    return f'<DataSet name="ds">\n<FCDA {attributes}/></DataSet>'


HERE = 'ldInst="A" prefix="My" lnClass="GGIO" lnInst="1"'


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (fcda('ldInst="C" lnClass="LLN0" doName="Beh" fc="ST"'), 1, ["FCDA", "C", "A, B"]),
        (
            fcda('ldInst="A" lnClass="GGIO" lnInst="1" doName="Obj" fc="MX"'),
            1,
            ["MET/GGIO1.Obj[MX]", "not exist"],
        ),
        (fcda(f'{HERE} doName="Obj" fc="ST"'), 1, ["MET/MyGGIO1.Obj[ST]", "not exist"]),
        (fcda(f'{HERE} doName="Obj" daName="mag.i" fc="MX"'), 1, ["mag.i", "not exist"]),
        (fcda(f'{HERE} doName="Obj" fc="XX"'), 1, ["XX", "functional constraint"]),
        (fcda(f'{HERE} doName="Obj" fc="CO"'), 1, ["CO", "operated"]),
        (fcda(f'{HERE} fc="MX"'), 1, ["doName is missing"]),
        (fcda(f'{HERE} doName="Obj"'), 1, ["fc is missing"]),
        (fcda(f'{HERE} doName="Obj" fc="MX" ix="2"'), 1, ["ix"]),
        ('<DataSet name="ds"/>', 0, ["ds has no FCDA"]),
        (f"{DATA_SET}\n{DATA_SET}", 1, ["ds is there twice"]),
        (f'<DataSet name="{"d" * 33}">{FCDA}</DataSet>', 0, ["more than 32"]),
        (f'<DataSet name="d.s">{FCDA}</DataSet>', 0, ["d.s", "no name"]),
        (f'<DataSet name="d$s">{FCDA}</DataSet>', 0, ["d$s"]),
        (f"<DataSet>{FCDA}</DataSet>", 0, ["name is missing"]),
        ('\n<ReportControl name="r" confRev="1" datSet="ds"/>', 1, ["no data set ds in LLN0"]),
        (report('<RptEnabled max="100"/>'), 0, ["max='100'", "0 to 99"]),
        (report('<RptEnabled max="2"/>', 'indexed="false"'), 0, ["2 instances", "indexed=true"]),
        (report(f"<RptEnabled>{CLIENT}{CLIENT}</RptEnabled>"), 0, ["2 clients", "1 instances"]),
        (report(name="r.c"), 0, ["'r.c'", "no name"]),
        (report(name="r" * 48), 0, ["64 characters"]),
        (report(attributes='bufTime="-1"'), 0, ["bufTime='-1'"]),
        (report(attributes='intgPd="4294967296"'), 0, ["intgPd='4294967296'"]),
        (report(confrev="x"), 0, ["confRev='x'"]),
        (report(attributes='buffered="yes"'), 0, ["buffered='yes'", "neither true nor false"]),
        (report('<TrgOps dchg="on"/>'), 0, ["TrgOps", "dchg='on'"]),
        (report('<OptFields seqNum="on"/>'), 0, ["OptFields", "seqNum='on'"]),
        (f'{report()}<ReportControl name="rcb" confRev="1"/>', 0, ["rcb is there twice"]),
        (
            f'{report()}<ReportControl name="rcb01" confRev="1" indexed="false"/>',
            0,
            ["an instance named rcb01", "twice"],
        ),
        (log_control('datSet="no"'), 0, ["no data set no"]),
        (log_control('ldInst="B"'), 0, ["GeneralLog", "MET/LLN0"]),
        (log_control('lnClass="GGIO" lnInst="1"'), 0, ["GeneralLog", "MET/LLN0"]),
        ('<LogControl name="lcb" logName="Other"/>', 0, ["Other", "MET/LLN0"]),
        ('<LogControl name="lcb"/>', 0, ["logName is missing"]),
        (log_control('bufTime="5"'), 0, ["bufTime", "leave it out"]),
    ],
)
def test_a_faulty_block_is_refused_and_the_line_named(text: str, line: int, words: list[str]) -> None:
    with pytest.raises(SclError) as refused:
        read_model(scl(text))
    message = str(refused.value)
    assert message.startswith(f"line {BLOCKS_LINE + line}, ")
    assert all(word in message for word in words), message


# --- the shipped model ----------------------------------------------------------------------------

COLLECTORS_BLOCK = "AVG/LLN0$BR$brcbAvg01"


@pytest.fixture(scope="module")
def box() -> Model:
    return read_model(ICD.read_bytes())


def test_the_box_has_its_data_sets(box: Model) -> None:
    sizes = {f"{one.ld}/{one.item}": len(one.members) for one in box.blocks.data_sets}
    assert sizes == {
        "LD0/LLN0$dsStat": 22,
        "LD0/LLN0$dsSchd": 36,
        "MET/LLN0$dsMeas": 25,
        "MET/LLN0$dsCnt": 6,
        "AVG/LLN0$dsAvg": 41,
        "SCH/LLN0$dsCtlEnt": 6,
    }


def test_all_that_is_measured_is_in_a_data_set(box: Model) -> None:
    members = {member.with_fc(None) for one in box.blocks.data_sets for member in one.members}
    measured = {
        reference
        for reference, cdc in box.tree.data_objects()
        if reference.ld == "MET" and cdc in ("MV", "CMV", "BCR")
    }
    left_out = {str(reference) for reference in measured - members}
    assert left_out == {"MET/ShMHET1.AccmHeatOut", "MET/DhwMHET1.AccmHeatOut"}, "GGIO counts these exactly"


def test_the_history_is_value_and_quality_of_20_quantities_and_one_time(box: Model) -> None:
    (history,) = [one for one in box.blocks.data_sets if one.name == "dsAvg"]
    *pairs, last = history.members
    values, qualities = pairs[::2], pairs[1::2]
    assert len(values) == 20
    assert str(last) == "AVG/MMXU1.TotW.t[MX]"
    for value, quality in zip(values, qualities, strict=True):
        holder = Reference(
            value.ld, value.ln, tuple(n for n in value.path if n[0].isupper() or n[:3] == "phs")
        )
        assert value.path[len(holder.path) :] in (("mag", "f"), ("cVal", "mag", "f"), ("actVal",))
        assert quality == holder.child("q").with_fc(quality.fc or value.fc)
        assert quality.fc == value.fc
    assert {member.ld for member in history.members} == {"AVG"}


def test_every_member_of_the_history_is_told_by_an_update_as_it_is(box: Model) -> None:
    (history,) = [one for one in box.blocks.data_sets if one.name == "dsAvg"]
    for member in history.members:
        leaf = box.tree.find(member)
        assert isinstance(leaf, Leaf) and leaf.triggers & Trigger.DUPD, member


def test_a_report_of_the_history_is_of_about_5_kilobytes(box: Model) -> None:
    """1.4 MB a day at 288 reports (DESIGN section 6); numbers as long as they get."""
    (history,) = [one for one in box.blocks.data_sets if one.name == "dsAvg"]
    values = []
    for member in history.members:
        leaf = box.tree.find(member)
        assert isinstance(leaf, Leaf)
        values.append(Data("integer", 123_456_789) if leaf.type.name == "INT64" else leaf.data())
    head = (
        Data("visible-string", COLLECTORS_BLOCK),
        Data("bit-string", "0" * 10),
        Data("unsigned", 65535),
        Data("binary-time", EntryTime.from_unix(1.8e9)),
        Data("boolean", False),
        Data("octet-string", bytes(8)),
        Data("unsigned", 1),
        Data("bit-string", "1" * 41),
    )
    pdu = Unconfirmed(InformationReport(VariableListName(ObjectName("RPT")), (*head, *values)))
    assert len(encode_payload(Payload(pdu, "12:34"))) < 5000


def test_the_collectors_block_is_reserved_and_told_by_updates_only(box: Model) -> None:
    (block,) = [one for one in box.blocks.reports if one.resv_tms == -1]
    assert f"{block.ld}/{block.ln}$BR${block.name}" == COLLECTORS_BLOCK
    assert (block.data_set, block.conf_rev, block.owner) == ("LLN0$dsAvg", 1, True)
    assert (block.trg_ops, block.intg_pd, block.buf_tm) == (Trigger.DUPD, 0, 0)
    needed = OptFlds.SEQ_NUM | OptFlds.TIME_STAMP | OptFlds.ENTRY_ID | OptFlds.BUF_OVFL | OptFlds.CONF_REV
    assert block.opt_flds == needed


def test_no_buffered_block_keeps_what_changes_every_second_unasked(box: Model) -> None:
    """It would be written to the memory card whether a client wants it or not."""
    kept = {re.sub(r"\d\d$", "", one.name): one.data_set for one in box.blocks.reports if one.buffered}
    assert kept == {"brcbStat": "LLN0$dsStat", "brcbMeas": "", "brcbAvg": "LLN0$dsAvg", "brcbOwn": ""}


def test_others_have_blocks_of_their_own(box: Model) -> None:
    free = [one for one in box.blocks.reports if one.resv_tms != -1]
    count = {kind: sum(one.name.startswith(kind) for one in free) for kind in ("urcb", "brcb")}
    assert count == {"urcb": 20, "brcb": 6}
    for one in free:
        assert (one.conf_rev > 0) is bool(one.data_set), one.name
        assert one.trg_ops & Trigger.GI, one.name
        if one.buffered:
            assert one.opt_flds & OptFlds.ENTRY_ID and one.resv_tms == 0, one.name


def test_names_of_blocks_fit_into_item_names(box: Model) -> None:
    for one in box.blocks.reports:
        assert len(f"{one.ln}$BR${one.name}$TimeofEntry") <= MAX_ITEM_NAME


def test_the_log_keeps_every_change_of_state_and_what_the_schedules_do(box: Model) -> None:
    state, schedules = box.blocks.logs
    for log, data_set in ((state, "dsStat"), (schedules, "dsSchd")):
        assert (log.ld, log.ln, log.log, log.data_set) == ("LD0", "LLN0", "GeneralLog", f"LLN0${data_set}")
        assert log.enabled and log.reason_code
        assert log.trg_ops == Trigger.DCHG | Trigger.QCHG
