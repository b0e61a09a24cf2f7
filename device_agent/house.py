"""A Danish detached house with a heat pump, as physics: no I/O, time passed in.

`House.set` works its contacts and set points, `House.step` lets time pass, `House.readings` gives what its
sensors and meters show. Parts: `weather`, `hot_water`, `heat_pump`, `backup_heater`, `building`,
`electricity`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum

from .backup_heater import BackupHeater
from .building import Building, Water
from .electricity import GridConnection
from .heat_pump import WATER_J_PER_L_K, Demand, HeatPump, HeatPumpParams, Source
from .hot_water import HotWaterUse
from .weather import DAY_S, HOUR_S, Season, Weather

MAX_SUBSTEP_S = 10.0
"""Far below the shortest time constant of `Building`, so that explicit steps stay stable."""
MAX_STEP_S = DAY_S
"""The most house time one `step` may pass, so that it returns within about a second."""

CIRCULATION_L_S = 0.25
"""Through radiators and floors at full pump speed."""
HEATING_LIMIT_CELSIUS, OUTDOOR_DAMPING_S = 16.0, 12 * HOUR_S
"""No heating above this outdoor temperature, damped over half a day."""
CURVE_BASE_CELSIUS, CURVE_SLOPE, CURVE_ZERO_CELSIUS = 23.0, 0.75, 20.0
"""Heating curve: buffer temperature at and above an outdoor temperature, and its rise per kelvin below."""
BUFFER_TARGET_MAX_CELSIUS, DHW_TARGET_MAX_CELSIUS = 50.0, 60.0
SG_RAISE_K = {1: (0.0, 0.0), 2: (0.0, 0.0), 3: (3.0, 4.0), 4: (6.0, 8.0)}
"""SG Ready state -> how much the set points of buffer and hot water are raised."""
STANDBY_W, SOURCE_PUMP_W, CIRCULATION_MAX_W = 8.0, 90.0, 45.0
PIPE_FLOWING_S, PIPE_STANDING_S = 30.0, 1800.0
"""Time constants of the temperature sensors on the heating pipes, with and without flow."""
BOX_WARMER_K = 14.0
"""The box's own electronics above the room."""
INDOOR_MOISTURE_HPA = 3.0
"""Vapour pressure people add to that of the outdoor air."""

CONTACTS = ("evu_block", "sg_ready_1", "sg_ready_2")
SETPOINTS = {"room_setpoint": (5.0, 30.0), "dhw_setpoint": (35.0, 60.0)}
"""Set point -> lowest and highest value, °C."""
J_PER_WH, J_PER_KWH = 3.6e3, 3.6e6


class OperatingMode(IntEnum):
    """Reading `operating_mode`."""

    STANDBY = 0
    HEATING = 1
    DHW = 2
    DEFROST = 3
    BLOCKED = 4
    FAULT = 5


@dataclass(frozen=True, slots=True)
class HouseParams:
    """What distinguishes one house from another."""

    heat_pump: HeatPumpParams = field(default_factory=HeatPumpParams)
    season: Season = Season.CALENDAR
    room_setpoint: float = 21.0
    dhw_setpoint: float = 50.0
    evu_blocks_backup: bool = False
    """Whether a block of the heat pump (EVU contact, SG Ready state 1) blocks the backup heater too."""


@dataclass(slots=True)
class _Meters:
    """What the house's meters have counted: joules, litres."""

    electric_j: float = 0.0
    heating_j: float = 0.0
    dhw_j: float = 0.0
    heating_l: float = 0.0
    dhw_l: float = 0.0


class House:
    """The simulated house. It starts in a state in which its heat pump has reason to run at once."""

    def __init__(self, params: HouseParams, seed: int, now: float) -> None:
        """A house at UTC time `now`. Raises ValueError for set points outside their ranges."""
        self._params = params
        self._weather = Weather(seed, params.season)
        self._use = HotWaterUse(seed)
        self._grid = GridConnection(seed)
        self._meters = _Meters()
        self._time = now
        self._sky = self._weather.at(now)
        self._damped_outdoor = self._sky.temperature
        self._contacts = dict.fromkeys(CONTACTS, False)
        self._setpoints: dict[str, float] = {}
        self.set("room_setpoint", params.room_setpoint)
        self.set("dhw_setpoint", params.dhw_setpoint)
        self.heat_pump = HeatPump(params.heat_pump, self._sky.ground)
        self.backup_heater = BackupHeater()
        self.building = Building(
            outdoor=self._sky.temperature,
            air=params.room_setpoint - 0.2,
            buffer=max(params.room_setpoint, self._buffer_target() - 3.0),
            dhw=params.dhw_setpoint - (1.0 if self._heating_season() else 6.0),
        )
        self._forward, self._return = self.building.top, self.building.air
        self._circulation_wanted = True
        self._pump_speed = self._drawn_l_s = 0.0
        self._heating_w = self._drawn_w = 0.0
        self._motor_w, self._electronics_w, self._backup_w = 0.0, STANDBY_W, 0.0

    def set(self, name: str, value: bool | float) -> None:
        """Work a contact (`evu_block`, `sg_ready_1`, `sg_ready_2`: True is closed) or a set point (°C).

        Raises ValueError for any other name, and for a set point outside its range.
        """
        if name in CONTACTS:
            self._contacts[name] = bool(value)
        elif name in SETPOINTS:
            low, high = SETPOINTS[name]
            if not low <= value <= high:
                raise ValueError(f"{name} must be between {low} and {high} °C, not {value}")
            self._setpoints[name] = float(value)
        else:
            raise ValueError(f"the house has no input {name}; it has {', '.join((*CONTACTS, *SETPOINTS))}")

    def step(self, now: float, dt: float) -> None:
        """Let `dt` seconds pass, ending at UTC time `now`. Raises ValueError unless 0 <= dt <= MAX_STEP_S."""
        if not 0 <= dt <= MAX_STEP_S:
            raise ValueError(f"a step must be between 0 and {MAX_STEP_S:.0f} s, not {dt}")
        count = math.ceil(dt / MAX_SUBSTEP_S)
        for index in range(count):
            self._substep(now - dt + dt * index / count, dt / count)
        self._time = now

    @property
    def sg_ready_state(self) -> int:
        """1 blocked, 2 normal, 3 raise recommended, 4 forced on.

        BWP, SG Ready label: contacts 1:0, 0:0, 0:1 and 1:1.
        """
        contacts = self._contacts["sg_ready_1"], self._contacts["sg_ready_2"]
        return {(True, False): 1, (False, False): 2, (False, True): 3, (True, True): 4}[contacts]

    def readings(self) -> dict[str, float | bool | int | None]:
        """What the sensors show now, by name; None for what an air-source house does not have.

        Units: °C, %, l/s, m³, W, kWh (heat), Wh (electricity), var, Hz, V, A, h. `heating` is measured in
        the heating circuit, `dhw` where hot water leaves the tank.
        """
        pump, building, meters = self.heat_pump, self.building, self._meters
        grid = self._grid.at(self._time, self._motor_w, self._electronics_w, self._backup_w)
        brine = self._params.heat_pump.source is Source.BRINE
        return {
            "outdoor_temperature": self._sky.temperature,
            "outdoor_humidity": self._sky.humidity,
            "room_temperature": building.air,
            "room_humidity": self._room_humidity(),
            "forward_temperature": self._forward,
            "return_temperature": self._return,
            "buffer_top_temperature": building.top,
            "buffer_bottom_temperature": building.bottom,
            "dhw_temperature": building.dhw,
            "brine_in_temperature": pump.brine_in if brine else None,
            "brine_out_temperature": pump.brine_out if brine else None,
            "space_heating_flow": self._circulation_l_s(),
            "dhw_flow": self._drawn_l_s,
            "space_heating_power": self._heating_w,
            "dhw_power": self._drawn_w,
            "space_heating_energy": meters.heating_j / J_PER_KWH,
            "dhw_energy": meters.dhw_j / J_PER_KWH,
            "space_heating_volume": meters.heating_l / 1000,
            "dhw_volume": meters.dhw_l / 1000,
            "power": grid.power,
            "reactive_power": grid.reactive_power,
            "power_factor": grid.power_factor,
            "frequency": grid.frequency,
            "voltage_1": grid.voltages[0],
            "voltage_2": grid.voltages[1],
            "voltage_3": grid.voltages[2],
            "current_1": grid.currents[0],
            "current_2": grid.currents[1],
            "current_3": grid.currents[2],
            "energy": meters.electric_j / J_PER_WH,
            "compressor": pump.running,
            "backup_heater": self.backup_heater.on,
            "defrost": pump.defrost,
            "dhw_mode": pump.dhw_mode,
            "fault": pump.fault,
            "operating_mode": int(self._operating_mode()),
            "compressor_hours": pump.seconds_run / HOUR_S,
            "pump_speed": 100 * self._pump_speed,
            "pump_on": self._pump_speed > 0,
            "valve_dhw": pump.dhw_mode,
            "evu_contact": self._contacts["evu_block"],
            "sg_ready_contact_1": self._contacts["sg_ready_1"],
            "sg_ready_contact_2": self._contacts["sg_ready_2"],
            "box_temperature": building.air + BOX_WARMER_K,
        }

    def _substep(self, time: float, dt: float) -> None:
        self._sky = self._weather.at(time)
        self._damped_outdoor += (self._sky.temperature - self._damped_outdoor) * dt / OUTDOOR_DAMPING_S
        pump, building, meters = self.heat_pump, self.building, self._meters
        cycle = pump.step(self._demand(), dt)
        blocked = self._params.evu_blocks_backup and self._blocked()
        backup_w = self.backup_heater.step(building.air, building.top, blocked=blocked)
        self._circulate()
        self._drawn_l_s = self._use.flow(time, building.dhw)
        water_l_s = self._circulation_l_s()
        self._sense_pipes(water_l_s, dt)
        moved = building.move(
            self._sky,
            cycle,
            backup_w,
            Water(pump.dhw_mode and not pump.defrost, water_l_s, self._drawn_l_s),
            self._setpoints["room_setpoint"],
            dt,
        )
        self._heating_w, self._drawn_w = moved.heating, moved.drawn
        self._motor_w = cycle.compressor_w + (SOURCE_PUMP_W if pump.running else 0.0)
        self._electronics_w = STANDBY_W + CIRCULATION_MAX_W * self._pump_speed**3
        self._backup_w = backup_w
        meters.electric_j += (self._motor_w + self._electronics_w + backup_w) * dt
        meters.heating_j += moved.heating * dt
        meters.dhw_j += moved.drawn * dt
        meters.heating_l += water_l_s * dt
        meters.dhw_l += self._drawn_l_s * dt

    def _demand(self) -> Demand:
        building = self.building
        return Demand(
            outdoor=self._sky.temperature,
            humidity=self._sky.humidity,
            ground=self._sky.ground,
            buffer_top=building.top,
            buffer_bottom=building.bottom,
            dhw=building.dhw,
            buffer_target=self._buffer_target(),
            dhw_target=self._dhw_target(),
            heating_wanted=self._heating_season(),
            blocked=self._blocked(),
            forced=self.sg_ready_state == 4,
        )

    def _circulate(self) -> None:
        """The circulation pump runs while the room asks and the buffer has heat, EVU block or not."""
        shortfall = self._setpoints["room_setpoint"] - self.building.air
        if shortfall > -0.3:
            self._circulation_wanted = True
        elif shortfall < -0.8:
            self._circulation_wanted = False
        has_heat = self.building.top > self.building.air + 1.0
        runs = self._circulation_wanted and self._heating_season() and has_heat
        self._pump_speed = min(1.0, max(0.3, 0.5 + shortfall)) if runs else 0.0

    def _circulation_l_s(self) -> float:
        return CIRCULATION_L_S * self._pump_speed

    def _sense_pipes(self, water_l_s: float, dt: float) -> None:
        forward = back = self.building.air
        if water_l_s:
            forward = self.building.top
            back = forward - self.building.emitted_w(water_l_s) / (water_l_s * WATER_J_PER_L_K)
        share = -math.expm1(-dt / (PIPE_FLOWING_S if water_l_s else PIPE_STANDING_S))
        self._forward += (forward - self._forward) * share
        self._return += (back - self._return) * share

    def _blocked(self) -> bool:
        return self._contacts["evu_block"] or self.sg_ready_state == 1

    def _heating_season(self) -> bool:
        return self._damped_outdoor < HEATING_LIMIT_CELSIUS

    def _buffer_target(self) -> float:
        curve = CURVE_BASE_CELSIUS + CURVE_SLOPE * max(0.0, CURVE_ZERO_CELSIUS - self._sky.temperature)
        shift = 1.5 * (self._setpoints["room_setpoint"] - 21.0)
        return min(BUFFER_TARGET_MAX_CELSIUS, curve + shift + SG_RAISE_K[self.sg_ready_state][0])

    def _dhw_target(self) -> float:
        raised = self._setpoints["dhw_setpoint"] + SG_RAISE_K[self.sg_ready_state][1]
        return min(DHW_TARGET_MAX_CELSIUS, raised)

    def _room_humidity(self) -> float:
        vapour = self._sky.humidity / 100 * _saturation_hpa(self._sky.temperature) + INDOOR_MOISTURE_HPA
        return min(100.0, 100 * vapour / _saturation_hpa(self.building.air))

    def _operating_mode(self) -> OperatingMode:
        pump = self.heat_pump
        for holds, mode in (
            (pump.fault, OperatingMode.FAULT),
            (self._blocked(), OperatingMode.BLOCKED),
            (pump.defrost, OperatingMode.DEFROST),
            (pump.running and pump.dhw_mode, OperatingMode.DHW),
            (pump.running, OperatingMode.HEATING),
        ):
            if holds:
                return mode
        return OperatingMode.STANDBY


def _saturation_hpa(celsius: float) -> float:
    """Vapour pressure of saturated air over water (Magnus)."""
    return 6.112 * math.exp(17.62 * celsius / (243.12 + celsius))


READINGS = frozenset(House(HouseParams(), seed=0, now=0.0).readings())
"""The names of all readings a house has."""
