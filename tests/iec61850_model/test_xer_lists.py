"""The data set services in XML: what both ways of reading take, skip and refuse (8-2 clause 14)."""

from __future__ import annotations

from pathlib import Path

import pytest

from iec61850_model.mms.pdu import (
    ConfirmedRequest,
    ConfirmedResponse,
    DefineNamedVariableListRequest,
    DeleteNamedVariableListRequest,
    DeleteNamedVariableListResponse,
    GetNamedVariableListAttributesResponse,
    ObjectName,
    Payload,
    RejectReason,
    RequestService,
    ResponseService,
)
from iec61850_model.mms.xer import MalformedPdu, UnencodableValue, decode_payload, encode, parse
from iec61850_model.mms.xer.lists import MAX_LISTS, UNSIGNED32_MAX
from iec61850_model.mms.xer.names import MAX_VARIABLES

GOLDEN = Path(__file__).parent / "golden"
NAME = ObjectName("LLN0$dsMine", "MET")
GET, DEFINE, DELETE = (
    f"{service}NamedVariableList{rest}"
    for service, rest in (("get", "Attributes"), ("define", ""), ("delete", ""))
)
OWN = "<aa-specific>@mine</aa-specific>"
ONE = "<domain-specific><domainId>MET</domainId><itemId>LLN0$dsMine</itemId></domain-specific>"
LIST = (
    f"<listOfVariableListName><ObjectName>{ONE}</ObjectName><ObjectName>{OWN}</ObjectName>"
    "</listOfVariableListName>"
)
TAG = f"<{DEFINE}/>"
ARGUMENT, PDU, RANGE = (
    RejectReason.INVALID_ARGUMENT,
    RejectReason.INVALID_PDU,
    RejectReason.VALUE_OUT_OF_RANGE,
)


def changed(name: str, old: str, new: str) -> str:
    text = (GOLDEN / f"{name}.xml").read_text()
    assert old in text
    return text.replace(old, new)


def read(xml: str, *, strict: bool) -> Payload:
    return decode_payload(parse(xml), strict=strict)


BOTH_TAKE = {
    "scope left out is specific": (f"{DELETE}_req", ' scopeOfDelete="specific"', ""),
    "scope as number": (f"{DELETE}_req", '"specific"', '"0"'),
    "deletable as element": (f"{GET}_resp", "<mmsDeletable>true<", "<mmsDeletable><true/><"),
    "line breaks": (f"{DEFINE}_resp", TAG, f"<{DEFINE}>\n</{DEFINE}>"),
}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("case", BOTH_TAKE)
def test_both_take_what_means_the_same(case: str, strict: bool) -> None:
    name, old, new = BOTH_TAKE[case]
    unchanged = (GOLDEN / f"{name}.xml").read_text()
    assert read(changed(name, old, new), strict=strict) == read(unchanged, strict=True)


ONLY_LENIENT = {
    "unknown attribute": (f"{GET}_req", f"<{GET}>", f'<{GET} scopeOfDelete="specific">'),
    "unknown element": (f"{DELETE}_resp", "</numberDeleted>", "</numberDeleted><x/>"),
    "access control": (
        f"{GET}_resp",
        "</listOfVariable>",
        "</listOfVariable><accessControlList>M</accessControlList>",
    ),
    "something in an empty answer": (f"{DEFINE}_resp", TAG, f"<{DEFINE}>1</{DEFINE}>"),
}


@pytest.mark.parametrize("case", ONLY_LENIENT)
def test_strict_refuses_what_lenient_skips(case: str) -> None:
    name, old, new = ONLY_LENIENT[case]
    with pytest.raises(MalformedPdu):
        read(changed(name, old, new), strict=True)
    unchanged = (GOLDEN / f"{name}.xml").read_text()
    assert read(changed(name, old, new), strict=False) == read(unchanged, strict=True)


BOTH_REFUSE = {
    "no name": (f"{GET}_req", "domain-specific", "symbolic", PDU),
    "two names": (f"{GET}_req", f"<{GET}>", f"<{GET}>{OWN}", PDU),
    "another scope": (f"{DELETE}_req", '"specific"', '"vmd"', ARGUMENT),
    "another scope by number": (f"{DELETE}_req", '"specific"', '"2"', ARGUMENT),
    "all of a domain": (f"{DELETE}_req", LIST, f"<domainName>MET</domainName>{LIST}", ARGUMENT),
    "nothing to delete": (f"{DELETE}_req", LIST, "<listOfVariableListName/>", ARGUMENT),
    "no list to delete": (f"{DELETE}_req", LIST, "", ARGUMENT),
    "names without their element": (f"{DELETE}_req", "ObjectName", "Identifier", PDU),
    "created without a name": (f"{DEFINE}_req", f"<variableListName>{ONE}</variableListName>", "", ARGUMENT),
    "created with two names": (f"{DEFINE}_req", "</variableListName>", f"{OWN}</variableListName>", PDU),
    "part of an array": (
        f"{DEFINE}_req",
        "</variableSpecification>",
        "</variableSpecification><alternateAccess/>",
        ARGUMENT,
    ),
    "a member by name and address": (f"{DEFINE}_req", "<name>", "<address/><name>", PDU),
    "a negative count": (f"{DELETE}_resp", "<numberDeleted>1", "<numberDeleted>-1", RANGE),
    "a count too large": (
        f"{DELETE}_resp",
        "<numberMatched>2",
        f"<numberMatched>{UNSIGNED32_MAX + 1}",
        RANGE,
    ),
    "no count": (f"{DELETE}_resp", "<numberDeleted>1</numberDeleted>", "", ARGUMENT),
    "deletable is no boolean": (f"{GET}_resp", "<mmsDeletable>true<", "<mmsDeletable>maybe<", ARGUMENT),
    "deletable is missing": (f"{GET}_resp", "<mmsDeletable>true</mmsDeletable>", "", ARGUMENT),
}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("case", BOTH_REFUSE)
def test_both_refuse_what_can_not_be_meant(case: str, strict: bool) -> None:
    name, old, new, reason = BOTH_REFUSE[case]
    xml = changed(name, old, new)
    with pytest.raises(MalformedPdu) as told:
        read(xml, strict=strict)
    assert told.value.reason is reason
    assert told.value.invoke_id == (None if name.endswith("_resp") else read_id(xml))


def read_id(xml: str) -> int:
    return int(xml.partition("<invokeID>")[2].partition("<")[0])


def test_a_list_of_members_may_not_be_empty() -> None:
    xml = (GOLDEN / f"{DEFINE}_req.xml").read_text()
    before, _, rest = xml.partition("<listOfVariable>")
    _, _, after = rest.partition("</listOfVariable>")
    with pytest.raises(MalformedPdu, match="listOfVariable is empty"):
        read(f"{before}<listOfVariable></listOfVariable>{after}", strict=True)


# --- bounds ---------------------------------------------------------------------------------------


def asked(service: RequestService) -> str:
    return encode(ConfirmedRequest(1, service))


def answered(service: ResponseService) -> str:
    return encode(ConfirmedResponse(1, service))


@pytest.mark.parametrize("count", [0, MAX_VARIABLES + 1])
def test_members_are_bounded(count: int) -> None:
    names = (NAME,) * count
    with pytest.raises(UnencodableValue, match=f"{count} variables"):
        asked(DefineNamedVariableListRequest(NAME, names))
    with pytest.raises(UnencodableValue, match=f"{count} variables"):
        answered(GetNamedVariableListAttributesResponse(names))


@pytest.mark.parametrize("count", [0, MAX_LISTS + 1])
def test_deleted_data_sets_are_bounded(count: int) -> None:
    with pytest.raises(UnencodableValue, match=f"{count} data sets"):
        asked(DeleteNamedVariableListRequest((NAME,) * count))


def test_more_than_may_be_asked_is_refused() -> None:
    full = asked(DeleteNamedVariableListRequest((NAME,) * MAX_LISTS))
    item = f"<ObjectName>{ONE}</ObjectName>"
    assert read(full, strict=True)
    with pytest.raises(MalformedPdu) as told:
        read(full.replace(item, item * 2, 1), strict=False)
    assert told.value.reason is RANGE


@pytest.mark.parametrize("count", [-1, UNSIGNED32_MAX + 1])
def test_counts_are_unsigned_32_bits(count: int) -> None:
    with pytest.raises(UnencodableValue):
        answered(DeleteNamedVariableListResponse(count, 0))
    with pytest.raises(UnencodableValue):
        answered(DeleteNamedVariableListResponse(0, count))


def test_a_name_is_of_a_domain_or_of_the_association() -> None:
    with pytest.raises(UnencodableValue):
        asked(DefineNamedVariableListRequest(ObjectName("@mine", "MET", aa_specific=True), (NAME,)))
