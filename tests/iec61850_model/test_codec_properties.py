"""Whatever is encoded comes back the same, and whatever comes in is a PDU or MalformedPdu."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mms_strategies import comparable, elements, mutate, payloads, pdus, primitives, types, values

from iec61850_model.mms.pdu import (
    DEFAULT_PDU_SIZE,
    MAX_NESTING,
    Array,
    CancelRequest,
    ConfirmedError,
    ConfirmedRequest,
    ConfirmedResponse,
    Data,
    DataAccessError,
    ErrorClass,
    GetNameListRequest,
    GetNameListResponse,
    GetVariableAccessAttributesRequest,
    GetVariableAccessAttributesResponse,
    InitiateRequest,
    MmsError,
    ObjectClass,
    ObjectName,
    ObjectScope,
    Payload,
    Pdu,
    Primitive,
    ReadRequest,
    ReadResponse,
    Reject,
    RejectReason,
    RequestService,
    Structure,
    TypeDescription,
    UnknownService,
    VariableList,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.mms.xer import (
    MalformedPdu,
    UnencodableValue,
    decode_payload,
    encode,
    encode_payload,
    parse,
)
from iec61850_model.values import EntryTime, Timestamp


def carried(value: Data) -> Payload:
    return Payload(ConfirmedResponse(1, ReadResponse((value,))))


def returned(payload: Payload, *, strict: bool) -> Payload:
    return decode_payload(parse(encode_payload(payload)), strict=strict)


# --- the identity ---------------------------------------------------------------------------------


@pytest.mark.parametrize("strict", [True, False])
@given(value=values())
@example(value=Data("octet-string", b""))
@example(value=Data("visible-string", " & "))
@example(value=Data("mMSString", "\x00\r\n\t]]>"))
@example(value=Data("floating-point", struct.unpack(">f", bytes.fromhex("FFC00001"))[0]))
@example(value=Data("floating-point", -0.0))
@example(value=Data("structure", ()))
@settings(max_examples=150)
def test_every_value_comes_back_as_it_was(value: Data, strict: bool) -> None:
    assert comparable(returned(carried(value), strict=strict)) == comparable(carried(value))


@pytest.mark.parametrize("strict", [True, False])
@given(payload=payloads)
@settings(max_examples=200)
def test_every_pdu_comes_back_as_it_was(payload: Payload, strict: bool) -> None:
    assert comparable(returned(payload, strict=strict)) == comparable(payload)


@given(described=types())
@settings(max_examples=60)
def test_every_type_comes_back_as_it_was(described: TypeDescription) -> None:
    payload = Payload(ConfirmedResponse(1, GetVariableAccessAttributesResponse(described)))
    assert returned(payload, strict=True) == payload


def nested(levels: int) -> Data:
    value = Data("boolean", True)
    for _ in range(levels):
        value = Data("structure", (value,))
    return value


def test_values_nest_to_the_limit_and_no_deeper() -> None:
    assert returned(carried(nested(MAX_NESTING)), strict=True) == carried(nested(MAX_NESTING))
    with pytest.raises(UnencodableValue, match=f"deeper than {MAX_NESTING}"):
        encode_payload(carried(nested(MAX_NESTING + 1)))


# --- what has no 8-2 form is refused --------------------------------------------------------------

NO_FORM: list[tuple[str, Any]] = [
    ("boolean", 1),
    ("boolean", "false"),
    ("integer", 1 << 63),
    ("integer", -(1 << 63) - 1),
    ("integer", True),
    ("integer", 3.7),
    ("integer", "5"),
    ("unsigned", -1),
    ("unsigned", 1 << 64),
    ("floating-point", 3.5e38),
    ("floating-point", 10**400),
    ("floating-point", True),
    ("floating-point", "1.0"),
    ("bit-string", ""),
    ("bit-string", "012"),
    ("bit-string", "1" * 1025),
    ("bit-string", 1),
    ("octet-string", "00"),
    ("octet-string", 1.5),
    ("visible-string", "°C"),
    ("visible-string", "\x07"),
    ("visible-string", b"text"),
    ("mMSString", "\ud800"),
    ("mMSString", "\ufffe"),
    ("mMSString", 1),
    ("utc-time", 5),
    ("utc-time", Timestamp(-1, 0, 0)),
    ("utc-time", Timestamp(0, 1 << 24, 0)),
    ("utc-time", Timestamp(0, 0, 256)),
    ("utc-time", EntryTime(0, 0)),
    ("binary-time", Timestamp(0, 0, 0)),
    ("binary-time", EntryTime(0, 1 << 16)),
    ("structure", Data("boolean", True)),
    ("structure", "text"),
    ("structure", (1,)),
    ("structure", None),
    ("no-such-kind", 1),
]


@pytest.mark.parametrize(("tag", "value"), NO_FORM, ids=lambda part: repr(part)[:30])
def test_a_value_without_an_8_2_form_is_refused(tag: Any, value: Any) -> None:
    with pytest.raises(UnencodableValue):
        encode_payload(carried(Data(tag, value)))


@given(
    tag=st.sampled_from(sorted({kind for kind, _ in NO_FORM})),
    value=st.one_of(
        st.none(), st.integers(), st.floats(), st.text(), st.binary(), primitives(), st.lists(st.integers())
    ),
)
def test_encoding_any_object_as_any_kind_gives_text_or_unencodable_value(tag: Any, value: Any) -> None:
    payload = carried(Data(tag, value))
    try:
        encoded = encode_payload(payload)
    except UnencodableValue:
        return
    decoded = decode_payload(parse(encoded), strict=True)
    assert tag == "floating-point" or decoded == payload


def asked(service: RequestService) -> Pdu:
    return ConfirmedRequest(1, service)


def typed(described: TypeDescription) -> Pdu:
    return ConfirmedResponse(1, GetVariableAccessAttributesResponse(described))


def deep_type(levels: int) -> TypeDescription:
    described: TypeDescription = Primitive("boolean")
    for _ in range(levels):
        described = Array(1, described)
    return described


ANY_NAME = VariableList((ObjectName("LLN0", "LD0"),))
AGREED = InitiateRequest()


@pytest.mark.parametrize(
    "pdu",
    [
        asked(UnknownService("fileOpen")),
        ConfirmedResponse(1, UnknownService("fileOpen")),
        ConfirmedRequest(-1, ReadRequest(ANY_NAME)),
        ConfirmedRequest(1 << 32, ReadRequest(ANY_NAME)),
        CancelRequest(-1),
        Reject(RejectReason.OTHER, 1 << 32),
        asked(ReadRequest(VariableList(()))),
        asked(ReadRequest(VariableList((ObjectName("a"),) * 513))),
        asked(WriteRequest(ANY_NAME, (Data("boolean", True),) * 513)),
        ConfirmedResponse(1, ReadResponse((DataAccessError.HARDWARE_FAULT,) * 513)),
        ConfirmedResponse(1, WriteResponse((None,) * 513)),
        ConfirmedResponse(1, GetNameListResponse(("a",) * 4097)),
        *(
            asked(GetVariableAccessAttributesRequest(name))
            for name in (
                ObjectName(""),
                ObjectName("a" * 130),
                ObjectName(" a"),
                ObjectName("a\n"),
                ObjectName("é"),
                ObjectName("a", ""),
                ObjectName("a", "b", aa_specific=True),
            )
        ),
        asked(GetNameListRequest(ObjectClass.DOMAIN, ObjectScope.DOMAIN)),
        asked(GetNameListRequest(ObjectClass.DOMAIN, ObjectScope.VMD, "LD0")),
        asked(GetNameListRequest(ObjectClass.DOMAIN, ObjectScope.VMD, None, "")),
        ConfirmedResponse(1, GetNameListResponse(("a\x00",))),
        typed(Primitive("floating-point", 64)),
        typed(Primitive("integer", 0)),
        typed(Primitive("unsigned", 65)),
        typed(Primitive("visible-string", -65_536)),
        typed(Primitive("boolean", 1)),
        typed(Primitive("structure")),
        typed(Structure((("a b\n", Primitive("boolean")),))),
        typed(Structure((("a", Primitive("boolean")),) * 513)),
        typed(Array(-1, Primitive("boolean"))),
        typed(deep_type(10)),
        dataclasses.replace(AGREED, local_detail=-1),
        dataclasses.replace(AGREED, max_calling=0x8000),
        dataclasses.replace(AGREED, max_called=-1),
        dataclasses.replace(AGREED, nesting=0x80),
        dataclasses.replace(AGREED, version=0x8000),
        dataclasses.replace(AGREED, parameter_cbb=frozenset({"str3"})),
        dataclasses.replace(AGREED, services=frozenset({"makeCoffee"})),
    ],
    ids=lambda pdu: repr(pdu)[:70],
)
def test_a_pdu_that_nobody_could_read_is_not_written(pdu: Pdu) -> None:
    with pytest.raises(UnencodableValue):
        encode(pdu)


def test_an_error_code_out_of_range_is_not_written() -> None:
    for code in (-1, 256):
        with pytest.raises(UnencodableValue):
            encode(ConfirmedError(1, MmsError(ErrorClass.FILE, code)))


@pytest.mark.parametrize("association", ["", "x", "1:", "1234", "1:2:3", "1 ", '1" foreign="'])
def test_an_association_id_that_is_none_is_not_written(association: str) -> None:
    with pytest.raises(UnencodableValue):
        encode_payload(Payload(CancelRequest(1), association))


# --- whatever comes in ----------------------------------------------------------------------------


def check_decodes_or_is_malformed(element: Any) -> None:
    """Decode both ways; what a router takes strictly it can pass on, and means the same then."""
    for strict in (True, False):
        try:
            payload = decode_payload(element, strict=strict)
        except MalformedPdu:
            continue
        if isinstance(getattr(payload.pdu, "service", None), UnknownService):
            continue
        assert comparable(returned(payload, strict=True)) == comparable(payload)


@given(element=elements())
@settings(max_examples=250)
def test_any_tree_of_known_elements_is_a_pdu_or_malformed(element: Any) -> None:
    check_decodes_or_is_malformed(element)


@given(data=st.data(), pdu=pdus)
@settings(max_examples=400)
def test_a_damaged_pdu_is_a_pdu_or_malformed(data: st.DataObject, pdu: Pdu) -> None:
    element = parse(encode(pdu))
    for _ in range(data.draw(st.integers(1, 2))):
        element = mutate(data, element)
    check_decodes_or_is_malformed(element)


@given(octets=st.one_of(st.binary(max_size=200), st.text(max_size=100).map(lambda text: f"<a>{text}</a>")))
def test_any_octets_are_xml_or_malformed(octets: bytes | str) -> None:
    try:
        parse(octets)
    except MalformedPdu:
        return


BOMB = (
    b'<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;&x;&x;">'
    b'<!ENTITY z "&y;&y;&y;&y;&y;&y;&y;&y;&y;&y;">]><a>&z;</a>'
)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x00",
        b"<a>\x00</a>",
        b"<a>\xff</a>",
        b"<a",
        b"<a></b>",
        b"<a/><b/>",
        b"<a>&unknown;</a>",
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a SYSTEM "file:///etc/hostname"><a/>',
        b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]><a>&e;</a>',
        BOMB,
        b"<?xml version='1.0' encoding='no-such'?><a/>",
        b"<?xml version='1.0' encoding='shift_jis'?><a/>",
        "<a>\ud800</a>",
        "<a>\ufffe</a>",
        b"<a>" + b"x" * 2 * DEFAULT_PDU_SIZE + b"</a>",
    ],
    ids=lambda octets: repr(octets)[:50],
)
def test_what_is_no_clean_xml_is_refused(octets: bytes | str) -> None:
    with pytest.raises(MalformedPdu):
        parse(octets)


@pytest.mark.parametrize("outer", ["a", "confirmed-RequestPDU", "structure", "associationContext"])
def test_ten_thousand_levels_are_refused_without_harm(outer: str) -> None:
    deep = parse("<e>" * 10_000 + "</e>" * 10_000)
    root = parse(f'<{outer} xmlns="http://www.iec.ch/61850/2018/SCSM_8_2" assoID="1"/>')
    root.append(deep)
    for strict in (True, False):
        with pytest.raises(MalformedPdu):
            decode_payload(root, strict=strict)
