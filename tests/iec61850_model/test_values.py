"""Quality, time stamps and the error vocabulary (7-2, 7-3, 8-2 Tables 11 and 18)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mms_strategies import entry_times, timestamps

from iec61850_model.values import (
    CLOCK_FAILURE,
    CLOCK_NOT_SYNCHRONIZED,
    GOOD,
    MAX_SECONDS,
    NO_TIME,
    NOT_CONNECTED,
    NOW,
    AddCause,
    EntryTime,
    Quality,
    Timestamp,
    Validity,
)

MORNING = datetime(2025, 11, 22, 7, 30, 0, 250_000, UTC).timestamp()


@pytest.mark.parametrize(
    ("bits", "quality", "text"),
    [
        ("0000000000000", GOOD, "good"),
        ("0100001000000", NOT_CONNECTED, "invalid (failure)"),
        ("1000000000000", Quality(1 << 12), "reserved"),
        ("1100000100000", Quality.QUESTIONABLE | Quality.OLD_DATA, "questionable (oldData)"),
        ("1101010011000", None, "questionable (outOfRange, oscillatory, inconsistent, inaccurate)"),
        ("0110100000111", None, "invalid (overflow, badReference, substituted, test, operatorBlocked)"),
    ],
)
def test_quality_bits_stand_where_7_3_puts_them(bits: str, quality: Quality | None, text: str) -> None:
    read = Quality.from_bits(bits)
    assert quality is None or read == quality
    assert (read.bits, read.text) == (bits, text)


@pytest.mark.parametrize("bits", ["", "0" * 12, "0" * 14, "000000000000x", "0b00000000000"])
def test_a_quality_has_13_binary_digits(bits: str) -> None:
    with pytest.raises(ValueError, match="13 bits"):
        Quality.from_bits(bits)


@given(st.integers(0, (1 << 13) - 1))
def test_every_quality_keeps_its_bits(number: int) -> None:
    quality = Quality(number)
    assert Quality.from_bits(quality.bits) == quality
    assert quality.validity is list(Validity)[number >> 11]


def test_a_time_stamp_as_8_2_writes_it() -> None:
    stamp = Timestamp.from_unix(MORNING)
    assert stamp.to_bytes().hex().upper() == "692166784000000A"
    assert stamp.iso == "2025-11-22T07:30:00.250Z"
    assert stamp.unix == MORNING


@given(timestamps)
def test_every_time_stamp_comes_back(stamp: Timestamp) -> None:
    assert Timestamp.from_bytes(stamp.to_bytes()) == stamp
    assert stamp.iso.endswith("Z")


@given(entry_times)
def test_every_entry_time_comes_back(entry: EntryTime) -> None:
    assert EntryTime.from_bytes(entry.to_bytes()) == entry


@given(st.integers(441_763_200_000, MAX_SECONDS * 1000))
def test_times_are_kept_to_the_millisecond(milliseconds: int) -> None:
    assert EntryTime.from_unix(milliseconds / 1000).unix == milliseconds / 1000
    assert abs(Timestamp.from_unix(milliseconds / 1000).unix * 1000 - milliseconds) < 0.001


@pytest.mark.parametrize("time", [-0.001, MAX_SECONDS + 1, float("nan"), float("inf"), -float("inf")])
def test_a_time_no_stamp_can_carry_is_refused(time: float) -> None:
    with pytest.raises(ValueError, match="outside 1970"):
        Timestamp.from_unix(time)


@pytest.mark.parametrize("time", [0.0, 6.2e9, float("nan"), float("inf"), -float("inf")])
def test_a_time_no_entry_can_carry_is_refused(time: float) -> None:
    with pytest.raises(ValueError, match=r"outside 1984|not a time"):
        EntryTime.from_unix(time)


def test_other_lengths_are_no_times() -> None:
    for size in (0, 7, 9):
        with pytest.raises(ValueError, match="8 octets"):
            Timestamp.from_bytes(bytes(size))
    for size in (0, 4, 8):
        with pytest.raises(ValueError, match="6 octets"):
            EntryTime.from_bytes(bytes(size))


@pytest.mark.parametrize("bad", [CLOCK_FAILURE, CLOCK_NOT_SYNCHRONIZED])
def test_a_stamp_says_whether_its_clock_could_be_trusted(bad: int) -> None:
    assert Timestamp.from_unix(MORNING).synchronized
    assert not Timestamp.from_unix(MORNING, quality=bad).synchronized
    assert not NO_TIME.synchronized


def test_no_time_given_is_zero_whatever_its_quality() -> None:
    assert NOW.is_zero and Timestamp(0, 0, 0xFF).is_zero
    assert not Timestamp(0, 1, 0).is_zero and not Timestamp(1, 0, 0).is_zero


@pytest.mark.parametrize(
    ("cause", "number", "text"),
    [
        (AddCause.BLOCKED_BY_SWITCHING_HIERARCHY, 2, "Blocked-by-switching-hierarchy"),
        (AddCause.BLOCKED_BY_MODE, 8, "Blocked-by-Mode"),
        (AddCause.BLOCKED_BY_PROCESS, 9, "Blocked-by-process"),
        (AddCause.COMMAND_ALREADY_IN_EXECUTION, 12, "Command-already-in-execution"),
        (AddCause.ONE_OF_N_CONTROL, 14, "1-of-n-control"),
        (AddCause.TIME_LIMIT_OVER, 16, "Time-limit-over"),
        (AddCause.INCONSISTENT_PARAMETERS, 26, "Inconsistent-parameters"),
    ],
)
def test_additional_causes_by_number_and_name(cause: AddCause, number: int, text: str) -> None:
    assert (AddCause(number), cause.text) == (cause, text)
