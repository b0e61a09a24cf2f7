"""What ``box.yaml`` says of the heat pump as a load of the grid (section ``der``)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_POWER = 100_000.0
"""W (or VA): many times the heat pump of a house."""
MAX_VOLTAGE = 1000.0
"""V: low voltage."""
MAX_VOLUME = 20_000.0
"""Litres of a tank in a house."""

Watts = Annotated[float, Field(gt=0, le=MAX_POWER)]
Volts = Annotated[float, Field(gt=0, le=MAX_VOLTAGE)]
Celsius = Annotated[float, Field(ge=0, le=100)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Voltage(_Section):
    """Phase to neutral, V. The defaults are those of EN 50160: 230 V, 10 % up or down."""

    nominal: Volts = 230.0
    lowest: Volts = 207.0
    highest: Volts = 253.0

    @model_validator(mode="after")
    def _ordered(self) -> Voltage:
        if not self.lowest <= self.nominal <= self.highest:
            raise ValueError("lowest, nominal and highest must rise in this order")
        return self


class Tank(_Section):
    """Water that keeps heat: ``volume`` litres between the temperatures ``empty`` and ``full``, °C."""

    volume: float = Field(gt=0, le=MAX_VOLUME)
    empty: Celsius
    full: Celsius

    @model_validator(mode="after")
    def _ordered(self) -> Tank:
        if self.empty >= self.full:
            raise ValueError("empty must be colder than full")
        return self


class DerConfig(_Section):
    """The nameplate of the heat pump, its connection and its tanks. Powers are electrical."""

    rated_power: Watts
    max_power: Watts | None = None
    """Default: rated_power."""
    rated_apparent_power: Watts | None = None
    """VA. Default: rated_power."""
    running_above: Watts = 300.0
    """Power that means that the compressor runs, for a box to which no contact says so."""
    ramp: float = Field(default=100.0, gt=0, le=100)
    """Percent of max_power in a second; a heat pump that only switches has 100."""
    phases: Literal[1, 3] = 3
    voltage: Voltage = Voltage()
    connection: str = Field(default="house", min_length=1, max_length=64, pattern=r"^[ -~]+$")
    """What the connection point is called."""
    limit_when_hub_lost: Literal["safe", "hold"] = "hold"
    """A commanded limit of power goes on for the fail-safe duration (hold), or ends (safe)."""
    buffer: Tank | None = None
    hot_water: Tank | None = None

    @model_validator(mode="after")
    def _within(self) -> DerConfig:
        if self.max_power is not None and self.max_power > self.rated_power:
            raise ValueError("max_power is above rated_power")
        return self
