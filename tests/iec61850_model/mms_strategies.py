"""Arbitrary values, names and PDUs for property tests, and how to compare them."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any
from xml.etree.ElementTree import Element

from hypothesis import strategies as st

from iec61850_model.mms.pdu import (
    ERROR_NAMES,
    MAX_NESTING,
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
    Structure,
    TypeDescription,
    Unconfirmed,
    VariableList,
    VariableListName,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.mms.xer import NS82
from iec61850_model.values import EntryTime, Timestamp

PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
CBB = ("str1", "str2", "vnam", "valt", "vadr", "vsca", "tpy", "vlis", "real", "spare", "cei")
SERVICES = (
    *("status", "getNameList", "identify", "read", "write", "getVariableAccessAttributes"),
    *("defineNamedVariableList", "getNamedVariableListAttributes", "deleteNamedVariableList"),
    *("readJournal", "informationReport", "conclude", "cancel"),
)


def comparable(value: object) -> object:
    """The value with floats as their bits and types beside values: NaN equals itself, True is not 1."""
    if isinstance(value, float):
        return struct.pack(">d", value)
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return type(value), *(comparable(getattr(value, one.name)) for one in fields)
    if isinstance(value, tuple):
        return type(value), *(comparable(part) for part in value)
    return type(value), value


# --- values ---------------------------------------------------------------------------------------


def floats32() -> st.SearchStrategy[float]:
    """Every single precision number by its bits, infinities and NaN too."""
    return st.integers(0, 0xFFFF_FFFF).map(lambda bits: struct.unpack(">f", bits.to_bytes(4))[0])


def texts() -> st.SearchStrategy[str]:
    """What an mMSString may hold: any Unicode text XML can carry, control characters above all."""
    xml_text = st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff")
    return st.text(
        st.one_of(st.sampled_from([*map(chr, range(0x20)), *"<>&'\"\x7f "]), xml_text), max_size=12
    )


timestamps = st.builds(
    Timestamp, st.integers(0, 0xFFFF_FFFF), st.integers(0, 0xFF_FFFF), st.integers(0, 0xFF)
)
entry_times = st.builds(EntryTime, st.integers(0, 0xFFFF_FFFF), st.integers(0, 0xFFFF))


def primitives() -> st.SearchStrategy[Data]:
    """A value of each kind without parts, 64-bit extremes included."""
    int64 = st.one_of(st.sampled_from([-(1 << 63), (1 << 63) - 1]), st.integers(-(1 << 63), (1 << 63) - 1))
    uint64 = st.one_of(st.just((1 << 64) - 1), st.integers(0, (1 << 64) - 1))
    return st.one_of(
        st.builds(Data, st.just("boolean"), st.booleans()),
        st.builds(Data, st.just("integer"), int64),
        st.builds(Data, st.just("unsigned"), uint64),
        st.builds(Data, st.just("floating-point"), floats32()),
        st.builds(Data, st.just("bit-string"), st.text("01", min_size=1, max_size=20)),
        st.builds(Data, st.just("octet-string"), st.binary(max_size=8)),
        st.builds(Data, st.just("visible-string"), st.text(PRINTABLE, max_size=12)),
        st.builds(Data, st.just("mMSString"), texts()),
        st.builds(Data, st.just("utc-time"), timestamps),
        st.builds(Data, st.just("binary-time"), entry_times),
    )


def values(levels: int = MAX_NESTING) -> st.SearchStrategy[Data]:
    """A value of at most ``levels`` levels of structure."""
    if levels == 0:
        return primitives()
    parts = st.lists(values(levels - 1), max_size=3).map(tuple)
    return st.one_of(primitives(), st.builds(Data, st.sampled_from(["structure", "array"]), parts))


# --- names and types ------------------------------------------------------------------------------

identifiers = st.one_of(
    st.text(PRINTABLE, min_size=1, max_size=12).map(str.strip).filter(bool),
    st.sampled_from(["MMXU1$MX$TotW$mag$f", "@mine", "a" * 129, "<&>\"'"]),
)
names = st.one_of(
    st.builds(ObjectName, identifiers, identifiers),
    st.builds(ObjectName, identifiers),
    st.builds(ObjectName, identifiers, st.none(), st.just(True)),
)
accesses = st.one_of(
    st.builds(VariableList, st.lists(names, min_size=1, max_size=4).map(tuple)),
    st.builds(VariableListName, names),
)


def types(levels: int = 9) -> st.SearchStrategy[TypeDescription]:
    """A type of at most ``levels`` levels of structure above its basic types."""
    sized = st.sampled_from(["bit-string", "octet-string", "visible-string", "mMSString"])
    basic = st.one_of(
        st.sampled_from([Primitive("boolean"), Primitive("utc-time"), Primitive("binary-time")]),
        st.just(Primitive("floating-point", 32)),
        st.builds(Primitive, st.sampled_from(["integer", "unsigned"]), st.integers(1, 64)),
        st.builds(Primitive, sized, st.integers(-65_535, 65_535)),
    )
    if levels == 0:
        return basic
    below = types(levels - 1)
    return st.one_of(
        basic,
        st.builds(Structure, st.lists(st.tuples(identifiers, below), max_size=2).map(tuple)),
        st.builds(Array, st.integers(0, 65_535), below),
    )


# --- PDUs -----------------------------------------------------------------------------------------

invoke_ids = st.one_of(st.sampled_from([0, 1, 0xFFFF_FFFF]), st.integers(0, 0xFFFF_FFFF))
outcomes = st.one_of(values(3), st.sampled_from(DataAccessError))
errors = st.one_of(
    st.sampled_from(sorted(ERROR_NAMES)).map(lambda key: MmsError(*key)),
    st.builds(MmsError, st.sampled_from(ErrorClass), st.integers(0, 255)),
)
name_list_requests = st.one_of(
    st.builds(
        GetNameListRequest,
        st.sampled_from(ObjectClass),
        st.just(ObjectScope.DOMAIN),
        identifiers,
        st.none() | identifiers,
    ),
    st.builds(
        GetNameListRequest,
        st.sampled_from(ObjectClass),
        st.sampled_from([ObjectScope.VMD, ObjectScope.AA]),
        st.none(),
        st.none() | identifiers,
    ),
)
entry_ids = st.binary(min_size=8, max_size=8)
journal_entries = st.builds(
    JournalEntry, entry_ids, entry_times, st.lists(st.tuples(identifiers, values(2)), max_size=3).map(tuple)
)
_members = st.lists(names, min_size=1, max_size=4).map(tuple)
requests = st.one_of(
    name_list_requests,
    st.builds(GetVariableAccessAttributesRequest, names),
    st.builds(ReadRequest, accesses, st.booleans()),
    st.builds(GetNamedVariableListAttributesRequest, names),
    st.builds(DefineNamedVariableListRequest, names, _members),
    st.builds(DeleteNamedVariableListRequest, _members),
    st.builds(
        ReadJournalRequest,
        names,
        st.none() | entry_times,
        st.none() | entry_times,
        st.none() | st.tuples(entry_times, entry_ids),
    ),
    st.builds(WriteRequest, accesses, st.lists(values(3), max_size=4).map(tuple)),
)
responses = st.one_of(
    st.builds(GetNameListResponse, st.lists(identifiers, max_size=4).map(tuple), st.booleans()),
    st.builds(GetVariableAccessAttributesResponse, types(), st.booleans()),
    st.builds(GetNamedVariableListAttributesResponse, _members, st.booleans()),
    st.just(DefineNamedVariableListResponse()),
    st.builds(DeleteNamedVariableListResponse, st.integers(0, 0xFFFF_FFFF), st.integers(0, 0xFFFF_FFFF)),
    st.builds(ReadJournalResponse, st.lists(journal_entries, max_size=3).map(tuple), st.booleans()),
    st.builds(ReadResponse, st.lists(outcomes, max_size=4).map(tuple)),
    st.builds(WriteResponse, st.lists(st.none() | st.sampled_from(DataAccessError), max_size=4).map(tuple)),
)
_agreed: dict[str, st.SearchStrategy[Any]] = {
    "local_detail": st.integers(0, 16 * 1024 * 1024),
    "max_calling": st.integers(0, 0x7FFF),
    "max_called": st.integers(0, 0x7FFF),
    "nesting": st.integers(0, 0x7F),
    "version": st.integers(0, 0x7FFF),
    "parameter_cbb": st.frozensets(st.sampled_from(CBB)),
    "services": st.frozensets(st.sampled_from(SERVICES)),
}
reports = st.builds(InformationReport, accesses, st.lists(outcomes, max_size=4).map(tuple))
pdus: st.SearchStrategy[Pdu] = st.one_of(
    st.builds(ConfirmedRequest, invoke_ids, requests),
    st.builds(ConfirmedResponse, invoke_ids, responses),
    st.builds(ConfirmedError, invoke_ids, errors),
    st.builds(Unconfirmed, reports),
    st.builds(Reject, st.sampled_from(RejectReason), st.none() | invoke_ids),
    st.builds(InitiateRequest, **_agreed),
    st.builds(InitiateResponse, **_agreed),
    st.builds(InitiateError, errors),
    st.just(ConcludeRequest()),
    st.just(ConcludeResponse()),
    st.builds(ConcludeError, errors),
    st.builds(CancelRequest, invoke_ids),
    st.builds(CancelResponse, invoke_ids),
    st.builds(CancelError, invoke_ids, errors),
)
association_ids = st.from_regex(r"[0-9]{1,3}(:[0-9]{1,3})?", fullmatch=True)
payloads = st.builds(Payload, pdus, st.none() | association_ids)


# --- XML that is well-formed and mostly no PDU ----------------------------------------------------

VOCABULARY = (
    *("associationContext", "confirmed-RequestPDU", "confirmed-ResponsePDU", "confirmed-ErrorPDU"),
    *("unconfirmed-PDU", "rejectPDU", "initiate-RequestPDU", "initiate-ResponsePDU", "initiate-ErrorPDU"),
    *("conclude-RequestPDU", "conclude-ErrorPDU", "cancel-RequestPDU", "cancel-ErrorPDU"),
    *("invokeID", "ConfirmedServiceRequest", "ConfirmedServiceResponse", "UnconfirmedService"),
    *("read", "write", "getNameList", "getVariableAccessAttributes", "informationReport", "fileOpen"),
    *("variableAccessSpecification", "listOfVariable", "variableListName", "SEQUENCE", "CHOICE"),
    *("variableSpecification", "alternateAccess", "name", "domain-specific", "vmd-specific", "aa-specific"),
    *("domainId", "itemId", "listOfData", "Data", "listOfAccessResult", "AccessResult", "success", "failure"),
    *("objectClass", "objectScope", "domain", "vmdSpecific", "domainSpecific", "continueAfter"),
    *("listOfIdentifier", "Identifier", "mmsDeletable", "typeDescription", "structure", "array"),
    *("components", "componentName", "componentType", "numberOfElements", "elementType", "boolean"),
    *("integer", "unsigned", "floating-point", "bit-string", "octet-string", "visible-string", "mMSString"),
    *("utc-time", "binary-time", "true", "false", "nul", "serviceError", "errorClass", "access", "service"),
    *("originalInvokeID", "rejectReason", "pdu-error", "object-non-existent", "format-width"),
    *("localDetailCalling", "proposedMaxServOutstandingCalling", "proposedMaxServOutstandingCalled"),
    *("getNamedVariableListAttributes", "defineNamedVariableList", "deleteNamedVariableList", "ObjectName"),
    *("listOfVariableListName", "domainName", "numberMatched", "numberDeleted", "readJournal", "journalName"),
    *("rangeStartSpecification", "startingTime", "rangeStopSpecification", "endingTime", "listOfVariables"),
    *("entryToStartAfter", "timeSpecification", "entrySpecification", "listOfJournalEntry", "JournalEntry"),
    *("entryIdentifier", "originatingApplication", "entryContent", "occurrenceTime", "entryForm", "data"),
    *("Journal-Variable", "variableTag", "valueSpecification", "event", "annotation"),
    *("initRequestDetail", "proposedVersionNumber", "proposedParameterCBB", "servicesSupportedCalling"),
)
NAMESPACES = (f"{{{NS82}}}", f"{{{NS82}}}", f"{{{NS82}}}", "", "{urn:other}")
TEXTS = (
    "",
    "1",
    "0",
    "true",
    "-1",
    "99999999999999999999",
    "4" * 5000,
    "449A5000",
    "00",
    " ",
    "\n",
    "A$B",
    "é",
)
ATTRIBUTES = ("assoID", "moreFollows", "specificationWithResult", "packed", "scopeOfDelete", "foreign")


def _element(parts: tuple[str, str, str | None, str, dict[str, str], list[Element]]) -> Element:
    namespace, name, text, tail, attributes, children = parts
    element = Element(namespace + name, attributes)
    element.text, element.tail = text, tail
    element.extend(children)
    return element


def elements(levels: int = 5) -> st.SearchStrategy[Element]:
    """A tree of elements with names of 8-2 in any order, number and nesting."""
    children = st.just([]) if levels == 0 else st.lists(elements(levels - 1), max_size=3)
    return st.tuples(
        st.sampled_from(NAMESPACES),
        st.sampled_from(VOCABULARY),
        st.none() | st.sampled_from(TEXTS),
        st.sampled_from(["", "", "", "stray"]),
        st.dictionaries(st.sampled_from(ATTRIBUTES), st.sampled_from(["true", "0", "1:2", "?"]), max_size=1),
        children,
    ).map(_element)


def mutate(draw: st.DataObject, root: Element) -> Element:
    """Damage a PDU's XML at one place: drop, double, rename, empty, move or decorate an element."""
    every = list(root.iter())
    victim = draw.draw(st.sampled_from(every), label="victim")
    parents = {child: parent for parent in every for child in parent}
    match draw.draw(st.sampled_from(["drop", "double", "rename", "text", "attribute", "namespace", "nest"])):
        case "drop" if victim in parents:
            parents[victim].remove(victim)
        case "double" if victim in parents:
            parents[victim].append(victim)
        case "rename":
            victim.tag = f"{{{NS82}}}{draw.draw(st.sampled_from(VOCABULARY))}"
        case "text":
            victim.text = draw.draw(st.sampled_from(TEXTS))
        case "attribute":
            victim.set(draw.draw(st.sampled_from(ATTRIBUTES)), draw.draw(st.sampled_from(["true", "2", "?"])))
        case "namespace":
            victim.tag = "{urn:other}" + victim.tag.rpartition("}")[2]
        case "nest":
            donor = draw.draw(st.sampled_from(every))
            if victim not in list(donor.iter()):
                victim.append(donor)
    return root
