"""Weather for the simulated house: a pure function of time and seed, so that it needs no state.

Means and amplitudes are near the Danish climate normals (8 °C over the year, January 1 °C, July 17 °C).
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from enum import StrEnum

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
YEAR_S = 365.2425 * DAY_S

COLDEST_DAY_S = 28 * DAY_S
"""Seconds into the year at which the mean temperature is lowest: late January."""
WARMEST_HOUR_S = 14 * HOUR_S
"""Seconds into the (UTC) day at which it is warmest: two hours after noon in Denmark."""
GROUND_LAG_S = 45 * DAY_S
"""How far the ground at brine depth lags behind the air over the year."""


class Season(StrEnum):
    """Which weather the house has: by the calendar, or the same season all year (for a demonstration)."""

    CALENDAR = "calendar"
    WINTER = "winter"
    SPRING = "spring"
    SUMMER = "summer"
    AUTUMN = "autumn"


@dataclass(frozen=True, slots=True)
class Conditions:
    """The weather at one moment."""

    temperature: float
    """°C"""
    humidity: float
    """relative, %"""
    solar: float
    """W/m² on the windows"""
    ground: float
    """°C at the depth of the brine pipes, undisturbed"""


@dataclass(frozen=True, slots=True)
class _Course:
    mean: float
    daily: float
    unrest: float
    solar: float


_FIXED = {
    Season.WINTER: _Course(mean=-2.0, daily=1.5, unrest=1.0, solar=120),
    Season.SPRING: _Course(mean=7.0, daily=4.0, unrest=2.0, solar=400),
    Season.SUMMER: _Course(mean=17.5, daily=5.0, unrest=2.5, solar=550),
    Season.AUTUMN: _Course(mean=9.0, daily=3.0, unrest=2.0, solar=250),
}


class SmoothNoise:
    """A slow, smooth disturbance between -1 and 1, the same for the same seed."""

    WAVES = 4

    def __init__(self, seed: str, shortest_s: float, longest_s: float) -> None:
        rng = random.Random(seed)  # noqa: S311 - weather, not secrets
        self._waves = [
            (math.tau / rng.uniform(shortest_s, longest_s), rng.uniform(0, math.tau))
            for _ in range(self.WAVES)
        ]

    def at(self, time: float) -> float:
        return sum(math.sin(speed * time + phase) for speed, phase in self._waves) / self.WAVES


class Weather:
    """Yearly and daily course plus days of unrest."""

    def __init__(self, seed: int, season: Season = Season.CALENDAR) -> None:
        self._season = season
        self._unrest = SmoothNoise(f"{seed}/temperature", 1.5 * DAY_S, 9 * DAY_S)
        self._damp = SmoothNoise(f"{seed}/humidity", 8 * HOUR_S, 4 * DAY_S)
        self._cloud = SmoothNoise(f"{seed}/cloud", 3 * HOUR_S, 2 * DAY_S)

    def at(self, time: float) -> Conditions:
        """The weather at a time in UTC seconds."""
        course = _FIXED.get(self._season) or _by_calendar(time)
        day = math.cos(math.tau * (time - WARMEST_HOUR_S) / DAY_S)
        sun = max(0.0, math.cos(math.tau * (time - DAY_S / 2) / DAY_S))
        humidity = 84 - 8 * day + 14 * self._damp.at(time)
        return Conditions(
            temperature=course.mean + course.daily * day + course.unrest * self._unrest.at(time),
            humidity=min(100.0, max(25.0, humidity)),
            solar=course.solar * sun * (0.6 + 0.4 * self._cloud.at(time)),
            ground=self._ground(time),
        )

    def _ground(self, time: float) -> float:
        if self._season is Season.CALENDAR:
            return 8.0 - 4.0 * _coldness(time - GROUND_LAG_S)
        return 8.0 + 0.3 * (_FIXED[self._season].mean - 8.0)


def _coldness(time: float) -> float:
    """1 on the coldest day of the year, -1 half a year later."""
    return math.cos(math.tau * (time - COLDEST_DAY_S) / YEAR_S)


def _by_calendar(time: float) -> _Course:
    cold = _coldness(time)
    return _Course(mean=8.5 - 8.0 * cold, daily=3.3 - 1.8 * cold, unrest=5.0, solar=330 - 210 * cold)
