"""What is recalled from a payload's text alone is what strict decoding reads, written as the codec does."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mms_strategies import comparable, payloads

from iec61850_model.mms.pdu import (
    ConfirmedRequest,
    ConfirmedResponse,
    Data,
    InformationReport,
    ObjectName,
    Payload,
    ReadRequest,
    ReadResponse,
    Unconfirmed,
    VariableList,
    VariableListName,
    WriteRequest,
    WriteResponse,
)
from iec61850_model.mms.xer import (
    MalformedPdu,
    UnencodableValue,
    decode_payload,
    encode_payload,
    parse,
    recall,
    remember,
    shapes,
)
from iec61850_model.values import Timestamp

OPERATE = Payload(
    ConfirmedRequest(
        8,
        WriteRequest(
            VariableList((ObjectName("EvuGGIO1$CO$SPCSO1$Oper", "HP"),)),
            (
                Data(
                    "structure",
                    (
                        Data("boolean", True),
                        Data("structure", (Data("integer", 3), Data("octet-string", b""))),
                        Data("unsigned", 1),
                        Data("utc-time", Timestamp(1_764_000_000, 5, 10)),
                        Data("bit-string", "00"),
                    ),
                ),
            ),
        ),
    ),
    "1:2",
)
READ = Payload(ConfirmedRequest(7, ReadRequest(VariableList((ObjectName("MMXU1$MX$TotW", "MET"),)))))
VALUE = Payload(ConfirmedResponse(7, ReadResponse((Data("floating-point", 1.5),))))
DONE = Payload(ConfirmedResponse(7, WriteResponse((None,))), "1:2")
REPORT = Payload(
    Unconfirmed(InformationReport(VariableListName(ObjectName("RPT")), (Data("visible-string", "a/b"),)))
)


@pytest.fixture(autouse=True)
def nothing_known() -> None:
    shapes._shapes.clear()
    shapes._known_value.cache_clear()


def served(xml: str) -> str:
    """As XMPP servers write it."""
    return re.sub(r"<([a-z-]+)></\1>", r"<\1/>", xml).replace('"', "'")


def decoded(xml: str) -> Payload:
    return decode_payload(parse(xml), strict=True)


def known_by(payload: Payload) -> str:
    xml = served(encode_payload(payload))
    remember(xml, decoded(xml))
    return xml


@pytest.mark.parametrize(
    "payload", [OPERATE, READ, VALUE, DONE, REPORT], ids=lambda one: type(one.pdu).__name__
)
def test_what_is_said_most_is_recalled_once_it_was_met(payload: Payload) -> None:
    xml = served(encode_payload(payload))
    assert recall(xml) is None
    remember(xml, payload)
    assert recall(xml) == (payload, encode_payload(payload))


def test_other_names_and_values_have_the_same_shape() -> None:
    known_by(READ)
    other = Payload(ConfirmedRequest(123456, ReadRequest(VariableList((ObjectName("A$ST$B", "DER"),)))))
    assert recall(served(encode_payload(other))) == (other, encode_payload(other))


@given(first=payloads, second=payloads)
@settings(max_examples=300)
def test_whatever_is_recalled_is_what_is_decoded(first: Payload, second: Payload) -> None:
    for payload in (first, second):
        try:
            xml = served(encode_payload(payload))
        except UnencodableValue:
            return
        strict = decoded(xml)
        remember(xml, strict)
        found = recall(xml)
        if found is not None:
            assert comparable(found.payload) == comparable(strict)
            assert found.xml == encode_payload(strict)


@given(data=st.data())
@settings(max_examples=300)
def test_a_text_that_is_another_or_none_is_read_as_by_decoding(data: st.DataObject) -> None:
    xml = known_by(data.draw(st.sampled_from([OPERATE, READ, VALUE, DONE, REPORT])))
    texts = [found.span(1) for found in re.finditer(r">([^<>]+)<|assoID='([^']+)'", xml) if found[1]]
    start, end = data.draw(st.sampled_from(texts))
    odd = [
        "",
        " 1",
        "007",
        "-0",
        "+1",
        "1 ",
        "0x1",
        "FF",
        "ff",
        "TRUE",
        "1",
        "7FC00001",
        "7F800001",
        "a&amp;b",
    ]
    odd += ["&#65;", "9" * 20, "x" * 200, "]]>", "<a/>", "<!--x-->", "é", "\n", "\u00a0", "٣", "true", "MET"]
    changed = xml[:start] + data.draw(st.sampled_from(odd) | st.text(max_size=5)) + xml[end:]
    found = recall(changed)
    if found is None:
        return
    strict = decoded(changed)
    assert comparable(found.payload) == comparable(strict)
    assert found.xml == encode_payload(strict)


@given(data=st.data())
@settings(max_examples=300)
def test_octets_changed_anywhere_else_are_not_recalled(data: st.DataObject) -> None:
    xml = known_by(data.draw(st.sampled_from([OPERATE, READ, VALUE, DONE, REPORT])))
    start = data.draw(st.integers(0, len(xml) - 1))
    end = data.draw(st.integers(start, min(len(xml), start + 8)))
    changed = xml[:start] + data.draw(st.text("<>/='\" abI1!?-&", max_size=4)) + xml[end:]
    found = recall(changed)
    if found is not None:
        strict = decoded(changed)
        assert comparable(found.payload) == comparable(strict)
        assert found.xml == encode_payload(strict)


def test_names_in_the_other_order_are_decoded_but_have_no_shape() -> None:
    """The decoder takes the parts of a sequence in any order; a shape knows them by their places."""
    xml = served(encode_payload(READ))
    swapped = re.sub(r"(<domainId>.*</domainId>)(<itemId>.*</itemId>)", r"\2\1", xml)
    assert decoded(swapped) == READ
    remember(swapped, READ)
    assert recall(swapped) is None
    known_by(READ)
    assert recall(swapped) is None


@pytest.mark.parametrize("text", ["plain", "0\b", "\b0", "\b", "a\bb"])
def test_a_text_with_elements_in_it_has_no_shape(text: str) -> None:
    payload = Payload(ConfirmedResponse(7, ReadResponse((Data("mMSString", text),))))
    assert recall(known_by(payload)) is None


def test_a_shape_is_learnt_from_the_next_if_not_from_one_with_not_a_number() -> None:
    wrong = Payload(ConfirmedResponse(7, ReadResponse((Data("floating-point", math.nan),))))
    known_by(wrong)
    assert recall(known_by(VALUE)) == (VALUE, encode_payload(VALUE))
    again = recall(served(encode_payload(wrong)))
    assert again is not None
    assert comparable(again.payload) == comparable(wrong)


def test_an_association_is_part_of_the_shape() -> None:
    with_one = known_by(DONE)
    context, inner = with_one.partition("<confirmed")[::2]
    assert recall(f"<confirmed{inner}") is None
    assert recall(context.replace("1:2", "1:2:3") + f"<confirmed{inner}") is None
    assert recall(context.replace("1:2", "77") + f"<confirmed{inner}") is not None


def test_what_is_out_of_range_is_left_to_the_decoder() -> None:
    xml = known_by(READ)
    assert recall(xml.replace("<invokeID>7<", f"<invokeID>{2**32 - 1}<")) is not None
    changed = xml.replace("<invokeID>7<", f"<invokeID>{2**32}<")
    assert recall(changed) is None
    with pytest.raises(MalformedPdu):
        decoded(changed)


def test_memory_is_bounded() -> None:
    for number in range(shapes.MAX_SHAPES + 10):
        remember(f"<a{number}/>", READ)
    assert len(shapes._shapes) == shapes.MAX_SHAPES
    long = Payload(
        Unconfirmed(InformationReport(VariableListName(ObjectName("RPT")), (Data("boolean", True),) * 300))
    )
    assert len(known_by(long)) > shapes.MAX_LENGTH
    assert len(shapes._shapes) == shapes.MAX_SHAPES
