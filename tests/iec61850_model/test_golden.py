"""The 8-2 XML of every kind of PDU, byte for byte, beside the PDU it stands for."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import get_args

import pytest

from iec61850_model.mms.pdu import (
    MAX_CALLING_INSUFFICIENT,
    PDU_SIZE,
    Array,
    CancelError,
    CancelRequest,
    CancelResponse,
    ConcludeError,
    ConcludeRequest,
    ConcludeResponse,
    ConfirmedError,
    ConfirmedRequest,
    ConfirmedResponse,
    Data,
    DataAccessError,
    DefineNamedVariableListRequest,
    DefineNamedVariableListResponse,
    DeleteNamedVariableListRequest,
    DeleteNamedVariableListResponse,
    ErrorClass,
    GetNamedVariableListAttributesRequest,
    GetNamedVariableListAttributesResponse,
    GetNameListRequest,
    GetNameListResponse,
    GetVariableAccessAttributesRequest,
    GetVariableAccessAttributesResponse,
    InformationReport,
    InitiateError,
    InitiateRequest,
    InitiateResponse,
    JournalEntry,
    MmsError,
    ObjectClass,
    ObjectName,
    ObjectScope,
    Payload,
    Pdu,
    Primitive,
    ReadJournalRequest,
    ReadJournalResponse,
    ReadRequest,
    ReadResponse,
    Reject,
    RejectReason,
    RequestService,
    ResponseService,
    Structure,
    Tag,
    Unconfirmed,
    UnknownService,
    VariableList,
    VariableListName,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.mms.xer import decode_payload, encode_payload, parse
from iec61850_model.values import EntryTime, Timestamp

GOLDEN = Path(__file__).parent / "golden"

FLOAT = Primitive("floating-point", 32)
TIME = Timestamp(0x69215A80, 0x400000, 0x0A)
Q_GOOD = Data("bit-string", "0" * 13)
MAGNITUDE = Data("structure", (Data("floating-point", 1234.5),))
MEASURED = Data("structure", (MAGNITUDE, Q_GOOD, Data("utc-time", TIME)))
ORIGIN = Data("structure", (Data("integer", 2), Data("octet-string", b"hub")))


def named(*names: ObjectName) -> VariableList:
    return VariableList(names)


def asked(invoke_id: int, service: object) -> Payload:
    return Payload(ConfirmedRequest(invoke_id, service))  # type: ignore[arg-type]  # a table of all services


def answered(invoke_id: int, service: object) -> Payload:
    return Payload(ConfirmedResponse(invoke_id, service))  # type: ignore[arg-type]  # a table of all services


LAST_APPL_ERROR = Unconfirmed(
    InformationReport(
        named(ObjectName("LastApplError")),
        (
            Data(
                "structure",
                (
                    Data("visible-string", "HP1LD0/GGIO1$CO$SPCSO1"),
                    Data("integer", 0),
                    ORIGIN,
                    Data("unsigned", 1),
                    Data("integer", 10),
                ),
            ),
        ),
    )
)
REPORT = Unconfirmed(
    InformationReport(
        VariableListName(ObjectName("RPT")),
        (
            Data("visible-string", "HP1LD0/LLN0$BR$brcbMeas01"),
            Data("bit-string", "0111101110"),
            Data("unsigned", 3),
            Data("binary-time", EntryTime(0x02A3B4C5, 0x3A98)),
            Data("visible-string", "HP1LD0/LLN0$dsMeas"),
            Data("boolean", False),
            Data("octet-string", bytes(7) + b"\x05"),
            Data("unsigned", 1),
            Data("bit-string", "10"),
            MEASURED,
            Data("bit-string", "0100000"),
        ),
    )
)
READ_TOTW = ConfirmedRequest(7, ReadRequest(named(ObjectName("MMXU1$MX$TotW$mag$f", "HP1LD0"))))
OPERATE = Data(
    "structure",
    (
        Data("boolean", True),
        ORIGIN,
        Data("unsigned", 1),
        Data("utc-time", TIME),
        Data("boolean", False),
        Data("bit-string", "00"),
    ),
)
TIMED = Data("structure", (OPERATE[1][0], Data("utc-time", TIME), *OPERATE[1][1:]))
CANCEL = Data("structure", TIMED[1][:-1])
ERROR = LAST_APPL_ERROR.service.results[0]
SPCSO1 = ObjectName("EvuGGIO1$CO$SPCSO1$Oper", "HP")
EVERY_KIND = (
    Data("boolean", True),
    Data("boolean", False),
    Data("integer", -(1 << 63)),
    Data("integer", (1 << 63) - 1),
    Data("unsigned", (1 << 64) - 1),
    Data("floating-point", 23.5),
    Data("floating-point", float("inf")),
    Data("floating-point", -0.0),
    Data("bit-string", "0100001000000"),
    Data("octet-string", b""),
    Data("octet-string", b"\x00\xff"),
    Data("octet-string", bytes(range(64))),
    Data("visible-string", "a < b & c"),
    Data("visible-string", ""),
    Data("mMSString", "Wärme\x00\r\n\t\x1f"),
    Data("utc-time", TIME),
    Data("binary-time", EntryTime(0x02A3B4C5, 0x3A98)),
    Data("structure", (Data("boolean", True), Data("structure", ()))),
    Data("array", (Data("integer", 1), Data("integer", 2))),
)
EVERY_TYPE = Structure(
    (
        ("boolean", Primitive("boolean")),
        ("integer", Primitive("integer", 64)),
        ("unsigned", Primitive("unsigned", 8)),
        ("float", FLOAT),
        ("bits", Primitive("bit-string", 2)),
        ("octets", Primitive("octet-string", -64)),
        ("visible", Primitive("visible-string", -255)),
        ("unicode", Primitive("mMSString", -255)),
        ("utc", Primitive("utc-time")),
        ("binary", Primitive("binary-time")),
        ("array", Array(10, Structure((("xVal", FLOAT),)))),
    )
)
MV_TYPE = Structure(
    (("mag", Structure((("f", FLOAT),))), ("q", Primitive("bit-string", -13)), ("t", Primitive("utc-time")))
)

ENTRY = JournalEntry(
    bytes.fromhex("0000000100000005"),
    EntryTime(0x02A3B4C5, 0x3A98),
    (
        ("MET/MMXU1$MX$TotW", MEASURED),
        ("ReasonCode", Data("bit-string", "0100000")),
    ),
)

MESSAGES: dict[str, Payload] = {
    # Directories
    "getNameList_req_domains": asked(1, GetNameListRequest(ObjectClass.DOMAIN, ObjectScope.VMD)),
    "getNameList_req_vars": asked(
        2,
        GetNameListRequest(ObjectClass.NAMED_VARIABLE, ObjectScope.DOMAIN, "HP1LD0", "MMXU1$MX$TotW"),
    ),
    "getNameList_req_dataSets_aa": asked(
        3, GetNameListRequest(ObjectClass.NAMED_VARIABLE_LIST, ObjectScope.AA)
    ),
    "getNameList_req_journals": asked(4, GetNameListRequest(ObjectClass.JOURNAL, ObjectScope.DOMAIN, "LD0")),
    "getNameList_resp": answered(1, GetNameListResponse(("HP1LD0", "HP1SCH"), more_follows=False)),
    "getNameList_resp_more_follows": answered(2, GetNameListResponse(("MMXU1$MX$TotW",), more_follows=True)),
    "getNameList_resp_empty": answered(4, GetNameListResponse((), more_follows=False)),
    # Definitions
    "getVariableAccessAttributes_req": asked(
        5, GetVariableAccessAttributesRequest(ObjectName("MMXU1$MX$TotW", "MET"))
    ),
    "getVariableAccessAttributes_resp_MV": answered(5, GetVariableAccessAttributesResponse(MV_TYPE)),
    "getVariableAccessAttributes_resp_every_type": answered(
        6, GetVariableAccessAttributesResponse(EVERY_TYPE, mms_deletable=True)
    ),
    # Reading
    "read_req_MMXU1": Payload(READ_TOTW),
    "read_req_several": asked(
        10,
        ReadRequest(
            named(
                ObjectName("MMXU1$MX$TotW", "MET"),
                ObjectName("EvuGGIO1$ST$SPCSO1$stVal", "HP"),
                ObjectName("LastApplError"),
            )
        ),
    ),
    "read_req_data_set_with_specification": asked(
        11, ReadRequest(VariableListName(ObjectName("LLN0$dsMeas", "MET")), specification_with_result=True)
    ),
    "read_req_data_set_of_association": asked(
        12, ReadRequest(VariableListName(ObjectName("@mine", aa_specific=True)))
    ),
    "read_resp_float": answered(7, ReadResponse((Data("floating-point", 1234.5),))),
    "read_resp_do_and_failure": answered(8, ReadResponse((MEASURED, DataAccessError.OBJECT_NON_EXISTENT))),
    "read_resp_every_kind": answered(13, ReadResponse(EVERY_KIND)),
    "read_resp_every_failure": answered(14, ReadResponse(tuple(DataAccessError))),
    # Data sets
    "getNamedVariableListAttributes_req": asked(
        20, GetNamedVariableListAttributesRequest(ObjectName("LLN0$dsMeas", "MET"))
    ),
    "getNamedVariableListAttributes_resp": answered(
        20,
        GetNamedVariableListAttributesResponse(
            (ObjectName("MMXU1$MX$TotW", "MET"), ObjectName("EvuGGIO1$ST$SPCSO1$stVal", "HP")), deletable=True
        ),
    ),
    "defineNamedVariableList_req": asked(
        21,
        DefineNamedVariableListRequest(
            ObjectName("LLN0$dsMine", "MET"),
            (ObjectName("MMXU1$MX$TotW", "MET"), ObjectName("MMXU1$MX$TotW$mag$f", "MET")),
        ),
    ),
    "defineNamedVariableList_req_of_association": asked(
        22,
        DefineNamedVariableListRequest(
            ObjectName("@mine", aa_specific=True), (ObjectName("MMXU1$MX$TotW", "MET"),)
        ),
    ),
    "defineNamedVariableList_resp": answered(21, DefineNamedVariableListResponse()),
    "deleteNamedVariableList_req": asked(
        23,
        DeleteNamedVariableListRequest(
            (ObjectName("LLN0$dsMine", "MET"), ObjectName("@mine", aa_specific=True))
        ),
    ),
    "deleteNamedVariableList_resp": answered(23, DeleteNamedVariableListResponse(2, 1)),
    # Logs
    "readJournal_req_by_time": asked(
        24,
        ReadJournalRequest(
            ObjectName("LLN0$GeneralLog", "LD0"), EntryTime(0, 0x3A98), EntryTime(0x02A3B4C5, 0x3A98)
        ),
    ),
    "readJournal_req_after": asked(
        25, ReadJournalRequest(ObjectName("LLN0$GeneralLog", "LD0"), after=(ENTRY.time, ENTRY.entry_id))
    ),
    "readJournal_resp": answered(25, ReadJournalResponse((ENTRY,), more_follows=True)),
    "readJournal_resp_empty": answered(25, ReadJournalResponse(())),
    # Writing and controls
    "write_oper_SPCSO1": asked(
        9, WriteRequest(named(ObjectName("GGIO1$CO$SPCSO1$Oper", "HP1LD0")), (OPERATE,))
    ),
    "write_req_several": asked(
        15,
        WriteRequest(
            named(ObjectName("HcFCSD1$SP$Crv$numPts", "HP"), ObjectName("LLN0$DC$NamPlt$d", "LD0")),
            (Data("unsigned", 3), Data("visible-string", "box")),
        ),
    ),
    "write_resp_ok": answered(9, WriteResponse((None,))),
    "write_resp_fail": answered(9, WriteResponse((DataAccessError.OBJECT_ACCESS_DENIED,))),
    "write_resp_mixed": answered(15, WriteResponse((None, DataAccessError.OBJECT_ACCESS_DENIED))),
    # Reports
    "report_brcb": Payload(REPORT),
    "lastApplError_report": Payload(LAST_APPL_ERROR),
    "command_termination_report": Payload(Unconfirmed(InformationReport(named(SPCSO1), (OPERATE,)))),
    "command_termination_negative_report": Payload(
        Unconfirmed(InformationReport(named(ObjectName("LastApplError"), SPCSO1), (ERROR, OPERATE)))
    ),
    "timeActivatedOperateTermination_report": Payload(
        Unconfirmed(InformationReport(named(SPCSO1), (TIMED,)))
    ),
    "report_with_failure": Payload(
        Unconfirmed(InformationReport(named(SPCSO1), (Data("boolean", True), DataAccessError.HARDWARE_FAULT)))
    ),
    # Select, SelectWithValue, Cancel
    "read_req_SBO": asked(17, ReadRequest(named(ObjectName("RlyGGIO1$CO$SPCSO1$SBO", "HP")))),
    "read_resp_selected": answered(17, ReadResponse((Data("visible-string", "HP/RlyGGIO1$CO$SPCSO1$SBO"),))),
    "read_resp_not_selected": answered(17, ReadResponse((Data("visible-string", ""),))),
    "write_SBOw": asked(18, WriteRequest(named(ObjectName("EvuGGIO1$CO$SPCSO1$SBOw", "HP")), (TIMED,))),
    "write_Cancel": asked(19, WriteRequest(named(ObjectName("EvuGGIO1$CO$SPCSO1$Cancel", "HP")), (CANCEL,))),
    # Errors and rejects
    "confirmed_error_named": Payload(ConfirmedError(16, PDU_SIZE)),
    "confirmed_error_numbered": Payload(ConfirmedError(17, MmsError(ErrorClass.FILE, 7))),
    "reject_other": Payload(Reject(RejectReason.OTHER)),
    "reject_unrecognized_service": Payload(Reject(RejectReason.UNRECOGNIZED_SERVICE, 18)),
    "reject_unrecognized_modifier": Payload(Reject(RejectReason.UNRECOGNIZED_MODIFIER, 18)),
    "reject_invalid_invokeID": Payload(Reject(RejectReason.INVALID_INVOKE_ID, 18)),
    "reject_invalid_argument": Payload(Reject(RejectReason.INVALID_ARGUMENT, 18)),
    "reject_max_serv_outstanding_exceeded": Payload(Reject(RejectReason.MAX_SERV_OUTSTANDING_EXCEEDED, 18)),
    "reject_max_recursion_exceeded": Payload(Reject(RejectReason.MAX_RECURSION_EXCEEDED, 18)),
    "reject_value_out_of_range": Payload(Reject(RejectReason.VALUE_OUT_OF_RANGE, 0xFFFF_FFFF)),
    "reject_unknown_pdu_type": Payload(Reject(RejectReason.UNKNOWN_PDU_TYPE)),
    "reject_invalid_pdu": Payload(Reject(RejectReason.INVALID_PDU, 0)),
    "reject_illegal_acse_mapping": Payload(Reject(RejectReason.ILLEGAL_ACSE_MAPPING)),
    # Associations
    "initiate_req": Payload(InitiateRequest()),
    "initiate_resp": Payload(InitiateResponse(16_384, 4, 2, 5)),
    "initiate_error": Payload(InitiateError(MmsError(ErrorClass.INITIATE, 6))),
    "conclude_req": Payload(ConcludeRequest()),
    "conclude_resp": Payload(ConcludeResponse()),
    "conclude_error": Payload(ConcludeError(MmsError(ErrorClass.CONCLUDE, 1))),
    "cancel_req": Payload(CancelRequest(19)),
    "cancel_resp": Payload(CancelResponse(19)),
    "cancel_error": Payload(CancelError(19, MmsError(ErrorClass.CANCEL, 1))),
    "associated_initiate_req": Payload(InitiateRequest(), "7"),
    "associated_read_req": Payload(READ_TOTW, "12:345"),
    "associated_lastApplError_report": Payload(LAST_APPL_ERROR, "12:345"),
    "associated_conclude_req": Payload(ConcludeRequest(), "1:27"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_the_file_is_read_as_this_pdu(name: str) -> None:
    element = parse((GOLDEN / f"{name}.xml").read_bytes())
    assert decode_payload(element, strict=True) == MESSAGES[name]
    assert decode_payload(element, strict=False) == MESSAGES[name]


@pytest.mark.parametrize("name", MESSAGES)
def test_this_pdu_is_written_as_the_file(name: str) -> None:
    assert encode_payload(MESSAGES[name]).encode() == (GOLDEN / f"{name}.xml").read_bytes()


def test_every_file_has_its_pdu() -> None:
    assert {path.stem for path in GOLDEN.glob("*.xml")} == set(MESSAGES)


def test_every_kind_of_pdu_value_type_and_reason_has_a_file() -> None:
    pdus = [payload.pdu for payload in MESSAGES.values()]
    assert {type(pdu) for pdu in pdus} == set(get_args(Pdu))
    requests = {type(pdu.service) for pdu in pdus if isinstance(pdu, ConfirmedRequest)}
    assert requests == set(get_args(RequestService)) - {UnknownService}
    responses = {type(pdu.service) for pdu in pdus if isinstance(pdu, ConfirmedResponse)}
    assert responses == set(get_args(ResponseService)) - {UnknownService}
    assert {pdu.reason for pdu in pdus if isinstance(pdu, Reject)} == set(RejectReason)
    assert {value.tag for value in EVERY_KIND} == set(get_args(Tag))
    kinds = {part.tag for _, part in EVERY_TYPE.components if isinstance(part, Primitive)}
    assert kinds == set(get_args(Tag)) - {"structure", "array"}


def test_nan_keeps_its_bits() -> None:
    nan = struct.unpack(">f", bytes.fromhex("FFC0ABCD"))[0]
    payload = answered(1, ReadResponse((Data("floating-point", nan),)))
    assert "<floating-point>FFC0ABCD</floating-point>" in encode_payload(payload)


# --- errors by name, as the standard numbers them (ISO 9506-2) ------------------------------------

NUMBERED = [
    ("definition", "object-undefined", 1),
    ("resource", "memory-unavailable", 1),
    ("service", "pdu-size", 3),
    ("service", "continuation-invalid", 4),
    ("service", "object-constraint-conflict", 5),
    ("access", "object-non-existent", 2),
    ("access", "object-access-denied", 3),
    ("initiate", "version-incompatible", 1),
    ("initiate", "parameter-CBB-insufficient", 6),
    ("conclude", "further-communication-required", 1),
    ("cancel", "invoke-id-unknown", 1),
]


@pytest.mark.parametrize(("error_class", "name", "code"), NUMBERED)
def test_an_error_may_come_by_name_or_number(error_class: str, name: str, code: int) -> None:
    golden = (GOLDEN / "confirmed_error_named.xml").read_text()
    for text in (f"<{name}/>", name, str(code)):
        xml = golden.replace("<service><pdu-size/></service>", f"<{error_class}>{text}</{error_class}>")
        expected = ConfirmedError(16, MmsError(ErrorClass(error_class), code))
        assert decode_payload(parse(xml), strict=True).pdu == expected
        assert expected.error.text == name


def test_an_error_without_a_name_is_told_by_class_and_number() -> None:
    assert MmsError(ErrorClass.FILE, 7).text == "file 7"
    assert MAX_CALLING_INSUFFICIENT.text == "max-services-outstanding-calling-insufficient"
