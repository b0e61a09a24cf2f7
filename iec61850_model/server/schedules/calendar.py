"""CalendarTime: start times by the calendar of a house, in the time zone that the box is told (7-3).

What the public text leaves open is chosen here and stated in ``docs/conformance.md``.
"""

from __future__ import annotations

import calendar
import enum
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

MAX_DAYS = 8 * 366 + 1
"""Days looked at for a start: 29 February comes every eighth year at the latest (1896, 1904)."""
LAST = 0
"""``occ`` or ``day`` that means the last one of its period."""
MAX_WEEKDAYS = 5
"""A weekday comes at most five times a month."""
HOUR = 3600


class Occurrence(enum.IntEnum):
    """OccurrenceKind (7-3)."""

    TIME = 0
    WEEK_DAY = 1
    WEEK_OF_YEAR = 2
    DAY_OF_MONTH = 3
    DAY_OF_YEAR = 4
    NONE = 5


class Period(enum.IntEnum):
    """PeriodKind (7-3)."""

    HOUR = 0
    DAY = 1
    WEEK = 2
    MONTH = 3
    YEAR = 4


@dataclass(frozen=True, slots=True)
class CalendarTime:
    """A recurring time of local time (7-3, CalendarTime).

    | occType | occPer | at hr:mn |
    |---|---|---|
    | Time | Hour | of every hour, at minute mn |
    | Time | Day | of every day |
    | WeekDay | Week | of every ``week_day`` |
    | WeekDay | Month, Year | of the ``occ``-th ``week_day`` of it; Year: of ``month``, if that is given |
    | WeekOfYear | Year | of ``week_day`` in week ``occ`` of ISO 8601 |
    | DayOfMonth | Month, Year | of the ``day``; Year: of ``month`` |
    | DayOfYear | Year | of the ``occ``-th day |

    ``occ`` or ``day`` 0 is the last one. A day that a month does not have is passed over. An hour that a
    change of summer time leaves out comes an hour later; of one that comes twice the first counts.
    """

    occurrence: Occurrence
    period: Period
    occ: int = 0
    week_day: int = 0
    month: int = 0
    day: int = 0
    hour: int = 0
    minute: int = 0

    @property
    def given(self) -> bool:
        """It says something at all."""
        return self.occurrence is not Occurrence.NONE

    @property
    def valid(self) -> bool:
        """It stands in the table above, with everything in its range."""
        if not (0 <= self.hour <= 23 and 0 <= self.minute <= 59):
            return False
        weekday, month = 1 <= self.week_day <= 7, 1 <= self.month <= 12
        match self.occurrence, self.period:
            case (Occurrence.TIME, Period.HOUR | Period.DAY):
                return True
            case (Occurrence.WEEK_DAY, Period.WEEK):
                return weekday
            case (Occurrence.WEEK_DAY, Period.MONTH):
                return weekday and self.occ <= MAX_WEEKDAYS
            case (Occurrence.WEEK_DAY, Period.YEAR):
                return weekday and self.month <= 12 and self.occ <= (MAX_WEEKDAYS if month else 53)
            case (Occurrence.WEEK_OF_YEAR, Period.YEAR):
                return weekday and self.occ <= 53
            case (Occurrence.DAY_OF_MONTH, Period.MONTH):
                return self.day <= 31
            case (Occurrence.DAY_OF_MONTH, Period.YEAR):
                return month and self.day <= calendar.monthrange(2000, self.month)[1]
            case (Occurrence.DAY_OF_YEAR, Period.YEAR):
                return self.occ <= 366
        return False

    def after(self, time: float, zone: tzinfo) -> float | None:
        """The first start later than ``time``, seconds since 1970 UTC; None if there is none in 8 years."""
        return next((start for start in self._onwards(time, zone) if start > time), None)

    def until(self, time: float, back: float, zone: tzinfo) -> float | None:
        """The last start not later than ``time``, of those within ``back`` seconds before it."""
        for start in self._backwards(time, back, zone):
            if start <= time:
                return start if start > time - back else None
        return None

    def _onwards(self, time: float, zone: tzinfo) -> Iterator[float]:
        if self.period is Period.HOUR:
            yield from (self._in_hour(math.floor(time / HOUR) + hour, zone) for hour in range(3))
            return
        first = datetime.fromtimestamp(time, zone).date()
        for days in range(MAX_DAYS):
            yield from self._on(first, days, zone)

    def _backwards(self, time: float, back: float, zone: tzinfo) -> Iterator[float]:
        if self.period is Period.HOUR:
            yield from (self._in_hour(math.floor(time / HOUR) - hour, zone) for hour in range(3))
            return
        last = datetime.fromtimestamp(time, zone).date()
        for days in range(min(math.ceil(back / 86_400) + 2, MAX_DAYS)):
            yield from self._on(last, -days, zone)

    def _in_hour(self, hour: int, zone: tzinfo) -> float:
        """The start in an hour of UTC: zones are not all whole hours away from it."""
        begin = hour * HOUR
        local = datetime.fromtimestamp(begin, zone)
        return begin + (self.minute - local.minute) % 60 * 60

    def _on(self, day: date, offset: int, zone: tzinfo) -> Iterator[float]:
        try:
            day += timedelta(days=offset)
            if self._is_on(day):
                local = datetime(day.year, day.month, day.day, self.hour, self.minute, tzinfo=zone)
                yield local.astimezone(UTC).timestamp()
        except (OverflowError, ValueError):
            return  # beyond the years that dates have

    def _is_on(self, day: date) -> bool:
        match self.occurrence, self.period:
            case (Occurrence.WEEK_DAY, Period.WEEK):
                return day.isoweekday() == self.week_day
            case (Occurrence.WEEK_DAY, _):
                in_year = self.period is Period.YEAR
                if in_year and self.month:
                    return day.month == self.month and self._is_week_day(day, day.day, _month_days(day))
                if in_year:
                    return self._is_week_day(day, _day_of_year(day), _year_days(day))
                return self._is_week_day(day, day.day, _month_days(day))
            case (Occurrence.WEEK_OF_YEAR, _):
                wanted = self.occ or date(day.isocalendar().year, 12, 28).isocalendar().week
                return day.isoweekday() == self.week_day and day.isocalendar().week == wanted
            case (Occurrence.DAY_OF_MONTH, _):
                here = self.period is Period.MONTH or day.month == self.month
                return here and day.day == (self.day or _month_days(day))
            case (Occurrence.DAY_OF_YEAR, _):
                return _day_of_year(day) == (self.occ or _year_days(day))
        return True

    def _is_week_day(self, day: date, number: int, days: int) -> bool:
        """It is the occ-th of its weekday among ``days``, of which it is the ``number``-th."""
        if day.isoweekday() != self.week_day:
            return False
        return number + 7 > days if self.occ == LAST else (number - 1) // 7 + 1 == self.occ


def _month_days(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _day_of_year(day: date) -> int:
    return day.timetuple().tm_yday


def _year_days(day: date) -> int:
    return 366 if calendar.isleap(day.year) else 365
