"""Entries as octets: exact for every kind of value, and what was changed is noticed."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.entry_codec import DamagedEntry, decode, encode
from iec61850_model.mms.pdu import Data
from iec61850_model.server.buffer import Member
from iec61850_model.values import EntryTime, Timestamp, Trigger

TIMES = st.builds(Timestamp, st.integers(0, 2**32 - 1), st.integers(0, 2**24 - 1), st.integers(0, 255))
ENTRY_TIMES = st.builds(EntryTime, st.integers(0, 2**32 - 1), st.integers(0, 2**16 - 1))
FLOATS = st.floats(width=32, allow_nan=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.one_of(
        st.builds(Data, st.just("boolean"), st.booleans()),
        st.builds(Data, st.just("integer"), st.integers(-(2**63), 2**63 - 1)),
        st.builds(Data, st.just("unsigned"), st.integers(0, 2**64 - 1)),
        st.builds(Data, st.just("floating-point"), FLOATS),
        st.builds(Data, st.just("bit-string"), st.text("01", max_size=40)),
        st.builds(Data, st.just("octet-string"), st.binary(max_size=300)),
        st.builds(Data, st.just("visible-string"), st.text(st.characters(codec="ascii"))),
        st.builds(Data, st.just("mMSString"), TEXTS),
        st.builds(Data, st.just("utc-time"), TIMES),
        st.builds(Data, st.just("binary-time"), ENTRY_TIMES),
    ),
    lambda inner: st.builds(
        Data, st.sampled_from(["structure", "array"]), st.lists(inner, max_size=5).map(tuple)
    ),
    max_leaves=12,
)
REASONS = st.integers(0, 63).map(Trigger)
MEMBERS = st.lists(st.builds(Member, st.integers(0, 10_000), REASONS, VALUES), max_size=4)


def measurand(value: float) -> Data:
    magnitude = Data("structure", (Data("floating-point", value),))
    quality, time = Data("bit-string", "0" * 13), Data("utc-time", Timestamp(1_800_000_000, 1 << 23, 10))
    return Data("structure", (magnitude, quality, time))


@given(MEMBERS)
def test_what_goes_in_comes_out(members: list[Member]) -> None:
    back = decode(encode(members))
    assert back == tuple(members)
    assert [type(one.value.value) for one in back] == [type(one.value.value) for one in members]


def test_minus_zero_infinity_and_not_a_number_are_themselves() -> None:
    for value in (-0.0, float("inf"), float("-inf"), float("nan")):
        (member,) = decode(encode([Member(0, Trigger.DCHG, Data("floating-point", value))]))
        assert struct.pack(">f", member.value.value) == struct.pack(">f", value)


def test_a_whole_number_may_stand_for_a_float() -> None:
    (member,) = decode(encode([Member(0, Trigger.DCHG, Data("floating-point", 7))]))
    assert member.value == Data("floating-point", 7.0)


@given(MEMBERS.filter(bool), st.data())
def test_no_changed_bit_goes_unnoticed(members: list[Member], data: st.DataObject) -> None:
    octets = bytearray(encode(members))
    bit = data.draw(st.integers(0, 8 * len(octets) - 1))
    octets[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DamagedEntry):
        decode(bytes(octets))


@given(MEMBERS.filter(bool), st.data())
def test_what_was_cut_off_is_noticed(members: list[Member], data: st.DataObject) -> None:
    octets = encode(members)
    with pytest.raises(DamagedEntry):
        decode(octets[: data.draw(st.integers(0, len(octets) - 1))])


@given(st.binary(max_size=100))
def test_octets_of_anything_else_are_no_entry_even_with_a_right_checksum(octets: bytes) -> None:
    import zlib

    try:
        members = decode(zlib.crc32(octets).to_bytes(4) + octets)
    except DamagedEntry:
        return
    assert all(isinstance(one, Member) for one in members)


def test_a_report_of_20_measurands_takes_the_octets_that_the_room_was_reckoned_with() -> None:
    members = [Member(index, Trigger.DUPD, measurand(index * 1.5)) for index in range(20)]
    assert len(encode(members)) == 484
