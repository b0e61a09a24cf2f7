"""From a report to a row: columns, qualities, times."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from hub.history.quantities import QUANTITIES
from hub.history.reading import interval_of, layout_of, sample_of, time_of
from iec61850_model.mms.pdu import Data, DataAccessError
from iec61850_model.reference import Reference
from iec61850_model.values import Quality
from tests.hub.history_reports import T0, members, report

LAYOUT = layout_of(members())


def test_the_shipped_data_set_gives_a_value_and_a_quality_for_each_quantity() -> None:
    assert sorted(LAYOUT.values.values()) == sorted(LAYOUT.qualities.values()) == list(range(len(QUANTITIES)))
    assert LAYOUT.time == 2 * len(QUANTITIES)


def test_values_go_to_their_columns() -> None:
    sample = sample_of(report(0, 0, power=21.5), LAYOUT, T0)
    assert sample.cells == (21.5,) * 17 + (1000,) * 3
    assert (sample.invalid, sample.questionable, sample.good) == (0, 0, 20)


@pytest.mark.parametrize(
    ("quality", "value", "invalid", "questionable"),
    [
        (Quality(0), 1.5, 0, 0),
        (Quality.INVALID | Quality.FAILURE, None, 1, 0),
        (Quality.QUESTIONABLE | Quality.OLD_DATA, 1.5, 0, 1),
        (Quality.SUBSTITUTED, 1.5, 0, 0),
    ],
)
def test_what_is_invalid_is_missing_and_says_so(
    quality: Quality, value: float | None, invalid: int, questionable: int
) -> None:
    sample = sample_of(report(0, 0, quality=quality), LAYOUT, T0)
    assert (sample.cells[0], sample.invalid, sample.questionable) == (value, invalid, questionable)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_invalid_whatever_its_quality_says(value: float) -> None:
    sample = sample_of(report(0, 0, power=value), LAYOUT, T0)
    assert sample.cells[:17] == (None,) * 17
    assert sample.invalid == (1 << 17) - 1


def test_a_member_that_was_not_reported_is_missing_and_not_invalid() -> None:
    whole = report(0, 0)
    sample = sample_of(replace(whole, members=whole.members[2:]), LAYOUT, T0)
    assert (sample.cells[0], sample.invalid, sample.good) == (None, 0, 19)


def test_a_value_of_another_kind_or_without_end_is_invalid() -> None:
    whole = report(0, 0)
    for index, data in (
        (0, Data("visible-string", "x")),
        (0, Data("boolean", True)),
        (34, Data("integer", 1 << 63)),
    ):
        changed = list(whole.members)
        changed[index] = replace(changed[index], value=data)
        sample = sample_of(replace(whole, members=tuple(changed)), LAYOUT, T0)
        assert sample.invalid == 1 << (index // 2)


@pytest.mark.parametrize("error", list(DataAccessError))
def test_an_error_in_place_of_a_value_is_no_number(error: DataAccessError) -> None:
    whole = report(0, 0)
    for index in (0, 1, 34):
        changed = list(whole.members)
        changed[index] = replace(changed[index], value=error)
        sample = sample_of(replace(whole, members=tuple(changed)), LAYOUT, T0)
        assert (sample.cells[index // 2], sample.invalid) == (None, 1 << (index // 2))


def test_a_value_without_its_quality_is_not_good() -> None:
    whole = report(0, 0)
    sample = sample_of(replace(whole, members=whole.members[:1] + whole.members[2:]), LAYOUT, T0)
    assert (sample.cells[0], sample.invalid, sample.questionable, sample.good) == (1.5, 0, 1, 19)


def test_unknown_members_are_left_out_of_account() -> None:
    more = (Reference.parse("AVG/XGGIO1.AnIn1.mag.f[MX]"), *members())
    layout = layout_of(more)
    assert sorted(layout.values) == [index + 1 for index in sorted(LAYOUT.values)]


def test_the_time_is_that_of_the_averages_else_that_of_the_entry() -> None:
    whole = report(0, 0)
    assert time_of(whole, LAYOUT) == T0
    without = replace(whole, members=whole.members[:-1])
    assert time_of(without, LAYOUT) == T0 + 1
    assert time_of(replace(without, time=None), LAYOUT) is None


@pytest.mark.parametrize("off", [-149, -1, 0, 0.5, 149])
def test_an_interval_is_named_by_its_end(off: float) -> None:
    assert interval_of(T0 + off, 300) == T0
