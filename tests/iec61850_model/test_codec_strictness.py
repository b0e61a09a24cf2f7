"""What strict reading refuses and lenient reading takes (8-2, 10.2.2.1.4), and what both refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from iec61850_model.mms.pdu import (
    MAX_NESTING,
    ConcludeRequest,
    ConfirmedRequest,
    Data,
    Payload,
    ReadResponse,
    RejectReason,
    UnknownService,
)
from iec61850_model.mms.xer import MalformedPdu, decode, decode_payload, parse
from iec61850_model.mms.xer.names import MAX_TYPE_NESTING, MAX_VARIABLES

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.xml").read_text()


def read(xml: str, *, strict: bool) -> Payload:
    return decode_payload(parse(xml), strict=strict)


def changed(name: str, old: str, new: str) -> str:
    text = golden(name)
    assert old in text
    return text.replace(old, new)


# --- strict refuses, lenient takes ----------------------------------------------------------------

ONLY_LENIENT = {
    "foreign namespace": ("read_req_MMXU1", ' xmlns="http://www.iec.ch/61850/2018/SCSM_8_2"', ""),
    "foreign namespace inside": ("read_req_MMXU1", "<read ", '<read xmlns="urn:other" '),
    "unknown element": ("read_req_MMXU1", "</invokeID>", "</invokeID><mustKnow/>"),
    "unknown element of another namespace": (
        "read_req_MMXU1",
        "</read>",
        '<token xmlns="urn:other">1</token></read>',
    ),
    "unknown attribute": ("read_req_MMXU1", "<invokeID>", '<invokeID unit="1">'),
    "unknown attribute beside a known one": ("read_req_MMXU1", "<read ", '<read moreFollows="true" '),
    "stray text": ("read_req_MMXU1", "</invokeID>", "</invokeID>and"),
    "stray text before": ("read_req_MMXU1", "<listOfVariable>", "<listOfVariable>first"),
    "text in an empty element": ("getNameList_req_domains", "<vmdSpecific/>", "<vmdSpecific>x</vmdSpecific>"),
    "element in an empty element": ("write_resp_ok", "<success/>", "<success><x/></success>"),
    "attribute of an empty element": ("conclude_req", "/>", ' x="1"/>'),
    "attribute of the context": ("associated_conclude_req", "assoID", 'to="x" assoID'),
    "text in a named integer": ("write_resp_fail", "<object-access-denied/>", "<object-access-denied/>x"),
    "unknown element in a type": ("getVariableAccessAttributes_resp_MV", "<components>", "<x/><components>"),
}


@pytest.mark.parametrize("case", ONLY_LENIENT)
def test_strict_refuses_what_lenient_skips(case: str) -> None:
    name, old, new = ONLY_LENIENT[case]
    xml = changed(name, old, new)
    with pytest.raises(MalformedPdu):
        read(xml, strict=True)
    assert read(xml, strict=False) == read(golden(name), strict=True)


# --- both take ------------------------------------------------------------------------------------

BOTH_TAKE = {
    "boolean as element": ("report_brcb", "<boolean>false<", "<boolean><false/><"),
    "boolean as digit": ("report_brcb", "<boolean>false<", "<boolean>0<"),
    "error by number": ("write_resp_fail", "<object-access-denied/>", "3"),
    "error as text": ("write_resp_fail", "<object-access-denied/>", "object-access-denied"),
    "hex in lower case": ("read_resp_float", "449A5000", "449a5000"),
    "blanks around a number": ("read_req_MMXU1", "<invokeID>7<", "<invokeID> 7\n<"),
    "blanks around a name": ("read_req_MMXU1", "<domainId>HP1LD0<", "<domainId>\n HP1LD0 <"),
    "line breaks between elements": ("read_req_MMXU1", "><", ">\n  <"),
    "default left out": ("read_req_MMXU1", ' specificationWithResult="false"', ""),
    "moreFollows left out means true": ("getNameList_resp_more_follows", ' moreFollows="true"', ""),
    "reject by number": ("reject_invalid_pdu", "<invalid-pdu/>", "1"),
    "comment": ("read_req_MMXU1", "<invokeID>", "<!-- c --><invokeID>"),
    "packed left out": ("getVariableAccessAttributes_resp_MV", ' packed="false"', ""),
}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("case", BOTH_TAKE)
def test_both_take_what_means_the_same(case: str, strict: bool) -> None:
    name, old, new = BOTH_TAKE[case]
    assert read(changed(name, old, new), strict=strict) == read(golden(name), strict=True)


def test_an_absent_nesting_level_means_no_limit() -> None:
    level = "<proposedDataStructureNestingLevel>8</proposedDataStructureNestingLevel>"
    assert read(changed("initiate_req", level, ""), strict=True).pdu.nesting == 0x7F  # type: ignore[union-attr]  # an initiate


# --- both refuse ----------------------------------------------------------------------------------

VARIABLE = (
    "<SEQUENCE><variableSpecification><name><domain-specific><domainId>HP1LD0</domainId>"
    "<itemId>MMXU1$MX$TotW$mag$f</itemId></domain-specific></name></variableSpecification></SEQUENCE>"
)
INVALID_PDU, INVALID_ARGUMENT = RejectReason.INVALID_PDU, RejectReason.INVALID_ARGUMENT
OUT_OF_RANGE = RejectReason.VALUE_OUT_OF_RANGE
TOO_DEEP = RejectReason.MAX_RECURSION_EXCEEDED
F = "<floating-point>449A5000</floating-point>"
MV, TYPE = "getVariableAccessAttributes_resp_MV", "getVariableAccessAttributes_resp_every_type"
BOTH_REFUSE = {
    # structure of the PDU
    "repeated element": ("read_req_MMXU1", "<invokeID>7", "<invokeID>7</invokeID><invokeID>8", INVALID_PDU),
    "missing element": ("read_req_MMXU1", "<invokeID>7</invokeID>", "", INVALID_PDU),
    "two services": ("read_req_MMXU1", "</read>", "</read><read/>", INVALID_PDU),
    "no service": ("conclude_req", "conclude-RequestPDU", "confirmed-RequestPDU", INVALID_PDU),
    "not a PDU": ("conclude_req", "conclude-RequestPDU", "include", RejectReason.UNKNOWN_PDU_TYPE),
    "read without variables": ("read_req_MMXU1", VARIABLE, "", INVALID_ARGUMENT),
    "name without item": ("read_req_MMXU1", "<itemId>MMXU1$MX$TotW$mag$f</itemId>", "", INVALID_PDU),
    "unknown kind of name": ("report_brcb", "<vmd-specific>RPT</vmd-specific>", "<x/>", INVALID_PDU),
    "another unconfirmed service": (
        "report_brcb",
        "informationReport",
        "unsolicitedStatus",
        RejectReason.UNRECOGNIZED_SERVICE,
    ),
    # the association context
    "two PDUs in a context": ("associated_conclude_req", "/></assoc", "/><x/></assoc", INVALID_PDU),
    "no PDU in a context": ("associated_conclude_req", "<conclude-RequestPDU/>", "", INVALID_PDU),
    "context in a context": (
        "associated_conclude_req",
        "<conclude-RequestPDU/>",
        '<associationContext assoID="1"><conclude-RequestPDU/></associationContext>',
        RejectReason.UNKNOWN_PDU_TYPE,
    ),
    "no association id": ("associated_conclude_req", ' assoID="1:27"', "", INVALID_PDU),
    "bad association id": ("associated_conclude_req", "1:27", "1:2700", INVALID_PDU),
    "association id of letters": ("associated_conclude_req", "1:27", "a:b", INVALID_PDU),
    # what is not supported
    "alternateAccess": (
        "read_req_MMXU1",
        "</variableSpecification>",
        "</variableSpecification><alternateAccess/>",
        INVALID_ARGUMENT,
    ),
    "access by address": ("read_req_MMXU1", "<name>", "<address/><name>", INVALID_PDU),
    "too many variables": ("read_req_MMXU1", VARIABLE, VARIABLE * (MAX_VARIABLES + 1), OUT_OF_RANGE),
    "listing another class": ("getNameList_req_domains", "<domain/>", "<semaphore/>", INVALID_ARGUMENT),
    # numbers and texts
    "number out of range": ("read_req_MMXU1", ">7<", ">4294967296<", OUT_OF_RANGE),
    "negative invokeID": ("read_req_MMXU1", ">7<", ">-1<", OUT_OF_RANGE),
    "number with sign": ("read_req_MMXU1", ">7<", ">+7<", INVALID_ARGUMENT),
    "number in other digits": ("read_req_MMXU1", ">7<", ">٧<", INVALID_ARGUMENT),
    "number of many digits": ("read_req_MMXU1", ">7<", f">{'7' * 5000}<", INVALID_ARGUMENT),
    "integer over 64 bits": ("read_resp_float", F, "<integer>9223372036854775808</integer>", OUT_OF_RANGE),
    "unsigned below zero": ("read_resp_float", F, "<unsigned>-1</unsigned>", OUT_OF_RANGE),
    "float of 5 octets (BER form)": ("read_resp_float", "449A5000", "08449A5000", INVALID_ARGUMENT),
    "odd hex": ("read_resp_float", "449A5000", "449A500", INVALID_ARGUMENT),
    "hex with blanks": ("read_resp_float", "449A5000", "449A 5000", INVALID_ARGUMENT),
    "hex of other letters": ("read_resp_float", "449A5000", "449A500G", INVALID_ARGUMENT),
    "time of 7 octets": ("read_resp_do_and_failure", "69215A804000000A", "69215A80400000", INVALID_ARGUMENT),
    "binary time of 4 octets": ("report_brcb", "02A3B4C53A98", "02A3B4C5", INVALID_ARGUMENT),
    "empty bit string": ("report_brcb", "<bit-string>10<", "<bit-string><", INVALID_ARGUMENT),
    "bit string of other digits": ("report_brcb", "<bit-string>10<", "<bit-string>12<", INVALID_ARGUMENT),
    "long bit string": ("report_brcb", "<bit-string>10<", f"<bit-string>{'1' * 1025}<", INVALID_ARGUMENT),
    "boolean of another word": ("report_brcb", "<boolean>false<", "<boolean>no<", INVALID_ARGUMENT),
    "visible string beyond ASCII": ("report_brcb", "HP1LD0/LLN0$dsMeas", "Wärme", INVALID_ARGUMENT),
    "unknown control character": ("read_resp_every_kind", "<nul/>", "<null/>", INVALID_PDU),
    "unknown kind of value": ("read_resp_float", F, "<real>1</real>", INVALID_ARGUMENT),
    "data error out of range": ("write_resp_fail", "<object-access-denied/>", "12", OUT_OF_RANGE),
    "neither success nor failure": ("write_resp_ok", "<success/>", "<maybe/>", INVALID_PDU),
    "name too long": ("read_req_MMXU1", "HP1LD0", "H" * 130, INVALID_ARGUMENT),
    "empty name": ("read_req_MMXU1", "HP1LD0", " ", INVALID_ARGUMENT),
    "name beyond ASCII": ("read_req_MMXU1", "HP1LD0", "WÄRME", INVALID_ARGUMENT),
    "flag of another word": ("read_req_MMXU1", 'Result="false"', 'Result="maybe"', INVALID_ARGUMENT),
    "unknown error class": ("confirmed_error_numbered", "file>", "life>", INVALID_PDU),
    # depth
    "value too deep": (
        "read_resp_float",
        F,
        "<structure><Data>" * (MAX_NESTING + 1) + F + "</Data></structure>" * (MAX_NESTING + 1),
        TOO_DEEP,
    ),
    "type too deep": (
        MV,
        "<utc-time/>",
        "<array><numberOfElements>1</numberOfElements><elementType><typeDescription>" * MAX_TYPE_NESTING
        + "<utc-time/>"
        + "</typeDescription></elementType></array>" * MAX_TYPE_NESTING,
        TOO_DEEP,
    ),
    # types
    "unknown type": (MV, "<utc-time/>", "<generalized-time/>", INVALID_ARGUMENT),
    "double precision": (TYPE, "<format-width>32", "<format-width>64", INVALID_ARGUMENT),
    "integer of 65 bits": (TYPE, "<integer>64", "<integer>65", OUT_OF_RANGE),
    "array of too many": (TYPE, "<numberOfElements>10", "<numberOfElements>65536", OUT_OF_RANGE),
    # initiate
    "CBB of other digits": ("initiate_req", "11100000000", "yes", INVALID_ARGUMENT),
    "version missing": (
        "initiate_req",
        "<proposedVersionNumber>1</proposedVersionNumber>",
        "",
        INVALID_PDU,
    ),
    "PDU size out of range": ("initiate_req", "65536", "16777217", OUT_OF_RANGE),
}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("case", BOTH_REFUSE)
def test_both_refuse_and_say_why(case: str, strict: bool) -> None:
    name, old, new, reason = BOTH_REFUSE[case]
    element = parse(changed(name, old, new))
    with pytest.raises(MalformedPdu) as refused:
        decode_payload(element, strict=strict)
    assert refused.value.reason is reason
    assert str(refused.value).isascii()
    assert len(str(refused.value)) < 300  # fits a log line, whatever came in


def test_a_refused_request_is_named_by_its_invoke_id() -> None:
    with pytest.raises(MalformedPdu) as refused:
        decode(parse(changed("read_req_MMXU1", "<name>", "<address/><name>")))
    assert refused.value.invoke_id == 7
    with pytest.raises(MalformedPdu) as refused:
        decode(parse(changed("read_req_MMXU1", ">7<", ">x<")))
    assert refused.value.invoke_id is None


@pytest.mark.parametrize("strict", [True, False])
def test_a_service_that_is_not_known_is_named(strict: bool) -> None:
    xml = golden("read_req_MMXU1").replace("<read ", "<fileOpen ").replace("</read>", "</fileOpen>")
    assert read(xml, strict=strict).pdu == ConfirmedRequest(7, UnknownService("fileOpen"))


def test_every_control_character_has_its_name() -> None:
    names = (
        *("nul", "soh", "stx", "etx", "eot", "enq", "ack", "bel", "bs", "ht", "lf", "vt", "ff", "cr"),
        *("so", "si", "dle", "dc1", "dc2", "dc3", "dc4", "nak", "syn", "etb", "can", "em", "sub", "esc"),
        *("is4", "is3", "is2", "is1"),
    )
    xml = changed("read_resp_float", F, f"<mMSString>{''.join(f'<{name}/>' for name in names)}</mMSString>")
    service = read(xml, strict=True).pdu.service  # type: ignore[union-attr]  # a confirmed response
    assert service == ReadResponse((Data("mMSString", "".join(map(chr, range(32)))),))


def test_a_bare_pdu_is_in_no_association() -> None:
    assert read(golden("conclude_req"), strict=True) == Payload(ConcludeRequest(), None)
