"""The simulated house's grid connection: what a three-phase meter of the heat pump would show."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .weather import SmoothNoise

NOMINAL_V, NOMINAL_HZ = 230.0, 50.0
VOLTAGE_SWING_V = 3.0
"""How far the voltage wanders in a Danish low-voltage feeder without anything special happening."""
VOLT_PER_AMPERE = 0.15
"""Drop in the service line."""
FREQUENCY_SWING_HZ = 0.03
MOTOR_POWER_FACTOR, ELECTRONICS_POWER_FACTOR = 0.93, 0.65


@dataclass(frozen=True, slots=True)
class MeterValues:
    """W, var, 1, Hz, V, A."""

    power: float
    reactive_power: float
    power_factor: float
    frequency: float
    voltages: tuple[float, float, float]
    currents: tuple[float, float, float]


class GridConnection:
    """The motor and the backup heater load all phases alike, the electronics phase 1 only."""

    def __init__(self, seed: int) -> None:
        self._voltage = [SmoothNoise(f"{seed}/voltage/{phase}", 20, 3600) for phase in (1, 2, 3)]
        self._frequency = SmoothNoise("frequency", 10, 900)  # one grid: the same in every house

    def at(self, time: float, motor_w: float, electronics_w: float, heater_w: float) -> MeterValues:
        """What the meter shows at a UTC time (seconds) for the given loads."""
        motor_var = motor_w * math.tan(math.acos(MOTOR_POWER_FACTOR))
        electronics_var = electronics_w * math.tan(math.acos(ELECTRONICS_POWER_FACTOR))
        apparent = [
            math.hypot((motor_w + heater_w) / 3 + w, motor_var / 3 + q)
            for w, q in self._single_phase(electronics_w, electronics_var)
        ]
        open_circuit = [NOMINAL_V + VOLTAGE_SWING_V * noise.at(time) for noise in self._voltage]
        v1, v2, v3 = (v - VOLT_PER_AMPERE * s / v for v, s in zip(open_circuit, apparent, strict=True))
        s1, s2, s3 = apparent
        power, reactive = motor_w + electronics_w + heater_w, motor_var + electronics_var
        total = math.hypot(power, reactive)
        return MeterValues(
            power=power,
            reactive_power=reactive,
            power_factor=power / total if total else 1.0,
            frequency=NOMINAL_HZ + FREQUENCY_SWING_HZ * self._frequency.at(time),
            voltages=(v1, v2, v3),
            currents=(s1 / v1, s2 / v2, s3 / v3),
        )

    @staticmethod
    def _single_phase(watts: float, var: float) -> tuple[tuple[float, float], ...]:
        return ((watts, var), (0.0, 0.0), (0.0, 0.0))
