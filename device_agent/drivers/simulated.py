"""The simulated house as hardware: what a box measures and switches when there is no heat pump at hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from device_agent.heat_pump import HeatPumpParams, Source
from device_agent.house import MAX_STEP_S, READINGS, SETPOINTS, House, HouseParams
from device_agent.weather import Season

from .base import Clock, Health, OutputError, Sample, failed, require_known, require_switch_value

HOUSE_CONTACTS = {
    "evu_block": "evu_contact",
    "sg_ready_1": "sg_ready_contact_1",
    "sg_ready_2": "sg_ready_contact_2",
}
"""Output -> the reading that shows what the heat pump's terminals see."""
SPARE_RELAYS = {f"relay_{number}": f"relay_contact_{number}" for number in range(1, 5)}
"""Output -> the reading of its feedback contact; nothing of the house hangs on them."""


class SimulatedOptions(BaseModel):
    """Options of driver `simulated`."""

    model_config = ConfigDict(extra="forbid")

    seed: int = 1
    speed: float = Field(default=1.0, gt=0, le=3600)
    """Seconds of the house a second of the clock."""
    season: Season = Season.CALENDAR
    source: Source = Source.AIR
    start: datetime | None = None
    """The house's time when it starts, with UTC offset; by default the clock's."""
    min_run: float = Field(default=300.0, ge=0, le=3600)
    min_pause: float = Field(default=300.0, ge=0, le=3600)
    """Shortest run and pause of the compressor, seconds of the house."""
    evu_blocks_backup: bool = False
    """Whether a block of the heat pump blocks its backup heater too."""

    def make_house(self, now: float) -> House:
        """The house these options describe, at UTC time `now`."""
        pump = HeatPumpParams(source=self.source, min_run_s=self.min_run, min_pause_s=self.min_pause)
        params = HouseParams(pump, self.season, evu_blocks_backup=self.evu_blocks_backup)
        return House(params, self.seed, now)


class SimulatedDriver:
    """Moves the house on to the clock's time whenever it is read or switched; idle in between."""

    def __init__(self, options: SimulatedOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._house: House | None = None
        self._house_time = self._clock_time = 0.0
        self._relays = dict.fromkeys(SPARE_RELAYS, False)

    async def start(self) -> None:
        self._clock_time = self._clock()
        start = self._options.start
        self._house_time = start.timestamp() if start else self._clock_time
        self._house = self._options.make_house(self._house_time)

    async def stop(self) -> None:
        self._house = None

    async def read(self, names: Sequence[str]) -> dict[str, Sample]:
        require_known("reading of driver simulated", names, self.readings())
        if self._house is None:
            return failed(names, self._clock(), "driver simulated is not started")
        self._catch_up(self._house)
        values = self._house.readings() | {
            contact: self._relays[relay] for relay, contact in SPARE_RELAYS.items()
        }
        absent = "this house has no brine circuit"
        return {
            name: Sample(None, Health.FAILED, self._clock_time, absent)
            if values[name] is None
            else Sample(values[name], Health.GOOD, self._clock_time)
            for name in names
        }

    async def write(self, output: str, value: bool | int | float) -> None:
        require_known("output of driver simulated", [output], self.outputs())
        if self._house is None:
            raise OutputError(f"{output}: driver simulated is not started")
        if output in SPARE_RELAYS:
            self._relays[output] = require_switch_value(output, value)
            return
        wanted = value if output in SETPOINTS else require_switch_value(output, value)
        self._catch_up(self._house)
        try:
            self._house.set(output, wanted)
        except ValueError as error:
            raise OutputError(str(error)) from error

    def readings(self) -> frozenset[str]:
        return READINGS | frozenset(SPARE_RELAYS.values())

    def outputs(self) -> frozenset[str]:
        return frozenset(HOUSE_CONTACTS) | frozenset(SPARE_RELAYS) | frozenset(SETPOINTS)

    def _catch_up(self, house: House) -> None:
        """Pass the time since the last call; a clock set back passes none, a leap ahead is cut short."""
        now = self._clock()
        dt = min(MAX_STEP_S, max(0.0, (now - self._clock_time) * self._options.speed))
        self._clock_time = now
        self._house_time += dt
        house.step(self._house_time, dt)
