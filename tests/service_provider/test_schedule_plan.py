"""What a provider wants, read from options and files; days of 23 and 25 hours come out right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from iec61850_model.client import UnusableValue
from service_provider.schedules import SchedulePlan, plan_from_csv
from service_provider.schedules.local_time import midnight, time_of, to_local, to_utc
from service_provider.schedules.plan import MAX_FILE

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
QUARTER = timedelta(minutes=15)
SHORT_DAY, LONG_DAY = datetime(2027, 3, 28), datetime(2026, 10, 25)
HAVANA = ZoneInfo("America/Havana")


def quarters_of(day: datetime) -> list[str]:
    """Every quarter of a day as a wall clock in Copenhagen shows it, without any zone."""
    begin, end = (midnight(one.date(), COPENHAGEN) for one in (day, day + timedelta(days=1)))
    found, moment = [], begin
    while moment < end:
        found.append(f"{moment.astimezone(COPENHAGEN):%Y-%m-%dT%H:%M}")
        moment += QUARTER
    return found


@pytest.mark.parametrize(("day", "count"), [(SHORT_DAY, 92), (datetime(2026, 12, 1), 96), (LONG_DAY, 100)])
def test_a_day_of_local_quarters_is_one_unbroken_run_of_utc(day: datetime, count: int) -> None:
    lines = quarters_of(day)
    assert len(lines) == count
    plan = plan_from_csv("\n".join(f"{line},{at % 2}" for at, line in enumerate(lines)), COPENHAGEN)
    assert (plan.start, plan.interval) == (midnight(day.date(), COPENHAGEN), QUARTER)
    assert len(plan.values) == count
    assert plan.end == midnight((day + timedelta(days=1)).date(), COPENHAGEN)
    assert f"{plan.start:%H:%M}" == "00:00", "the start stays in local time, for a calendar"


def test_the_hour_that_comes_twice_must_come_twice() -> None:
    lines = quarters_of(LONG_DAY)
    twice = [line for line in lines if "T02:" in line]
    assert len(twice) == 8
    once = list(dict.fromkeys(lines))
    with pytest.raises(UnusableValue, match="line 13: 2026-10-25 02:45 to 2026-10-25 03:00 is 1:15:00"):
        plan_from_csv("\n".join(f"{line},1" for line in once), COPENHAGEN)


def test_the_hour_that_is_left_out_must_not_come() -> None:
    with pytest.raises(UnusableValue, match="line 3: 2027-03-28 02:00 does not exist: summer time begins"):
        plan_from_csv("2027-03-28T01:00,1\n2027-03-28T01:30,0\n2027-03-28T02:00,1\n", COPENHAGEN)


def test_times_with_a_zone_need_no_guess_and_a_heading_is_no_line() -> None:
    plan = plan_from_csv("time,value\n2026-10-25T02:30+02:00,on\n\n2026-10-25T02:30+01:00,off\n", COPENHAGEN)
    assert plan.start.astimezone(UTC) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert (plan.interval, list(plan.values)) == (timedelta(hours=1), ["on", "off"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "at least two lines"),
        ("2026-12-01T17:00,1", "at least two lines"),
        ("time,value\n2026-12-01T17:00,1\n", "at least two lines"),
        (
            "2026-12-01T17:00,1\n2026-12-01T17:15,0\n2026-12-01T17:45,1",
            "line 3: .* is 0:30:00, where steps are 0:15",
        ),
        ("2026-12-01T17:00,1\n2026-12-01T17:15,0\n2026-12-01T17:20,1", "line 3: .* is 0:05:00"),
        ("2026-12-01T17:00,1\n2026-12-01T17:00,0", "line 2: .* is not later than the line before"),
        ("2026-12-01T17:00,1\n2026-12-01T16:00,0", "line 2: .* is not later"),
        ("2026-12-01T17:00,1\nfive,0", "line 2: 'five' is not a time"),
        ("2026-12-01T17:00,1\n2026-12-01T17:15", "line 2: write time,value"),
        ("2026-12-01T17:00,1\n2026-12-01T17:15,", "line 2: write time,value"),
        ("2026-12-01T17:00,1,2\n2026-12-01T17:15,1,2", "line 1: write time,value"),
        ("x" * (MAX_FILE + 1), "more than"),
        ("2026-12-01T17:00,1\n2026-12-01T17:00:00.5,0", "whole number of seconds"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_line(text: str, complaint: str) -> None:
    with pytest.raises(UnusableValue, match=complaint):
        plan_from_csv(text, COPENHAGEN)


def test_a_start_may_name_its_zone_or_be_local() -> None:
    assert time_of("2026-12-01T17:00+01:00", COPENHAGEN) == datetime(2026, 12, 1, 16, tzinfo=UTC)
    local = time_of("2026-12-01T17:00", COPENHAGEN)
    assert (local, local.hour) == (datetime(2026, 12, 1, 16, tzinfo=UTC), 17)
    assert time_of("2026-07-01T17:00", COPENHAGEN) == datetime(2026, 7, 1, 15, tzinfo=UTC)
    assert time_of("2026-12-01T17:00Z", COPENHAGEN).hour == 17
    for wrong in ("five", "", "17:00"):
        with pytest.raises(UnusableValue, match="is not a time"):
            time_of(wrong, COPENHAGEN)


def test_local_times_of_this_machine_go_there_and_back() -> None:
    noon = datetime(2026, 6, 1, 12)
    assert to_local(to_utc(noon, None), None).replace(tzinfo=None) == noon


def test_where_summer_time_begins_at_midnight_the_day_begins_at_one() -> None:
    begin = midnight(datetime(2027, 3, 14).date(), HAVANA)
    assert f"{begin.astimezone(HAVANA):%H:%M}" == "01:00"


@pytest.mark.parametrize(
    ("start", "interval", "values", "complaint"),
    [
        (datetime(2026, 12, 1), QUARTER, [1], "with its time zone"),
        (datetime(2026, 12, 1, tzinfo=UTC), timedelta(), [1], "whole number of seconds"),
        (datetime(2026, 12, 1, tzinfo=UTC), timedelta(seconds=-1), [1], "whole number of seconds"),
        (datetime(2026, 12, 1, tzinfo=UTC), QUARTER, [], "1 to 9999 values"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(
    start: datetime, interval: timedelta, values: list[object], complaint: str
) -> None:
    with pytest.raises(UnusableValue, match=complaint):
        SchedulePlan(start, interval, values)
