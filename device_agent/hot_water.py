"""When the people in the simulated house draw hot water: a pure function of time and seed."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from .weather import DAY_S, HOUR_S

COLD_WATER_CELSIUS = 9.0
TAP_CELSIUS = 40.0
"""What comes out of shower and tap, mixed from the tank's water and cold water."""
PEOPLE = 3
DAYS_KEPT = 2
"""Drawing plans kept in memory: today's, and yesterday's at midnight."""


@dataclass(frozen=True, slots=True)
class _Draw:
    begins: float
    ends: float
    flow: float
    """l/s of tap water"""


class HotWaterUse:
    """A shower a person, washing up after meals, hands in between; other minutes each day."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._plans: dict[int, list[_Draw]] = {}

    def flow(self, time: float, tank_celsius: float) -> float:
        """l/s taken from the tank (and replaced by cold water) at a time in UTC seconds."""
        tap = sum(
            draw.flow for draw in self._plan(math.floor(time / DAY_S)) if draw.begins <= time < draw.ends
        )
        if tank_celsius <= TAP_CELSIUS:
            return tap
        return tap * (TAP_CELSIUS - COLD_WATER_CELSIUS) / (tank_celsius - COLD_WATER_CELSIUS)

    def _plan(self, day: int) -> list[_Draw]:
        if day not in self._plans:
            while len(self._plans) >= DAYS_KEPT:
                self._plans.pop(next(iter(self._plans)))
            self._plans[day] = self._make_plan(day)
        return self._plans[day]

    def _make_plan(self, day: int) -> list[_Draw]:
        rng = random.Random(f"{self._seed}/hot water/{day}")  # noqa: S311 - habits, not secrets
        midnight = day * DAY_S

        def draw(hour: float, spread_h: float, minutes: float, flow: float) -> _Draw:
            begins = midnight + HOUR_S * rng.gauss(hour, spread_h)
            return _Draw(begins, begins + 60 * minutes * rng.uniform(0.7, 1.4), flow)

        showers = [draw(rng.choice((6.0, 6.5, 20.5)), 0.5, 6, 0.13) for _ in range(PEOPLE)]
        dishes = [draw(hour, 0.4, 3, 0.10) for hour in (7.0, 12.0, 18.0)]
        hands = [draw(rng.uniform(6, 22), 0.2, 0.6, 0.06) for _ in range(4 * PEOPLE)]
        return showers + dishes + hands
