"""The simulated heat pump: its controller and its refrigeration cycle, without any I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

KELVIN = 273.15
WATER_J_PER_L_K = 4186.0
BRINE_W_PER_K = 1950.0
"""Heat a kelvin of brine carries: 0.5 l/s of ethanol and water."""

HEATING_BAND_K = 2.0
"""Around its set point the buffer may be this much colder or warmer."""
DHW_BAND_K = 5.0
"""The hot water may cool by this much before it is heated."""
BUFFER_MAX_CELSIUS, DHW_MAX_CELSIUS = 60.0, 66.0
"""The high-pressure switch stops the compressor above, whatever the minimum run time: a fault."""
FAULT_CLEARS_BELOW_K = 8.0
"""The fault clears when the tank is this much below the limit."""
CHARGE_FLOW_L_S = 0.35
CONDENSER_APPROACH_K, EVAPORATOR_APPROACH_K = 4.0, 7.0
MIN_LIFT_K = 15.0
"""A compressor needs some pressure difference; this also bounds the COP."""
MIN_CAPACITY_W, MAX_CAPACITY_W = 3000.0, 10000.0
DEFROST_FROM_CELSIUS, DEFROST_TO_CELSIUS, DEFROST_HUMIDITY = 0.0, 5.0, 70.0
"""Frost grows on the evaporator between these outdoor temperatures when the air is damp (%)."""
FROST_FULL_S, DEFROST_S = 2400.0, 240.0
"""Seconds of running until the evaporator is frosted up, and seconds to thaw it."""
DEFROST_HEAT_W, DEFROST_POWER_W = 3500.0, 1200.0
"""Taken out of the buffer, and drawn by the compressor, while defrosting."""
DEFROST_MIN_BUFFER_CELSIUS = 15.0
BRINE_TIME_CONSTANT_S = 1800.0


class Source(StrEnum):
    """Where the heat comes from."""

    AIR = "air"
    BRINE = "brine"


@dataclass(frozen=True, slots=True)
class HeatPumpParams:
    """What can be set on a heat pump. Times are in seconds of the house."""

    source: Source = Source.AIR
    capacity_w: float = 8000.0
    """Heat at 7 °C outdoors (air) or 0 °C brine."""
    carnot_fraction: float = 0.45
    min_run_s: float = 300.0
    min_pause_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Demand:
    """What the house wants from the heat pump, and what is around it; temperatures in °C."""

    outdoor: float
    humidity: float
    ground: float
    buffer_top: float
    buffer_bottom: float
    dhw: float
    buffer_target: float
    dhw_target: float
    heating_wanted: bool
    blocked: bool
    """EVU contact or SG Ready state 1: the compressor must not run."""
    forced: bool
    """SG Ready state 4: run until the raised set points are reached."""


@dataclass(frozen=True, slots=True)
class Output:
    """What the cycle does during one substep, W. Sink = compressor + source."""

    sink_w: float = 0.0
    """Heat into the tank; negative while defrosting."""
    compressor_w: float = 0.0
    source_w: float = 0.0


class HeatPump:
    """On/off compressor with hysteresis, minimum run and pause times, hot-water priority and defrost.

    A block and the high-pressure switch stop it at once; everything else waits for the minimum run time.
    """

    def __init__(self, params: HeatPumpParams, ground: float) -> None:
        self._params = params
        self.running = False
        self.defrost = False
        self.dhw_mode = False
        self.fault = False
        self.seconds_run = 0.0
        self.brine_in = self.brine_out = ground
        self._heating_call = False
        self._dhw_call = False
        self._frost = 0.0
        self._in_state_s = math.inf

    def step(self, demand: Demand, dt: float) -> Output:
        """Decide and run for `dt` seconds."""
        self._in_state_s += dt
        self._watch_pressure(demand)
        self._watch_thermostats(demand)
        self._switch(demand)
        output = self._cycle(demand, dt)
        self._brine(demand, output, dt)
        return output

    def _watch_pressure(self, demand: Demand) -> None:
        hottest = max(demand.buffer_top - BUFFER_MAX_CELSIUS, demand.dhw - DHW_MAX_CELSIUS)
        if hottest > 0:
            self.fault = True
        elif hottest < -FAULT_CLEARS_BELOW_K:
            self.fault = False

    def _watch_thermostats(self, demand: Demand) -> None:
        buffer_begins = demand.buffer_target - (0 if demand.forced else HEATING_BAND_K)
        if not demand.heating_wanted or demand.buffer_bottom > demand.buffer_target + HEATING_BAND_K:
            self._heating_call = False
        elif demand.buffer_top < buffer_begins:
            self._heating_call = True
        dhw_begins = demand.dhw_target - (0.5 if demand.forced else DHW_BAND_K)
        if demand.dhw >= demand.dhw_target:
            self._dhw_call = False
        elif demand.dhw < dhw_begins:
            self._dhw_call = True

    def _switch(self, demand: Demand) -> None:
        wanted = self._heating_call or self._dhw_call
        if self.running:
            done = not wanted and not self.defrost and self._in_state_s >= self._params.min_run_s
            if demand.blocked or self.fault or done:
                self._set_running(False)
        elif (
            wanted and not demand.blocked and not self.fault and self._in_state_s >= self._params.min_pause_s
        ):
            self._set_running(True)
        if not self.running:
            self.dhw_mode = self.defrost = False
        elif wanted:
            self.dhw_mode = self._dhw_call

    def _set_running(self, running: bool) -> None:
        self.running = running
        self._in_state_s = 0.0

    def _cycle(self, demand: Demand, dt: float) -> Output:
        if not self.running:
            return Output()
        self.seconds_run += dt
        if self._needs_defrost(demand, dt):
            heat = DEFROST_HEAT_W if demand.buffer_bottom > DEFROST_MIN_BUFFER_CELSIUS else 0.0
            return Output(-heat, DEFROST_POWER_W, -heat - DEFROST_POWER_W)
        source, capacity = self._source_and_capacity(demand)
        sink = demand.dhw + 4 if self.dhw_mode else demand.buffer_bottom
        condensing = sink + capacity / (CHARGE_FLOW_L_S * WATER_J_PER_L_K) + CONDENSER_APPROACH_K
        lift = max(MIN_LIFT_K, condensing - (source - EVAPORATOR_APPROACH_K))
        cop = max(1.0, self._params.carnot_fraction * (condensing + KELVIN) / lift)
        return Output(capacity, capacity / cop, capacity - capacity / cop)

    def _needs_defrost(self, demand: Demand, dt: float) -> bool:
        if self._params.source is not Source.AIR:
            return False
        if self.defrost:
            self._frost -= dt / DEFROST_S
            self.defrost = self._frost > 0
        elif (
            DEFROST_FROM_CELSIUS <= demand.outdoor <= DEFROST_TO_CELSIUS
            and demand.humidity >= DEFROST_HUMIDITY
        ):
            self._frost += dt / FROST_FULL_S
            self.defrost = self._frost >= 1
        self._frost = min(1.0, max(0.0, self._frost))
        return self.defrost

    def _source_and_capacity(self, demand: Demand) -> tuple[float, float]:
        if self._params.source is Source.AIR:
            source, factor = demand.outdoor, 1 + 0.02 * (demand.outdoor - 7)
        else:
            source, factor = self.brine_in, 1 + 0.025 * self.brine_in
        return source, min(MAX_CAPACITY_W, max(MIN_CAPACITY_W, self._params.capacity_w * factor))

    def _brine(self, demand: Demand, output: Output, dt: float) -> None:
        target = demand.ground - (3.0 if self.running else 0.0)
        self.brine_in += (target - self.brine_in) * min(1.0, dt / BRINE_TIME_CONSTANT_S)
        self.brine_out = self.brine_in - output.source_w / BRINE_W_PER_K
