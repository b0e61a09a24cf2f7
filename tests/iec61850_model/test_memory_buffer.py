"""The buffer in memory: bounded, in order, each entry under its own number."""

from __future__ import annotations

import dataclasses

import pytest

from iec61850_model.mms.pdu import Data
from iec61850_model.server.buffer import EntryBuffer, Member
from iec61850_model.server.memory_buffer import MemoryBuffer
from iec61850_model.values import Trigger


def member(value: int) -> Member:
    return Member(0, Trigger.DCHG, Data("integer", value))


def filled(*times: float, capacity: int = 100) -> EntryBuffer:
    buffer: EntryBuffer = MemoryBuffer(capacity)
    for at in times:
        buffer.append(at, [member(int(at))])
    return buffer


def times(buffer: EntryBuffer, number: int = 0, limit: int = 100) -> list[float]:
    return [entry.time for entry in buffer.after(number, limit)]


def test_an_empty_buffer_has_neither_first_nor_last_and_lost_nothing() -> None:
    buffer = filled()
    assert (buffer.first, buffer.last, buffer.lost, buffer.after(0, 9)) == (None, None, 0, [])


def test_entries_come_back_in_order_with_rising_numbers() -> None:
    buffer = filled(1.0, 2.0, 3.0)
    numbers = [entry.number for entry in buffer.after(0, 100)]
    assert times(buffer) == [1.0, 2.0, 3.0]
    assert numbers == sorted(set(numbers)) and buffer.after(0, 1)[0].members == (member(1),)
    assert (buffer.first, buffer.last) == (buffer.after(0, 1)[0], buffer.after(numbers[1], 1)[0])


def test_the_first_entries_after_a_number_and_no_more_than_asked() -> None:
    buffer = filled(1.0, 2.0, 3.0)
    assert buffer.first is not None and buffer.last is not None
    assert times(buffer, buffer.first.number) == [2.0, 3.0]
    assert times(buffer, buffer.first.number, limit=1) == [2.0]
    assert times(buffer, buffer.last.number) == []


def test_the_oldest_goes_when_there_is_no_more_room() -> None:
    buffer = filled(1.0, 2.0, 3.0, capacity=3)
    assert buffer.first is not None
    oldest = buffer.first.number
    buffer.append(4.0, [member(4)])
    assert times(buffer) == [2.0, 3.0, 4.0] and buffer.lost == oldest


def test_what_is_dropped_or_cleared_is_not_lost_and_its_number_is_not_given_again() -> None:
    buffer = filled(1.0, 2.0, 3.0, capacity=3)
    second, third = buffer.after(0, 3)[1:]
    buffer.drop([second.number])
    assert times(buffer) == [1.0, 3.0] and buffer.lost == 0
    buffer.append(4.0, [])
    buffer.append(5.0, [])
    assert buffer.lost > 0
    buffer.clear()
    assert (buffer.first, buffer.lost) == (None, 0)
    assert buffer.append(6.0, []).number > third.number + 2


def test_more_comes_to_the_newest_entry_only() -> None:
    buffer = filled(1.0, 2.0)
    first, last = buffer.after(0, 2)
    more = dataclasses.replace(last, members=(member(2), member(3)))
    buffer.replace(more)
    assert buffer.after(0, 9) == [first, more]
    with pytest.raises(ValueError, match="not the newest"):
        buffer.replace(first)


def test_entries_of_other_content_are_forgotten() -> None:
    buffer = filled()
    buffer.begin("one")
    number = buffer.append(1.0, []).number
    buffer.begin("one")
    assert times(buffer) == [1.0]
    buffer.begin("other")
    assert times(buffer) == []
    assert buffer.append(2.0, []).number > number


def test_entries_of_a_time_range() -> None:
    buffer = filled(1.0, 2.0, 3.0, 2.5, 9.0)
    assert [entry.time for entry in buffer.between(2.0, 3.0, 0, 100)] == [2.0, 3.0, 2.5]
    second = buffer.between(2.0, 3.0, 0, 1)
    assert [entry.time for entry in second] == [2.0]
    assert [entry.time for entry in buffer.between(2.0, 3.0, second[0].number, 100)] == [3.0, 2.5]


def test_an_entry_id_is_epoch_and_count() -> None:
    assert MemoryBuffer(epoch=7).append(0.0, []).entry_id == bytes.fromhex("0000000700000001")


@pytest.mark.parametrize("given", [{"capacity": 0}, {"epoch": 0}, {"epoch": 1 << 32}])
def test_a_buffer_without_room_or_epoch_is_refused(given: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="give"):
        MemoryBuffer(**given)
