"""CalendarTime: each kind of recurring start, in local time, over changes of summer time (7-3)."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iec61850_model.server.schedules.calendar import CalendarTime, Occurrence, Period

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
KATHMANDU = ZoneInfo("Asia/Kathmandu")
MONDAY, WEDNESDAY, SUNDAY = 1, 3, 7
YEAR = 366 * 86_400.0


def of(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def starts(calendar: CalendarTime, after: str, count: int, zone: tzinfo = COPENHAGEN) -> list[str]:
    """The next starts, as the clock on the wall shows them."""
    found, time = [], of(after)
    for _ in range(count):
        start = calendar.after(time, zone)
        assert start is not None and start > time
        assert calendar.until(start, 1, zone) == start, "the same start, seen from both sides"
        time = start
        found.append(datetime.fromtimestamp(start, zone).isoformat(timespec="minutes"))
    return found


def test_every_day_at_five_stays_at_five_when_summer_time_ends() -> None:
    daily = CalendarTime(Occurrence.TIME, Period.DAY, hour=17)
    assert starts(daily, "2026-10-24T00:00+02:00", 3) == [
        "2026-10-24T17:00+02:00",
        "2026-10-25T17:00+01:00",
        "2026-10-26T17:00+01:00",
    ]


def test_without_a_zone_every_day_at_five_is_five_of_utc() -> None:
    daily = CalendarTime(Occurrence.TIME, Period.DAY, hour=17)
    assert starts(daily, "2026-10-24T00:00+00:00", 2, UTC) == [
        "2026-10-24T17:00+00:00",
        "2026-10-25T17:00+00:00",
    ]


def test_an_hour_that_is_left_out_comes_an_hour_later_and_only_that_day() -> None:
    night = CalendarTime(Occurrence.TIME, Period.DAY, hour=2, minute=30)
    assert starts(night, "2027-03-27T12:00+01:00", 2) == ["2027-03-28T03:30+02:00", "2027-03-29T02:30+02:00"]


def test_an_hour_that_comes_twice_counts_once() -> None:
    night = CalendarTime(Occurrence.TIME, Period.DAY, hour=2, minute=30)
    assert starts(night, "2026-10-24T12:00+02:00", 2) == ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]


def test_every_hour_at_a_minute_of_local_time() -> None:
    hourly = CalendarTime(Occurrence.TIME, Period.HOUR, minute=10)
    assert starts(hourly, "2026-10-25T01:30+02:00", 4) == [
        "2026-10-25T02:10+02:00",
        "2026-10-25T02:10+01:00",
        "2026-10-25T03:10+01:00",
        "2026-10-25T04:10+01:00",
    ]
    # Nepal is 5 h 45 min ahead of UTC.
    assert starts(hourly, "2026-10-25T01:30+05:45", 2, KATHMANDU) == [
        "2026-10-25T02:10+05:45",
        "2026-10-25T03:10+05:45",
    ]


@pytest.mark.parametrize(
    ("calendar", "expected"),
    [
        (CalendarTime(Occurrence.WEEK_DAY, Period.WEEK, week_day=WEDNESDAY, hour=6), ["01-06", "01-13"]),
        (CalendarTime(Occurrence.WEEK_DAY, Period.MONTH, occ=2, week_day=MONDAY), ["01-11", "02-08"]),
        (CalendarTime(Occurrence.WEEK_DAY, Period.MONTH, occ=5, week_day=SUNDAY), ["01-31", "05-30"]),
        (CalendarTime(Occurrence.WEEK_DAY, Period.MONTH, occ=0, week_day=SUNDAY), ["01-31", "02-28"]),
        (
            CalendarTime(Occurrence.WEEK_DAY, Period.YEAR, occ=0, week_day=SUNDAY, month=3),
            ["03-28", "2028-03-26"],
        ),
        (CalendarTime(Occurrence.WEEK_DAY, Period.YEAR, occ=2, week_day=MONDAY), ["01-11", "2028-01-10"]),
        (CalendarTime(Occurrence.WEEK_DAY, Period.YEAR, occ=0, week_day=MONDAY), ["12-27", "2028-12-25"]),
        (
            CalendarTime(Occurrence.WEEK_OF_YEAR, Period.YEAR, occ=10, week_day=MONDAY),
            ["03-08", "2028-03-06"],
        ),
        (CalendarTime(Occurrence.WEEK_OF_YEAR, Period.YEAR, occ=0, week_day=SUNDAY), ["01-03", "2028-01-02"]),
        (CalendarTime(Occurrence.DAY_OF_MONTH, Period.MONTH, day=31), ["01-31", "03-31"]),
        (CalendarTime(Occurrence.DAY_OF_MONTH, Period.MONTH, day=0), ["01-31", "02-28"]),
        (CalendarTime(Occurrence.DAY_OF_MONTH, Period.YEAR, day=29, month=2), ["2028-02-29", "2032-02-29"]),
        (CalendarTime(Occurrence.DAY_OF_YEAR, Period.YEAR, occ=32), ["02-01", "2028-02-01"]),
        (CalendarTime(Occurrence.DAY_OF_YEAR, Period.YEAR, occ=0), ["12-31", "2028-12-31"]),
        (CalendarTime(Occurrence.DAY_OF_YEAR, Period.YEAR, occ=366), ["2028-12-31", "2032-12-31"]),
    ],
    ids=lambda one: f"{one.occurrence.name}-{one.period.name}" if isinstance(one, CalendarTime) else "",
)
def test_the_days_of_2027(calendar: CalendarTime, expected: list[str]) -> None:
    assert calendar.valid
    days = [start.partition("T")[0] for start in starts(calendar, "2027-01-01T00:30+01:00", 2)]
    assert days == [day if day.startswith("20") else f"2027-{day}" for day in expected]


@pytest.mark.parametrize(
    "calendar",
    [
        CalendarTime(Occurrence.TIME, Period.DAY, hour=24),
        CalendarTime(Occurrence.TIME, Period.HOUR, minute=60),
        CalendarTime(Occurrence.TIME, Period.WEEK),
        CalendarTime(Occurrence.WEEK_DAY, Period.WEEK),
        CalendarTime(Occurrence.WEEK_DAY, Period.DAY, week_day=1),
        CalendarTime(Occurrence.WEEK_DAY, Period.MONTH, occ=6, week_day=1),
        CalendarTime(Occurrence.WEEK_OF_YEAR, Period.YEAR, occ=54, week_day=1),
        CalendarTime(Occurrence.DAY_OF_MONTH, Period.MONTH, day=32),
        CalendarTime(Occurrence.DAY_OF_MONTH, Period.YEAR, day=30, month=2),
        CalendarTime(Occurrence.DAY_OF_MONTH, Period.YEAR, day=1),
        CalendarTime(Occurrence.DAY_OF_YEAR, Period.YEAR, occ=367),
        CalendarTime(Occurrence.NONE, Period.DAY),
    ],
)
def test_what_can_never_be_is_not_valid(calendar: CalendarTime) -> None:
    assert not calendar.valid


def test_29_february_is_found_over_a_year_2100_without_it() -> None:
    leap = CalendarTime(Occurrence.DAY_OF_MONTH, Period.YEAR, day=29, month=2)
    assert starts(leap, "2096-03-01T00:00+00:00", 1, UTC) == ["2104-02-29T00:00+00:00"]


def test_a_start_further_back_than_asked_does_not_count() -> None:
    daily = CalendarTime(Occurrence.TIME, Period.DAY, hour=17)
    noon, five = of("2026-12-02T12:00+01:00"), of("2026-12-01T17:00+01:00")
    assert daily.until(noon, 20 * 3600, COPENHAGEN) == five
    assert daily.until(noon, 19 * 3600, COPENHAGEN) is None, "the start itself is not within its run's end"


calendars = st.builds(
    CalendarTime,
    st.sampled_from(Occurrence),
    st.sampled_from(Period),
    st.integers(0, 54),
    st.integers(0, 7),
    st.integers(0, 12),
    st.integers(0, 32),
    st.integers(0, 24),
    st.integers(0, 60),
).filter(lambda calendar: calendar.valid)


@given(calendars, st.floats(1_600_000_000, 2_600_000_000), st.sampled_from([COPENHAGEN, UTC, KATHMANDU]))
@settings(max_examples=60)
def test_no_start_lies_between_the_last_and_the_next(
    calendar: CalendarTime, now: float, zone: tzinfo
) -> None:
    following = calendar.after(now, zone)
    assert following is not None and following > now
    assert calendar.until(following, 1, zone) == following
    last = calendar.until(now, 2 * YEAR, zone)
    if last is not None:
        assert last <= now
        assert calendar.after(last, zone) == following
