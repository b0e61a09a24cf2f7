"""Basic types: what an attribute takes, from whom, and what a client is told otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mms_strategies import values

from iec61850_model.mms.pdu import ConfirmedResponse, Data, DataAccessError, ReadResponse, Tag
from iec61850_model.mms.xer import encode
from iec61850_model.types import BASIC_TYPES, ValueRefused, enumeration
from iec61850_model.values import EntryTime, Quality, Timestamp

KIND, VALUE = DataAccessError.TYPE_INCONSISTENT, DataAccessError.OBJECT_VALUE_INVALID
MODE = enumeration("BehaviourModeKind", {1: "on", 3: "test", 5: "off"})

TAKEN: list[tuple[str, Any]] = [
    ("BOOLEAN", True),
    ("INT8", -128),
    ("INT16", 32_767),
    ("INT32", -(1 << 31)),
    ("INT64", (1 << 63) - 1),
    ("INT8U", 255),
    ("INT16U", 65_535),
    ("INT32U", (1 << 32) - 1),
    ("FLOAT32", 23.5),
    ("Dbpos", "10"),
    ("Quality", Quality.INVALID),
    ("Timestamp", Timestamp(1, 2, 3)),
    ("EntryTime", EntryTime(1, 2)),
    ("Octet64", b"x" * 64),
    ("EntryID", bytes(8)),
    ("VisString255", "a" * 255),
    ("ObjRef", "MET/MMXU1.TotW"),
    ("Unicode255", "Wärme\x00"),
]
REFUSED: list[tuple[str, Any, DataAccessError]] = [
    ("BOOLEAN", 1, KIND),
    ("INT8", 128, VALUE),
    ("INT8U", -1, VALUE),
    ("INT32", True, KIND),
    ("INT32", 1.0, KIND),
    ("INT64", 1 << 63, VALUE),
    ("FLOAT32", float("nan"), VALUE),
    ("FLOAT32", float("inf"), VALUE),
    ("FLOAT32", 3.5e38, VALUE),
    ("FLOAT32", 10**400, VALUE),
    ("FLOAT32", True, KIND),
    ("FLOAT32", "1", KIND),
    ("Dbpos", "1", VALUE),
    ("Dbpos", "12", KIND),
    ("Quality", "0" * 12, VALUE),
    ("Quality", 0, KIND),
    ("Timestamp", 5, KIND),
    ("Timestamp", EntryTime(0, 0), KIND),
    ("Octet64", b"x" * 65, VALUE),
    ("Octet64", "00", KIND),
    ("EntryID", bytes(7), VALUE),
    ("VisString255", "a" * 256, VALUE),
    ("VisString255", "°C", VALUE),
    ("VisString255", "a\n", VALUE),
    ("VisString255", b"a", KIND),
    ("Unicode255", "a" * 256, VALUE),
    ("Unicode255", "\ud800", VALUE),
    ("Unicode255", "\uffff", VALUE),
]


@pytest.mark.parametrize(("name", "value"), TAKEN)
def test_a_value_that_fits_is_taken_as_it_is(name: str, value: Any) -> None:
    basic = BASIC_TYPES[name]
    assert basic.checked(value) == value
    assert basic.from_data(basic.to_data(value)) == value


@pytest.mark.parametrize(("name", "value", "error"), REFUSED, ids=lambda part: repr(part)[:30])
def test_a_value_that_does_not_fit_is_refused(name: str, value: Any, error: DataAccessError) -> None:
    with pytest.raises(ValueRefused) as refused:
        BASIC_TYPES[name].checked(value)
    assert refused.value.error is error
    assert len(str(refused.value)) < 200


def test_a_float_is_kept_as_the_wire_will_carry_it() -> None:
    assert BASIC_TYPES["FLOAT32"].checked(0.1) == 0.10000000149011612


@pytest.mark.parametrize("name", BASIC_TYPES)
def test_the_value_at_rest_fits_its_type_and_the_wire(name: str) -> None:
    basic = BASIC_TYPES[name]
    assert basic.checked(basic.rest) == basic.rest
    encode(ConfirmedResponse(1, ReadResponse((basic.to_data(basic.rest),))))


@given(st.sampled_from(sorted(BASIC_TYPES)), values(2))
def test_any_data_is_taken_in_encodable_form_or_refused(name: str, data: Data) -> None:
    basic = BASIC_TYPES[name]
    try:
        value = basic.from_data(data)
    except ValueRefused:
        return
    again = basic.to_data(value)
    assert again.tag == basic.tag
    encode(ConfirmedResponse(1, ReadResponse((again,))))


@pytest.mark.parametrize(("name", "tag"), [("INT32", "unsigned"), ("INT8U", "integer")])
def test_a_peer_may_mix_up_integer_and_unsigned(name: str, tag: Tag) -> None:
    assert BASIC_TYPES[name].from_data(Data(tag, 5)) == 5


@pytest.mark.parametrize(
    ("name", "tag", "value"),
    [
        ("INT32", "floating-point", 5.0),
        ("BOOLEAN", "integer", 1),
        ("FLOAT32", "integer", 1),
        ("VisString255", "mMSString", "a"),
        ("Quality", "octet-string", b"\x00\x00"),
    ],
)
def test_another_kind_of_value_is_type_inconsistent(name: str, tag: Tag, value: Any) -> None:
    with pytest.raises(ValueRefused) as refused:
        BASIC_TYPES[name].from_data(Data(tag, value))
    assert refused.value.error is KIND


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("BOOLEAN", "true", True),
        ("BOOLEAN", "0", False),
        ("INT32", "-5", -5),
        ("FLOAT32", "0.5", 0.5),
        ("Octet64", "00ff", b"\x00\xff"),
        ("Quality", "0100000000000", Quality.INVALID),
        ("Dbpos", "10", "10"),
        ("VisString255", "text", "text"),
    ],
)
def test_values_as_people_write_them(name: str, text: str, value: Any) -> None:
    assert BASIC_TYPES[name].from_text(text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("BOOLEAN", "yes"),
        ("INT32", "five"),
        ("INT8", "200"),
        ("FLOAT32", "nan"),
        ("FLOAT32", "1e39"),
        ("Octet64", "0g"),
        ("Quality", "0101"),
        ("Timestamp", "2025-01-01"),
        ("EntryTime", "1"),
        ("VisString32", "a" * 33),
    ],
)
def test_text_that_is_no_value_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueRefused):
        BASIC_TYPES[name].from_text(text)


def test_an_enumeration_takes_its_numbers_and_its_texts() -> None:
    assert MODE.from_text("test") == 3
    assert MODE.from_text("3") == 3
    assert MODE.to_data(3) == Data("integer", 3)
    for wrong in ("2", "blocked"):
        with pytest.raises(ValueRefused):
            MODE.from_text(wrong)
    with pytest.raises(ValueRefused, match="1 on, 3 test, 5 off") as refused:
        MODE.checked(2)
    assert refused.value.error is VALUE


def test_an_enumeration_rests_at_zero_or_its_lowest_number() -> None:
    assert MODE.rest == 1
    assert enumeration("MultiplierKind", {-3: "m", 0: "", 3: "k"}).rest == 0
