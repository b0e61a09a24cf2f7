"""The decision: right x service x reference x scope x time. What is not listed is denied."""

from __future__ import annotations

import string
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.judge import covers, judge
from hub.roster import Grant, Right
from iec61850_model.mms.pdu import (
    CancelRequest,
    ConcludeRequest,
    ConfirmedRequest,
    Data,
    DefineNamedVariableListRequest,
    DeleteNamedVariableListRequest,
    GetNamedVariableListAttributesRequest,
    GetNameListRequest,
    GetVariableAccessAttributesRequest,
    InitiateRequest,
    ObjectClass,
    ObjectName,
    ObjectScope,
    Pdu,
    ReadJournalRequest,
    ReadRequest,
    RequestService,
    UnknownService,
    VariableList,
    VariableListName,
    WriteRequest,
)
from iec61850_model.reference import Reference
from iec61850_model.values import FunctionalConstraint, OrCat, Timestamp

NOW = 1_800_000_000.0
ALL = frozenset(Right)
VALUE = Data("boolean", True)
FC = FunctionalConstraint
REPORTS = (FC.BR, FC.RP)
READS = (FC.ST, FC.MX, FC.CF, FC.DC, FC.EX, FC.SP, FC.SG, FC.LG, *REPORTS)
WRITES = (FC.SP, FC.CF, FC.SV, FC.BL, FC.SE, FC.LG)


def grant(
    *rights: Right, scope: tuple[str, ...] = (), valid_from: float = 0.0, until: float | None = None
) -> Grant:
    return Grant(1, "agg", "hp0001", frozenset(rights), scope, valid_from, until)


def name(text: str) -> ObjectName:
    """``LD/LN$FC$DO``, ``/vmd-specific`` or ``@aa-specific``."""
    if text.startswith("@"):
        return ObjectName(text, aa_specific=True)
    domain, _, item = text.partition("/")
    return ObjectName(item, domain or None)


def names(*texts: str) -> VariableList:
    return VariableList(tuple(map(name, texts)))


def request(service: RequestService) -> Pdu:
    return ConfirmedRequest(1, service)


def read(*texts: str) -> Pdu:
    return request(ReadRequest(names(*texts)))


def write(*texts: str, data: tuple[Data, ...] | None = None) -> Pdu:
    return request(WriteRequest(names(*texts), data if data is not None else (VALUE,) * len(texts)))


def command(at: float = 0.0) -> Data:
    """An Oper structure as far as the hub looks into it: ctlVal, operTm, ctlNum."""
    return Data("structure", (VALUE, Data("utc-time", Timestamp.from_unix(at)), Data("unsigned", 1)))


def operate(*texts: str, at: float = 0.0) -> Pdu:
    return write(*texts, data=(command(at),) * len(texts))


def listed(text: str) -> VariableListName:
    return VariableListName(name(text))


def members_of(text: str) -> Pdu:
    return request(GetNamedVariableListAttributesRequest(name(text)))


def make(text: str, *members: str) -> Pdu:
    return request(DefineNamedVariableListRequest(name(text), tuple(map(name, members))))


def delete(*texts: str) -> Pdu:
    return request(DeleteNamedVariableListRequest(tuple(map(name, texts))))


def listing(object_class: ObjectClass, domain: str | None = None, scope: ObjectScope | None = None) -> Pdu:
    where = scope or (ObjectScope.VMD if domain is None else ObjectScope.DOMAIN)
    return request(GetNameListRequest(object_class, where, domain))


def definition(text: str) -> Pdu:
    return request(GetVariableAccessAttributesRequest(name(text)))


def allowed(pdu: Pdu, *grants: Grant, now: float = NOW) -> bool:
    return judge(pdu, grants, now).allowed


# --- which right lets a service through -----------------------------------------------------------

SERVICES: list[tuple[str, Pdu, Right | None]] = [
    ("server directory", listing(ObjectClass.DOMAIN), Right.READ),
    ("device directory", listing(ObjectClass.NAMED_VARIABLE, "MET"), Right.READ),
    ("data sets of a device", listing(ObjectClass.NAMED_VARIABLE_LIST, "MET"), Right.READ),
    ("logs of a device", listing(ObjectClass.JOURNAL, "MET"), Right.READ),
    ("definition of a node", definition("MET/MMXU1"), Right.READ),
    ("definition of an object", definition("HP/RlyGGIO1$CO$SPCSO1"), Right.READ),
    *((f"read {fc}", read(f"HP/LN1${fc}$X"), Right.READ) for fc in READS),
    ("select", read("HP/RlyGGIO1$CO$SPCSO1$SBO"), Right.CONTROL),
    ("operate", operate("HP/RlyGGIO1$CO$SPCSO1$Oper"), Right.CONTROL),
    ("select with value", operate("HP/RlyGGIO1$CO$SPCSO1$SBOw"), Right.CONTROL),
    ("cancel", operate("HP/RlyGGIO1$CO$SPCSO1$Cancel"), Right.CONTROL),
    *((f"write {fc}", write(f"HP/LN1${fc}$X$setVal"), Right.SETTINGS) for fc in WRITES),
    *((f"write {fc}", write(f"HP/LLN0${fc}$rcb01$RptEna"), Right.READ) for fc in REPORTS),
    ("read a data set", request(ReadRequest(listed("MET/LLN0$dsMeas"))), Right.READ),
    ("read an own data set", request(ReadRequest(listed("@mine"))), Right.READ),
    ("write a data set", request(WriteRequest(listed("MET/LLN0$dsSet"), (VALUE,))), Right.SETTINGS),
    ("the own data sets", listing(ObjectClass.NAMED_VARIABLE_LIST, scope=ObjectScope.AA), Right.READ),
    ("members of a data set", members_of("MET/LLN0$dsMeas"), Right.READ),
    ("make a data set", make("MET/LLN0$new", "MET/MMXU1$MX$TotW"), Right.READ),
    ("make an own data set", make("@mine", "MET/MMXU1$MX$TotW"), Right.READ),
    ("delete a data set", delete("MET/LLN0$new"), Right.READ),
    ("read a log", request(ReadJournalRequest(name("LD0/LLN0$GeneralLog"))), Right.READ),
]  # fmt: skip


@pytest.mark.parametrize(("_what", "pdu", "right"), SERVICES, ids=[row[0] for row in SERVICES])
def test_a_service_passes_with_its_right_and_with_no_other(_what: str, pdu: Pdu, right: Right) -> None:
    assert allowed(pdu, grant(right))
    assert not allowed(pdu, grant(*(ALL - {right})))
    assert not allowed(pdu)


@pytest.mark.parametrize(
    "pdu", [InitiateRequest(), ConcludeRequest(), CancelRequest(7)], ids=lambda pdu: type(pdu).__name__
)
def test_associations_need_any_live_grant(pdu: Pdu) -> None:
    for right in Right:
        assert allowed(pdu, grant(right, scope=("MET/*",)))
    assert not allowed(pdu)
    assert not allowed(pdu, grant(*ALL, until=NOW))


NEVER: list[tuple[str, Pdu]] = [
    *((f"read {fc}", read(f"HP/LN1${fc}$X")) for fc in sorted(set(FC) - set(READS))),
    *((f"write {fc}", write(f"HP/LN1${fc}$X")) for fc in sorted(set(FC) - set(WRITES) - set(REPORTS))),
    ("read a node without FC", read("MET/MMXU1")),
    ("write a node without FC", write("MET/MMXU1")),
    ("read below Oper", read("HP/RlyGGIO1$CO$SPCSO1$Oper$ctlVal")),
    ("write below Oper", write("HP/RlyGGIO1$CO$SPCSO1$Oper$ctlVal")),
    ("write SBO", write("HP/RlyGGIO1$CO$SPCSO1$SBO")),
    ("write all of CO", write("HP/RlyGGIO1$CO")),
    ("Oper is no control outside CO", write("HP/RlyGGIO1$ST$SPCSO1$Oper")),
    ("read a name of the server", read("/RPT")),
    ("write a name of the server", write("/LastApplError")),
    ("define a name of the server", definition("/RPT")),
    ("read a name of the association", read("@mine")),
    ("write a name of the association", write("@mine")),
    ("read a data set of the server", request(ReadRequest(listed("/Measured")))),
    ("read a data set without a node", request(ReadRequest(listed("MET/Measured")))),
    ("make a data set of the server", make("/Measured", "MET/MMXU1$MX$TotW")),
    ("make a data set of commands", make("@mine", "HP/RlyGGIO1$CO$SPCSO1$Oper")),
    ("make a data set of a select", make("MET/LLN0$new", "/RPT")),
    ("delete nothing", delete()),
    ("read a log of the server", request(ReadJournalRequest(name("/GeneralLog")))),
    ("an unknown service", request(UnknownService("fileOpen"))),
    ("data sets of the server", listing(ObjectClass.NAMED_VARIABLE_LIST)),
    ("variables of the server", listing(ObjectClass.NAMED_VARIABLE)),
    ("devices of the association", listing(ObjectClass.DOMAIN, scope=ObjectScope.AA)),
    ("devices of a device", listing(ObjectClass.DOMAIN, "MET")),
    ("a directory of no name", listing(ObjectClass.NAMED_VARIABLE, "MET*")),
    ("not a name", read("MET/MMXU1$MX$Tot W")),
    ("an unknown FC", read("MET/MMXU1$XX$TotW")),
    ("an empty component", read("MET/MMXU1$MX$$mag")),
    ("more values than variables", write("HP/LN1$SP$X", data=(VALUE, VALUE))),
    ("fewer values than variables", write("HP/LN1$SP$X", "HP/LN1$SP$Y", data=(VALUE,))),
    ("no variables at all", request(ReadRequest(VariableList(())))),
    ("nothing written", request(WriteRequest(VariableList(()), ()))),
]  # fmt: skip


@pytest.mark.parametrize(("_what", "pdu"), NEVER, ids=[row[0] for row in NEVER])
def test_what_is_not_listed_is_denied_with_all_rights(_what: str, pdu: Pdu) -> None:
    judged = judge(pdu, [grant(*ALL)], NOW)
    assert not judged.allowed
    assert judged.reason


def test_the_name_of_an_unknown_service_is_given_as_reason() -> None:
    assert "fileOpen" in judge(request(UnknownService("fileOpen")), [grant(*ALL)], NOW).reason


@pytest.mark.parametrize("control", ["Oper", "SBOw", "Cancel"])
def test_schedules_are_never_steered_by_control(control: str) -> None:
    assert not allowed(operate(f"SCH/EvuFSCH01$CO$EnaReq${control}"), grant(*ALL))
    assert allowed(operate(f"SCH2/EvuFSCH01$CO$EnaReq${control}"), grant(Right.CONTROL))


def test_schedules_are_neither_selected_by_control_nor_edited_by_settings() -> None:
    assert not allowed(read("SCH/EvuFSCH01$CO$EnaReq$SBO"), grant(*ALL))
    for fc in WRITES:
        assert not allowed(write(f"SCH/EvuFSCH01${fc}$SchdPrio$setVal"), grant(*ALL))
    assert allowed(read("SCH/EvuFSCH01$SP$SchdPrio"), grant(Right.READ))


@pytest.mark.parametrize("data_set", ["SCH/LLN0$new", "@mine"])
def test_schedules_are_not_edited_by_a_data_set_either(data_set: str) -> None:
    """SetDataSetValues names no members: a setting of a schedule never becomes one."""
    for member in ("SCH/EvuFSCH01$SP$SchdPrio", "SCH/EvuFSCH01$SP", "SCH/EvuFSCH01$CF$SchdPrio"):
        assert not allowed(make(data_set, "MET/MMXU1$MX$TotW", member), grant(*ALL))
    assert allowed(make(data_set, "SCH/EvuFSCH01$ST$SchdSt", "HP/HcFCSD1$SP$Crv"), grant(Right.READ))


def commanded(or_cat: int, control: str = "Oper", *, timed: bool = True) -> Pdu:
    origin = Data("structure", (Data("integer", or_cat), Data("octet-string", b"")))
    at = (Data("utc-time", Timestamp.from_unix(0)),) if timed else ()
    data = Data("structure", (VALUE, *at, origin, Data("unsigned", 1)))
    return write(f"HP/RlyGGIO1$CO$SPCSO1${control}", data=(data,))


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("control", ["Oper", "SBOw", "Cancel"])
@pytest.mark.parametrize("or_cat", OrCat)
def test_a_provider_commands_as_somebody_remote_and_as_nobody_else(
    or_cat: OrCat, control: str, timed: bool
) -> None:
    remote = or_cat in (OrCat.REMOTE_CONTROL, OrCat.AUTOMATIC_REMOTE)
    judged = judge(commanded(or_cat, control, timed=timed), [grant(*ALL)], NOW)
    assert judged.allowed is remote
    assert remote or f"orCat {int(or_cat)}" in judged.reason


stamps = st.sampled_from([0.0, NOW - 1, NOW + 1, NOW + 1_000]).map(Timestamp.from_unix)
origins = st.tuples(st.sampled_from([2, 3]), st.binary(max_size=1)).map(
    lambda one: Data("structure", (Data("integer", one[0]), Data("octet-string", one[1])))
)
commands = st.tuples(
    st.booleans().map(lambda value: Data("boolean", value)),
    st.lists(stamps.map(lambda time: Data("utc-time", time)), max_size=1),
    origins,
    st.integers(0, 1).map(lambda number: Data("unsigned", number)),
    stamps.map(lambda time: Data("utc-time", time)),
    st.booleans().map(lambda test: Data("boolean", test)),
).map(lambda one: Data("structure", (one[0], *one[1], *one[2:], Data("bit-string", "00"))))
controls = ("HP/EvuGGIO1$CO$SPCSO1$Oper", "HP/EvuGGIO1$CO$SPCSO1$Cancel", "SCH/EvuFSCH2$CO$EnaReq$Oper")
others = ("SCH/EvuFSCH2$SP$CO$StrTm", "SCH/EvuFSCH2$SP$StrTm", "MET/LLN0$BR$brcb1$DatSet")


@given(pdus=st.lists(st.tuples(st.sampled_from(controls + others), commands), min_size=2, max_size=4))
def test_a_command_is_judged_by_itself_whatever_was_judged_before(pdus: list[tuple[str, Data]]) -> None:
    holder = grant(Right.CONTROL, Right.SCHEDULE, until=NOW + 100)
    judged = [judge(write(control, data=(value,)), [holder], NOW, {1: 2}) for control, value in pdus]
    with mock.patch(
        "hub.judge._is_control", return_value=False
    ):  # then nothing is kept, and all is looked at
        for (control, value), one in zip(pdus, judged, strict=True):
            assert judge(write(control, data=(value,)), [holder], NOW, {1: 2}) == one


def test_a_select_stands_alone_in_its_read() -> None:
    select = "HP/RlyGGIO1$CO$SPCSO1$SBO"
    assert not allowed(read(select, "HP/RlyGGIO1$ST$SPCSO1"), grant(*ALL))
    assert not allowed(read(select, select), grant(*ALL))


# --- a PDU is judged whole -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pdu",
    [
        read("MET/MMXU1$MX$TotW", "HP/HpGGIO1$ST$Ind1"),
        read("MET/MMXU1$MX$TotW", "MET/MMXU1$SE$X"),
        read("MET/MMXU1$MX$TotW", "/RPT"),
        read("HP/HpGGIO1$ST$Ind1", "MET/MMXU1$MX$TotW"),
        read("MET/MMXU1$MX$TotW", "HP/RlyGGIO1$CO$SPCSO1$SBO"),
    ],
)
def test_one_reference_outside_denies_the_whole_pdu(pdu: Pdu) -> None:
    assert not allowed(pdu, grant(Right.READ, scope=("MET/*",)))


def test_an_operate_does_not_pass_beside_a_setting() -> None:
    both = write("HP/LN1$SP$X$setVal", "HP/RlyGGIO1$CO$SPCSO1$Oper", data=(VALUE, command()))
    assert not allowed(both, grant(Right.SETTINGS))
    assert not allowed(both, grant(Right.CONTROL))
    assert allowed(both, grant(Right.SETTINGS), grant(Right.CONTROL))


def test_several_grants_cover_a_pdu_together() -> None:
    pdu = read("MET/MMXU1$MX$TotW", "HP/HpGGIO1$ST$Ind1")
    meter, pump = grant(Right.READ, scope=("MET/*",)), grant(Right.READ, scope=("HP/HpGGIO1.*",))
    assert allowed(pdu, meter, pump)
    assert not allowed(pdu, meter)
    assert not allowed(pdu, pump)


def test_right_and_scope_must_come_from_the_same_grant() -> None:
    pdu = operate("HP/RlyGGIO1$CO$SPCSO1$Oper")
    assert not allowed(pdu, grant(Right.CONTROL, scope=("MET/*",)), grant(Right.READ, scope=("HP/*",)))


# --- scope -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("*", ["MET", "MET/MMXU1", "MET/MMXU1.TotW.mag.f"], []),
        ("MET/*", ["MET", "MET/MMXU1", "MET/MMXU1.TotW"], ["MET2", "MET2/MMXU1", "ME", "ME/T", "HP/MET"]),
        (
            "HP/RlyGGIO1.*",
            ["HP/RlyGGIO1", "HP/RlyGGIO1.SPCSO1", "HP/RlyGGIO1.SPCSO1.stVal"],
            ["HP", "HP/RlyGGIO10", "HP/RlyGGIO10.SPCSO1", "HP/RlyGGIO", "HP2/RlyGGIO1.SPCSO1"],
        ),
        (
            "HP/RlyGGIO1.SPCSO1",
            ["HP/RlyGGIO1.SPCSO1", "HP/RlyGGIO1.SPCSO1.stVal"],
            ["HP", "HP/RlyGGIO1", "HP/RlyGGIO1.SPCSO10", "HP/RlyGGIO1.SPCSO", "HP/SPCSO1"],
        ),
        (
            "HP/RlyGGIO1.SPCSO1.*",
            ["HP/RlyGGIO1.SPCSO1", "HP/RlyGGIO1.SPCSO1.stVal"],
            ["HP/RlyGGIO1", "HP/RlyGGIO1.SPCSO10.stVal", "hp/RlyGGIO1.SPCSO1"],
        ),
    ],
)
def test_a_scope_covers_whole_names_only(pattern: str, inside: list[str], outside: list[str]) -> None:
    for text in inside:
        assert covers(pattern, Reference.parse(text)), text
    for text in outside:
        assert not covers(pattern, Reference.parse(text)), text


@pytest.mark.parametrize(
    ("pdu", "passes"),
    [
        (listing(ObjectClass.DOMAIN), True),
        (listing(ObjectClass.NAMED_VARIABLE, "HP"), True),
        (listing(ObjectClass.NAMED_VARIABLE, "MET"), False),
        (listing(ObjectClass.NAMED_VARIABLE, "HP2"), False),
        (definition("HP/RlyGGIO1"), True),
        (definition("HP/RlyGGIO1$ST$SPCSO1"), True),
        (definition("HP/RlyGGIO1$ST$SPCSO1$stVal"), True),
        (definition("HP/RlyGGIO1$ST$SPCSO2"), False),
        (definition("HP/RlyGGIO10"), False),
        (definition("HP/EvuGGIO1"), False),
        (read("HP/RlyGGIO1$ST"), False),
        (read("HP/RlyGGIO1$ST$SPCSO1"), True),
    ],
)
def test_directories_show_the_way_to_what_is_in_scope(pdu: Pdu, passes: bool) -> None:
    assert allowed(pdu, grant(Right.READ, scope=("HP/RlyGGIO1.SPCSO1",))) is passes


def test_the_scope_of_a_control_is_its_data_object() -> None:
    one = grant(Right.CONTROL, scope=("HP/RlyGGIO1.SPCSO1",))
    assert allowed(operate("HP/RlyGGIO1$CO$SPCSO1$Oper"), one)
    assert allowed(read("HP/RlyGGIO1$CO$SPCSO1$SBO"), one)
    assert not allowed(operate("HP/RlyGGIO1$CO$SPCSO2$Oper"), one)
    assert not allowed(operate("HP/EvuGGIO1$CO$SPCSO1$Oper"), one)


# --- time ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("valid_from", "until", "live"),
    [(0, None, True), (NOW, None, True), (NOW + 0.001, None, False), (0, NOW, False), (0, NOW + 0.001, True)],
)
def test_only_a_grant_in_force_counts(valid_from: float, until: float | None, live: bool) -> None:
    given = grant(*ALL, valid_from=valid_from, until=until)
    assert given.live(NOW) is live
    assert allowed(read("MET/MMXU1$MX$TotW"), given) is live
    assert allowed(InitiateRequest(), given) is live


@pytest.mark.parametrize("control", ["Oper", "SBOw"])
def test_a_command_for_a_time_after_the_end_is_refused(control: str) -> None:
    ending, text = grant(Right.CONTROL, until=NOW + 60), f"HP/RlyGGIO1$CO$SPCSO1${control}"
    assert allowed(operate(text), ending)
    assert allowed(operate(text, at=NOW + 59), ending)
    assert not allowed(operate(text, at=NOW + 60), ending)
    assert not allowed(operate(text, at=NOW + 3600), ending)
    assert allowed(operate(text, at=NOW + 3600), grant(Right.CONTROL))
    assert allowed(operate(text, at=NOW + 3600), ending, grant(Right.CONTROL, until=NOW + 4000))


def test_a_later_grant_does_not_cover_a_command_before_it_begins() -> None:
    coming = grant(Right.CONTROL, valid_from=NOW + 60)
    assert not allowed(operate("HP/RlyGGIO1$CO$SPCSO1$Oper", at=NOW + 100), coming)
    assert not allowed(
        operate("HP/RlyGGIO1$CO$SPCSO1$Oper", at=NOW + 100), coming, grant(Right.CONTROL, until=NOW + 60)
    )


def test_a_command_for_later_can_always_be_cancelled() -> None:
    """It repeats the operTm of the command it ends, which a longer grant may have let through before."""
    assert allowed(
        operate("HP/RlyGGIO1$CO$SPCSO1$Cancel", at=NOW + 3600), grant(Right.CONTROL, until=NOW + 60)
    )


# --- what the audit is told ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pdu", "service", "steers"),
    [
        (InitiateRequest(), "Associate", False),
        (ConcludeRequest(), "Release", False),
        (listing(ObjectClass.DOMAIN), "GetServerDirectory", False),
        (listing(ObjectClass.NAMED_VARIABLE, "MET"), "GetLogicalDeviceDirectory", False),
        (definition("MET/MMXU1"), "GetDataDefinition", False),
        (read("MET/MMXU1$MX$TotW"), "GetDataValues", False),
        (read("HP/RlyGGIO1$CO$SPCSO1$SBO"), "Select", True),
        (operate("HP/RlyGGIO1$CO$SPCSO1$SBOw"), "SelectWithValue", True),
        (operate("HP/RlyGGIO1$CO$SPCSO1$Oper"), "Operate", True),
        (operate("HP/RlyGGIO1$CO$SPCSO1$Cancel"), "Cancel", True),
        (write("HP/RlyGGIO1$CF$SPCSO1$ctlModel"), "SetDataValues", True),
    ],
)
def test_the_abstract_service_is_named(pdu: Pdu, service: str, steers: bool) -> None:
    judged = judge(pdu, [grant(*ALL)], NOW)
    assert (judged.allowed, judged.service, judged.steers) == (True, service, steers)


def test_a_command_is_described_by_value_and_time() -> None:
    judged = judge(operate("HP/RlyGGIO1$CO$SPCSO1$Oper", at=1_800_000_060.5), [grant(*ALL)], NOW)
    assert judged.references == ("HP/RlyGGIO1.SPCSO1.Oper[CO]",)
    assert judged.detail == "ctlVal=True operTm=2027-01-15T08:01:00.500Z"
    at_once = judge(operate("HP/RlyGGIO1$CO$SPCSO1$Oper"), [grant(*ALL)], NOW)
    assert at_once.detail == "ctlVal=True"


def test_an_analogue_command_is_described_by_its_number() -> None:
    value = Data(
        "structure",
        (Data("structure", (Data("floating-point", 21.5),)), Data("utc-time", Timestamp(0, 0, 0))),
    )
    judged = judge(write("HP/RmFSPT1$CO$SptVal$Oper", data=(value,)), [grant(*ALL)], NOW)
    assert judged.detail == "ctlVal=21.5"


def test_every_command_of_a_pdu_is_described_and_operate_names_the_service() -> None:
    texts = ("HP/RlyGGIO1$CO$SPCSO1$Cancel", "HP/RlyGGIO1$CO$SPCSO2$Oper")
    off = Data("structure", (Data("boolean", False), Data("utc-time", Timestamp(0, 0, 0))))
    judged = judge(write(*texts, data=(command(), off)), [grant(*ALL)], NOW)
    assert judged.service == "Operate"
    assert judged.detail == "ctlVal=True; ctlVal=False"


def test_the_value_of_a_setting_is_not_described() -> None:
    assert judge(write("HP/LN1$SP$X$setVal"), [grant(*ALL)], NOW).detail == ""


@pytest.mark.parametrize(
    "data", [VALUE, Data("structure", ()), Data("structure", (VALUE,)), Data("array", ())]
)
def test_a_command_of_the_wrong_shape_is_judged_and_left_to_the_box(data: Data) -> None:
    assert allowed(write("HP/RlyGGIO1$CO$SPCSO1$Oper", data=(data,)), grant(Right.CONTROL, until=NOW + 1))


# --- for any PDU and any grants --------------------------------------------------------------------

identifiers = st.text(string.ascii_letters + string.digits, min_size=1, max_size=3) | st.sampled_from(
    ["MET", "HP", "SCH", "MMXU1", "RlyGGIO1", "SPCSO1", "Oper", "SBOw", "SBO", "Cancel", "TotW"]
)
items = st.builds(
    lambda ln, fc, path: "$".join([ln, fc, *path]),
    identifiers,
    st.sampled_from(FunctionalConstraint).map(str),
    st.lists(identifiers, max_size=3),
)
object_names = st.builds(ObjectName, items, identifiers) | st.builds(ObjectName, items)
times = st.floats(0, 2 * NOW)
commands = st.builds(command, times) | st.just(VALUE)
accesses = st.builds(VariableList, st.lists(object_names, max_size=3).map(tuple)) | st.builds(
    VariableListName, object_names
)
any_request: st.SearchStrategy[Pdu] = (
    st.builds(ReadRequest, accesses)
    | st.builds(WriteRequest, accesses, st.lists(commands, max_size=3).map(tuple))
    | st.builds(GetVariableAccessAttributesRequest, object_names)
    | st.builds(
        GetNameListRequest,
        st.sampled_from(ObjectClass),
        st.sampled_from(ObjectScope),
        st.none() | identifiers,
    )
).map(request)
patterns = st.builds(
    lambda ld, ln: f"{ld}/{ln}", identifiers, st.just("*") | identifiers.map(lambda ln: f"{ln}.*")
)


def grants_of(rights: frozenset[Right]) -> st.SearchStrategy[list[Grant]]:
    return st.lists(
        st.builds(
            Grant,
            st.integers(),
            st.just("agg"),
            st.just("hp0001"),
            st.frozensets(st.sampled_from(sorted(rights))),
            st.lists(patterns, max_size=2).map(tuple),
            times,
            st.none() | times,
        ),
        max_size=4,
    )


@given(any_request, grants_of(ALL - {Right.CONTROL}))
def test_without_the_right_control_nothing_steers(pdu: Pdu, grants: list[Grant]) -> None:
    judged = judge(pdu, grants, NOW)
    if judged.allowed:
        assert judged.service not in ("Operate", "Select", "SelectWithValue", "Cancel")
        assert not any("[CO]" in one for one in judged.references if judged.service != "GetDataDefinition")


@given(any_request, grants_of(ALL - {Right.SETTINGS, Right.CONTROL}))
def test_without_settings_and_control_only_report_blocks_are_written(pdu: Pdu, grants: list[Grant]) -> None:
    assert isinstance(pdu, ConfirmedRequest)
    if isinstance(pdu.service, WriteRequest) and judge(pdu, grants, NOW).allowed:
        assert isinstance(pdu.service.variables, VariableList)
        assert all(one.item.split("$")[1] in REPORTS for one in pdu.service.variables.names)


@given(any_request, grants_of(ALL - {Right.READ}))
def test_without_the_right_read_nothing_is_told(pdu: Pdu, grants: list[Grant]) -> None:
    judged = judge(pdu, grants, NOW)
    assert not judged.allowed or judged.steers


@given(any_request, grants_of(ALL))
def test_more_grants_never_let_less_through(pdu: Pdu, grants: list[Grant]) -> None:
    for fewer in range(len(grants)):
        if allowed(pdu, *grants[:fewer]):
            assert allowed(pdu, *grants)


@given(any_request, grants_of(ALL))
def test_a_judgement_does_not_depend_on_the_order_of_grants(pdu: Pdu, grants: list[Grant]) -> None:
    assert allowed(pdu, *grants) == allowed(pdu, *reversed(grants))


@given(any_request)
def test_no_grant_lets_nothing_through(pdu: Pdu) -> None:
    assert not allowed(pdu)


@given(any_request, grants_of(ALL))
def test_a_scoped_grant_lets_through_only_what_lies_in_it(pdu: Pdu, grants: list[Grant]) -> None:
    scoped = [one for one in grants if one.scope]
    judged = judge(pdu, scoped, NOW)
    if judged.allowed and judged.service in ("GetDataValues", "SetDataValues"):
        devices = {pattern.partition("/")[0] for one in scoped for pattern in one.scope}
        assert {one.partition("/")[0] for one in judged.references} <= devices


# --- data sets and blocks under a scope ------------------------------------------------------------


def data_set_of(value: str) -> Pdu:
    return write("MET/LLN0$RP$urcb01$DatSet", data=(Data("visible-string", value),))


SCOPED: list[tuple[str, Pdu, bool]] = [
    ("a data set in it", request(ReadRequest(listed("MET/LLN0$dsMeas"))), True),
    ("a data set outside", request(ReadRequest(listed("HP/LLN0$dsStat"))), False),
    ("members of a data set outside", members_of("HP/LLN0$dsStat"), False),
    ("a log outside", request(ReadJournalRequest(name("LD0/LLN0$GeneralLog"))), False),
    ("an own data set", request(ReadRequest(listed("@mine"))), True),
    ("an own data set of members in it", make("@mine", "MET/MMXU1$MX$TotW"), True),
    ("an own data set of a member outside", make("@mine", "MET/MMXU1$MX$TotW", "HP/LN1$ST$X"), False),
    ("a data set that others see", make("MET/LLN0$new", "MET/MMXU1$MX$TotW"), False),
    ("deleting one that others see", delete("MET/LLN0$new"), False),
    ("deleting an own one and another", delete("@mine", "MET/LLN0$new"), False),
    ("deleting an own one", delete("@mine"), True),
    ("writing a data set", request(WriteRequest(listed("MET/LLN0$dsSet"), (VALUE,))), False),
    ("a block in it", write("MET/LLN0$RP$urcb01$RptEna"), True),
    ("a block outside", write("HP/LLN0$RP$urcb01$RptEna"), False),
    ("a whole block at once", write("MET/LLN0$RP$urcb01"), False),
    ("a block for a data set in it", data_set_of("MET/LLN0$dsMeas"), True),
    ("a block for a data set outside", data_set_of("HP/LLN0$dsStat"), False),
    ("a block for an own data set", data_set_of("@mine"), True),
    ("a block for no data set", data_set_of(""), True),
    ("a block for what is no data set", data_set_of("MET"), False),
]  # fmt: skip


@pytest.mark.parametrize(("_what", "pdu", "passes"), SCOPED, ids=[row[0] for row in SCOPED])
def test_a_scope_holds_for_data_sets_and_blocks(_what: str, pdu: Pdu, passes: bool) -> None:
    assert allowed(pdu, grant(*ALL, scope=("MET/*",))) is passes
    if _what != "a block for what is no data set":
        assert allowed(pdu, grant(*ALL))


WORDS: list[tuple[Pdu, str]] = [
    (write("MET/LLN0$BR$brcb01$RptEna"), "SetBRCBValues"),
    (write("MET/LLN0$RP$urcb01$RptEna"), "SetURCBValues"),
    (write("LD0/LLN0$LG$lcb$LogEna"), "SetLCBValues"),
    (read("MET/LLN0$BR$brcb01"), "GetBRCBValues"),
    (request(ReadRequest(listed("MET/LLN0$dsMeas"))), "GetDataSetValues"),
    (request(WriteRequest(listed("MET/LLN0$dsSet"), (VALUE,))), "SetDataSetValues"),
    (make("@mine", "MET/MMXU1$MX$TotW"), "CreateDataSet"),
    (delete("@mine"), "DeleteDataSet"),
    (members_of("MET/LLN0$dsMeas"), "GetDataSetDirectory"),
    (request(ReadJournalRequest(name("LD0/LLN0$GeneralLog"))), "QueryLogByTime"),
]


@pytest.mark.parametrize(("pdu", "service"), WORDS, ids=[row[1] for row in WORDS])
def test_the_audit_names_the_abstract_service(pdu: Pdu, service: str) -> None:
    judged = judge(pdu, [grant(*ALL)], NOW)
    assert (judged.service, judged.allowed) == (service, True)
    assert judged.steers is service.startswith(("Set", "Create", "Delete"))


# --- schedules -------------------------------------------------------------------------------------

OWN = {1: 2}
"""Slot 2 is ready for the grant."""


def may_schedule(pdu: Pdu, holder: Grant | None = None, slots: dict[int, int] | None = None) -> bool:
    held = holder or grant(Right.SCHEDULE)
    return judge(pdu, [held], NOW, OWN if slots is None else slots).allowed


@pytest.mark.parametrize(
    "item",
    [
        *("EvuFSCH2$SP$NumEntr", "EvuFSCH2$SP$SchdIntv$setVal", "SgrFSCH2$SP$ValING001$setVal"),
        *("Rl1FSCH2$SP$StrTm1", "PwrFSCH2$SP$SchdReuse$setVal"),
    ],
)
def test_the_settings_of_ones_own_schedules_may_be_written(item: str) -> None:
    assert may_schedule(write(f"SCH/{item}"))
    assert may_schedule(read(f"SCH/{item}"))
    for slots in ({}, {1: 1}, {1: 3}, {9: 2}):
        assert not may_schedule(write(f"SCH/{item}"), slots=slots), "not ready, or another's"
        assert not may_schedule(read(f"SCH/{item}"), slots=slots)
    assert not may_schedule(write(f"SCH/{item}"), grant(*(ALL - {Right.SCHEDULE})))


@pytest.mark.parametrize(
    "name_",
    [
        *("SCH/EvuFSCH2$SP$SchdPrio", "SCH/EvuFSCH2$SP$SchdPrio$setVal", "SCH/EvuFSCH2$SP", "SCH/EvuFSCH2"),
        *("SCH/EvuFSCH1$SP$NumEntr", "SCH/EvuFSCH12$SP$NumEntr", "SCH/EvuFSCH02$SP$NumEntr"),
        *("SCH/EvuFSCC2$SP$Schd1", "SCH/FSCH2$SP$NumEntr", "SCH/LLN0$SP$NumEntr", "XSCH/EvuFSCH2$SP$NumEntr"),
        *("SCH/EvuFSCH2$CF$NumEntr$minVal", "SCH/EvuFSCH2$ST$SchdSt", "SCH/EvuFSCH2$CO$Mod$Oper"),
        *("SCH/EvuFSCH2$CO$EnaReq$ctlVal", "SCH/EvuFSCH2$CO$EnaReq", "SCH/EvuFSCH2$CO$EnaReq$x$Oper"),
        "HP/EvuGGIO1$CO$SPCSO1$Oper",
    ],
)
def test_nothing_else_is_changed_by_who_may_schedule(name_: str) -> None:
    assert not may_schedule(write(name_, data=(command(),)))


def test_one_pdu_that_touches_two_slots_is_refused_whole() -> None:
    assert may_schedule(write("SCH/EvuFSCH2$SP$NumEntr", "SCH/SgrFSCH2$SP$NumEntr"))
    assert not may_schedule(write("SCH/EvuFSCH2$SP$NumEntr", "SCH/EvuFSCH1$SP$NumEntr"))
    assert not may_schedule(write("SCH/EvuFSCH2$SP$NumEntr", "SCH/EvuFSCH2$SP$SchdPrio"))


@pytest.mark.parametrize("command_", ["EnaReq", "DsaReq"])
@pytest.mark.parametrize("way", ["Oper", "SBOw", "Cancel"])
def test_ones_own_schedules_are_enabled_and_disabled(command_: str, way: str) -> None:
    asked = write(f"SCH/EvuFSCH2$CO${command_}${way}", data=(command(),))
    assert may_schedule(asked)
    assert not may_schedule(asked, slots={1: 1})
    assert not may_schedule(asked, grant(Right.CONTROL, Right.SETTINGS, Right.READ))


def test_who_may_schedule_sees_his_own_and_no_more() -> None:
    assert may_schedule(read("SCH/EvuFSCH2$ST$SchdSt", "SCH/EvuFSCH2$SP$SchdPrio"))
    assert may_schedule(read("SCH/EvuFSCH2$CO$EnaReq$SBO"))
    assert may_schedule(request(GetVariableAccessAttributesRequest(name("SCH/EvuFSCH2"))))
    assert not may_schedule(request(GetVariableAccessAttributesRequest(name("SCH/EvuFSCH3"))))
    assert not may_schedule(read("MET/MMXU1$MX$TotW"))


def start(at: float) -> Data:
    """A start time: setTm alone, as it stands in the whole of StrTm beside setCal."""
    return Data(
        "structure", (Data("utc-time", Timestamp.from_unix(at)), Data("structure", (Data("integer", 0),)))
    )


def test_no_start_lies_after_the_end_of_the_grant() -> None:
    ends = grant(Right.SCHEDULE, until=NOW + 100)
    for item, make in (
        ("StrTm1", start),
        ("StrTm1$setTm", lambda at: Data("utc-time", Timestamp.from_unix(at))),
    ):
        assert may_schedule(write(f"SCH/EvuFSCH2$SP${item}", data=(make(NOW + 99),)), ends)
        assert not may_schedule(write(f"SCH/EvuFSCH2$SP${item}", data=(make(NOW + 100),)), ends)
        assert may_schedule(write(f"SCH/EvuFSCH2$SP${item}", data=(make(0.0),)), ends), "none is set"
    both = write("SCH/EvuFSCH2$SP$NumEntr", "SCH/EvuFSCH2$SP$StrTm1", data=(VALUE, start(NOW + 101)))
    assert not may_schedule(both, ends)
    assert not may_schedule(write("SCH/EvuFSCH2$CO$EnaReq$Oper", data=(command(NOW + 100),)), ends)


def test_a_scope_narrows_schedules_too() -> None:
    narrow = grant(Right.SCHEDULE, scope=("SCH/EvuFSCH2.*",))
    assert may_schedule(write("SCH/EvuFSCH2$SP$NumEntr"), narrow)
    assert not may_schedule(write("SCH/SgrFSCH2$SP$NumEntr"), narrow)


def test_each_grant_counts_with_its_own_slot_and_end() -> None:
    """The slot of one grant and the later end of another are no right together."""
    short = Grant(1, "agg", "hp0001", frozenset({Right.SCHEDULE}), until=NOW + 100)
    long = Grant(2, "agg", "hp0001", frozenset({Right.SCHEDULE}), until=NOW + 900)
    later = write("SCH/EvuFSCH1$SP$StrTm1", data=(start(NOW + 200),))
    assert not judge(later, [short, long], NOW, {1: 1, 2: 2}).allowed
    assert judge(later, [short, long], NOW, {1: 3, 2: 1}).allowed
