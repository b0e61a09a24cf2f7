"""readJournal, which is QueryLogByTime and QueryLogAfter, to XML and back (8-2, 17.3)."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from iec61850_model.mms.pdu import Data, JournalEntry, ReadJournalRequest, ReadJournalResponse, RejectReason
from iec61850_model.mms.xer.data import encoded, exactly, read_wrapped, write_data
from iec61850_model.mms.xer.names import identifier, read_name, write_name, written_identifier
from iec61850_model.mms.xer.reading import MalformedPdu, Reader, UnencodableValue, arguments, shown
from iec61850_model.values import EntryTime

MAX_ENTRIES = 512
"""Entries of one response; more than fit a PDU of the default size."""
MAX_ENTRY_VARIABLES = 1024
"""Variables of one entry: a value and a reason code for each member a PDU has room for."""
ENTRY_ID_OCTETS = 8
"""Octets of an EntryID (7-2, 17.2)."""
ENTRY_TIME_OCTETS = 6
"""Octets of an entry's time (8-2 Table 3)."""

_REQUEST_FIELDS = (
    *("journalName", "rangeStartSpecification", "rangeStopSpecification"),
    *("listOfVariables", "entryToStartAfter"),
)


def write_journal_request(service: ReadJournalRequest, out: list[str]) -> None:
    """Append a readJournal request; raises UnencodableValue."""
    out.append("<readJournal><journalName>")
    write_name(service.name, out)
    out.append("</journalName>")
    if service.start is not None:
        time = _written_time(service.start)
        out.append(f"<rangeStartSpecification><startingTime>{time}</startingTime></rangeStartSpecification>")
    if service.stop is not None:
        time = _written_time(service.stop)
        out.append(f"<rangeStopSpecification><endingTime>{time}</endingTime></rangeStopSpecification>")
    if service.after is not None:
        time, entry = _written_time(service.after[0]), _written_entry_id(service.after[1])
        out.append(
            f"<entryToStartAfter><timeSpecification>{time}</timeSpecification>"
            f"<entrySpecification>{entry}</entrySpecification></entryToStartAfter>"
        )
    out.append("</readJournal>")


def read_journal_request(element: Element, reader: Reader) -> ReadJournalRequest:
    """Read a readJournal request; raises MalformedPdu, also for ranges by number and for chosen variables."""
    fields = reader.fields(element, _REQUEST_FIELDS)
    (name,) = arguments(fields, "journalName")
    if "listOfVariables" in fields:
        raise MalformedPdu("a log is read whole: leave out listOfVariables", RejectReason.INVALID_ARGUMENT)
    after = None
    if "entryToStartAfter" in fields:
        parts = reader.fields(fields["entryToStartAfter"], ("timeSpecification", "entrySpecification"))
        time, entry = arguments(parts, "timeSpecification", "entrySpecification")
        after = _read_time(time, reader), _read_entry_id(entry, reader)
    return ReadJournalRequest(
        read_name(name, reader),
        _read_limit(fields.get("rangeStartSpecification"), "startingTime", reader),
        _read_limit(fields.get("rangeStopSpecification"), "endingTime", reader),
        after,
    )


def write_journal_response(service: ReadJournalResponse, out: list[str]) -> None:
    """Append a readJournal response; raises UnencodableValue."""
    if len(service.entries) > MAX_ENTRIES:
        raise UnencodableValue(f"{len(service.entries)} entries; at most {MAX_ENTRIES} go into a PDU")
    more = "true" if service.more_follows else "false"
    out.append(f'<readJournal moreFollows="{more}"><listOfJournalEntry>')
    for entry in service.entries:
        _write_entry(entry, out)
    out.append("</listOfJournalEntry></readJournal>")


def _write_entry(entry: JournalEntry, out: list[str]) -> None:
    if len(entry.variables) > MAX_ENTRY_VARIABLES:
        raise UnencodableValue(
            f"{len(entry.variables)} variables; an entry has at most {MAX_ENTRY_VARIABLES}"
        )
    out.append(
        f"<JournalEntry><entryIdentifier>{_written_entry_id(entry.entry_id)}</entryIdentifier>"
        f"<originatingApplication/><entryContent><occurrenceTime>{_written_time(entry.time)}</occurrenceTime>"
        "<entryForm><data><listOfVariables>"
    )
    for tag, value in entry.variables:
        name = written_identifier(tag)
        out.append(f"<Journal-Variable><variableTag>{name}</variableTag><valueSpecification>")
        write_data(value, out)
        out.append("</valueSpecification></Journal-Variable>")
    out.append("</listOfVariables></data></entryForm></entryContent></JournalEntry>")


def read_journal_response(element: Element, reader: Reader) -> ReadJournalResponse:
    """Read a readJournal response; raises MalformedPdu."""
    fields = reader.fields(element, ("listOfJournalEntry",), ("moreFollows",))
    (listed,) = arguments(fields, "listOfJournalEntry")
    items = reader.items(listed, "JournalEntry", MAX_ENTRIES)
    entries = tuple(_read_entry(item, reader) for item in items)
    return ReadJournalResponse(entries, reader.flag(element, "moreFollows", False))


def _read_entry(element: Element, reader: Reader) -> JournalEntry:
    names = ("entryIdentifier", "originatingApplication", "entryContent")
    entry_id, application, content = arguments(reader.fields(element, names), *names)
    reader.empty(application)
    time, form = arguments(
        reader.fields(content, ("occurrenceTime", "entryForm")), "occurrenceTime", "entryForm"
    )
    kind, data = reader.choice(form)
    if kind != "data":
        raise MalformedPdu(f"an entry of a log holds data, not {shown(kind)}", RejectReason.INVALID_ARGUMENT)
    (variables,) = arguments(reader.fields(data, ("event", "listOfVariables")), "listOfVariables")
    items = reader.items(variables, "Journal-Variable", MAX_ENTRY_VARIABLES)
    return JournalEntry(
        _read_entry_id(entry_id, reader),
        _read_time(time, reader),
        tuple(_read_variable(item, reader) for item in items),
    )


def _read_variable(element: Element, reader: Reader) -> tuple[str, Data]:
    names = ("variableTag", "valueSpecification")
    tag, value = arguments(reader.fields(element, names), *names)
    return identifier(tag, reader), read_wrapped(value, reader)


def _read_limit(element: Element | None, way: str, reader: Reader) -> EntryTime | None:
    """The time of a range's start or end; the other alternative, an entry or a number, is not of 8-2."""
    if element is None:
        return None
    name, time = reader.choice(element)
    if name != way:
        raise MalformedPdu(f"a range is given by {way}, not by {shown(name)}", RejectReason.INVALID_ARGUMENT)
    return _read_time(time, reader)


def _written_time(time: EntryTime) -> str:
    return encoded("binary-time", time)


def _read_time(element: Element, reader: Reader) -> EntryTime:
    return EntryTime.from_bytes(exactly(reader.text(element), ENTRY_TIME_OCTETS))


def _written_entry_id(entry_id: bytes) -> str:
    text = encoded("octet-string", entry_id)
    if len(entry_id) != ENTRY_ID_OCTETS:
        raise UnencodableValue(f"an EntryID of {len(entry_id)} octets; it has {ENTRY_ID_OCTETS}")
    return text


def _read_entry_id(element: Element, reader: Reader) -> bytes:
    return exactly(reader.text(element), ENTRY_ID_OCTETS)
