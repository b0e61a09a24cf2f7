"""readJournal in XML: what both ways of reading take, skip and refuse (8-2, 17.3)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from iec61850_model.mms.pdu import (
    ConfirmedRequest,
    ConfirmedResponse,
    Data,
    JournalEntry,
    ObjectName,
    Payload,
    ReadJournalRequest,
    ReadJournalResponse,
    RejectReason,
)
from iec61850_model.mms.xer import MalformedPdu, UnencodableValue, decode_payload, encode, parse
from iec61850_model.mms.xer.journal import MAX_ENTRIES, MAX_ENTRY_VARIABLES
from iec61850_model.values import EntryTime, Timestamp

GOLDEN = Path(__file__).parent / "golden"
NAME, TIME, ID = ObjectName("LLN0$GeneralLog", "LD0"), EntryTime(0, 0), bytes(7) + b"\x01"
ARGUMENT, PDU, RANGE = (
    RejectReason.INVALID_ARGUMENT,
    RejectReason.INVALID_PDU,
    RejectReason.VALUE_OUT_OF_RANGE,
)
BY_TIME, AFTER, ANSWER = "readJournal_req_by_time", "readJournal_req_after", "readJournal_resp"
START = "<rangeStartSpecification><startingTime>000000003A98</startingTime></rangeStartSpecification>"
STOP = "<rangeStopSpecification><endingTime>02A3B4C53A98</endingTime></rangeStopSpecification>"
ENTRY = "<entrySpecification>0000000100000005</entrySpecification>"


def changed(name: str, old: str, new: str) -> str:
    text = (GOLDEN / f"{name}.xml").read_text()
    assert old in text
    return text.replace(old, new)


def read(xml: str, *, strict: bool) -> Payload:
    return decode_payload(parse(xml), strict=strict)


def request(payload: Payload) -> ReadJournalRequest:
    assert isinstance(payload.pdu, ConfirmedRequest)
    assert isinstance(payload.pdu.service, ReadJournalRequest)
    return payload.pdu.service


def test_a_range_may_be_open_at_either_side() -> None:
    whole = request(read((GOLDEN / f"{BY_TIME}.xml").read_text(), strict=True))
    assert whole.start is not None and whole.stop is not None
    assert request(read(changed(BY_TIME, START, ""), strict=True)).start is None
    assert request(read(changed(BY_TIME, STOP, ""), strict=True)).stop is None
    assert request(read(changed(BY_TIME, START + STOP, ""), strict=True)) == ReadJournalRequest(NAME)


BOTH_TAKE = {
    "nothing follows": ("readJournal_resp_empty", ' moreFollows="false"', ""),
    "hex in lower case": (BY_TIME, "02A3B4C5", "02a3b4c5"),
    "blanks around a time": (AFTER, ">02A3B4C53A98<", ">\n 02A3B4C53A98 <"),
}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("case", BOTH_TAKE)
def test_both_take_what_means_the_same(case: str, strict: bool) -> None:
    name, old, new = BOTH_TAKE[case]
    unchanged = (GOLDEN / f"{name}.xml").read_text()
    assert read(changed(name, old, new), strict=strict) == read(unchanged, strict=True)


ONLY_LENIENT = {
    "who wrote the entry": (
        ANSWER,
        "<originatingApplication/>",
        "<originatingApplication><ap-title>1</ap-title></originatingApplication>",
    ),
    "additional detail": (ANSWER, "<entryForm>", "<additionalDetail/><entryForm>"),
    "unknown attribute": (AFTER, "<readJournal>", '<readJournal moreFollows="true">'),
    "unknown element of an entry": (ANSWER, "</entryContent>", "</entryContent><x/>"),
}


@pytest.mark.parametrize("case", ONLY_LENIENT)
def test_strict_refuses_what_lenient_skips(case: str) -> None:
    name, old, new = ONLY_LENIENT[case]
    with pytest.raises(MalformedPdu):
        read(changed(name, old, new), strict=True)
    unchanged = (GOLDEN / f"{name}.xml").read_text()
    assert read(changed(name, old, new), strict=False) == read(unchanged, strict=True)


BOTH_REFUSE = {
    "no log": (BY_TIME, "journalName", "x", ARGUMENT),
    "range from an entry": (BY_TIME, "startingTime", "startingEntry", ARGUMENT),
    "range of a number": (BY_TIME, "endingTime", "numberOfEntries", ARGUMENT),
    "chosen variables": (AFTER, "<entryToStartAfter>", "<listOfVariables/><entryToStartAfter>", ARGUMENT),
    "a time of 4 octets": (BY_TIME, "02A3B4C53A98", "02A3B4C5", ARGUMENT),
    "a time that is no hex": (BY_TIME, "02A3B4C53A98", "noon", ARGUMENT),
    "an EntryID of 7 octets": (AFTER, "0000000100000005", "00000001000005", ARGUMENT),
    "an EntryID of 9 octets": (ANSWER, "0000000100000005", "000000010000000500", ARGUMENT),
    "after a time alone": (AFTER, ENTRY, "", ARGUMENT),
    "an annotation": (ANSWER, "data>", "annotation>", ARGUMENT),
    "an entry without its time": (ANSWER, "<occurrenceTime>02A3B4C53A98</occurrenceTime>", "", ARGUMENT),
    "an entry without variables": (ANSWER, "listOfVariables", "x", ARGUMENT),
    "an entry of another element": (ANSWER, "<JournalEntry>", "<Entry/><JournalEntry>", PDU),
    "a tag that is no name": (ANSWER, ">ReasonCode<", "><", ARGUMENT),
    "a variable without a value": (
        ANSWER,
        "<valueSpecification><bit-string>0100000</bit-string></valueSpecification>",
        "",
        ARGUMENT,
    ),
    "a variable of two values": (
        ANSWER,
        "<bit-string>0100000<",
        "<boolean>true</boolean><bit-string>0<",
        PDU,
    ),
    "no list of entries": (ANSWER, "listOfJournalEntry", "x", ARGUMENT),
    "moreFollows is no boolean": (ANSWER, 'moreFollows="true"', 'moreFollows="2"', ARGUMENT),
}


@pytest.mark.parametrize("case", BOTH_REFUSE)
def test_both_refuse_what_can_not_be_meant(case: str) -> None:
    name, old, new, reason = BOTH_REFUSE[case]
    xml = changed(name, old, new)
    with pytest.raises(MalformedPdu) as told:
        read(xml, strict=False)
    assert told.value.reason is reason
    with pytest.raises(MalformedPdu):
        read(xml, strict=True)


# --- bounds ---------------------------------------------------------------------------------------


def answered(*entries: JournalEntry) -> str:
    return encode(ConfirmedResponse(1, ReadJournalResponse(entries)))


def test_entries_are_bounded() -> None:
    entry = JournalEntry(ID, TIME, ())
    full = answered(*[entry] * MAX_ENTRIES)
    assert full.count("<JournalEntry>") == MAX_ENTRIES
    with pytest.raises(UnencodableValue, match="513 entries"):
        answered(*[entry] * (MAX_ENTRIES + 1))


def test_more_entries_than_fit_are_refused() -> None:
    xml = answered()
    many = xml.replace("></listOf", ">" + "<JournalEntry/>" * (MAX_ENTRIES + 1) + "</listOf")
    with pytest.raises(MalformedPdu) as told:
        read(many, strict=False)
    assert told.value.reason is RANGE


def test_variables_of_an_entry_are_bounded() -> None:
    value = ("ReasonCode", Data("bit-string", "0"))
    with pytest.raises(UnencodableValue, match="1025 variables"):
        answered(JournalEntry(ID, TIME, (value,) * (MAX_ENTRY_VARIABLES + 1)))


@pytest.mark.parametrize(
    ("entry_id", "time", "variables"),
    [
        (b"", TIME, ()),
        (bytes(7), TIME, ()),
        ("00000001", TIME, ()),
        (ID, EntryTime(0, 1 << 16), ()),
        (ID, Timestamp(0, 0, 0), ()),
        (ID, TIME, (("", Data("boolean", True)),)),
        (ID, TIME, ((" x", Data("boolean", True)),)),
        (ID, TIME, (("x", Data("boolean", 1)),)),
    ],
)
def test_an_entry_without_an_xml_form_is_refused(entry_id: Any, time: Any, variables: Any) -> None:
    with pytest.raises(UnencodableValue):
        answered(JournalEntry(entry_id, time, variables))


@pytest.mark.parametrize(
    "wrong", [{"start": Timestamp(0, 0, 0)}, {"stop": EntryTime(-1, 0)}, {"after": (TIME, bytes(9))}]
)
def test_a_request_without_an_xml_form_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UnencodableValue):
        encode(ConfirmedRequest(1, ReadJournalRequest(NAME, **wrong)))
