"""What ``box.yaml`` says of outputs: what is switched, within which limits, and what when the hub is lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from device_agent.limits import DAY_S, NO_LIMIT
from device_agent.lost_hub import DEFAULT_FAIL_SAFE_S, DEFAULT_TIMEOUT_S
from device_agent.relays import DEFAULT_MAX_ON_S, LONGEST_MAX_ON_S

DEFAULT_MIN_ON_S = 10.0
"""Seconds: a relay does not chatter."""
DEFAULT_STARTS_PER_HOUR = 6
"""A compressor that is started more often than every ten minutes wears out."""
DEFAULT_HOLD_S = 600.0
"""Seconds each SG Ready state is held (BWP, SG Ready label)."""
DEFAULT_BLOCKS_PER_DAY = 3
"""Blocks of up to two hours a day: what German network operators may ask of a heat pump's tariff."""
DEFAULT_BLOCK_PAUSE_S = 3600.0
"""Seconds between two blocks: time to warm up what cooled down."""
MOST_STARTS = 10_000
"""Starts a day that can be configured: one in nine seconds."""
MIN_TIMEOUT_S, MAX_TIMEOUT_S = 10.0, 3600.0
MIN_FAIL_SAFE_S = 60.0

DriverName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Seconds = Annotated[float, Field(ge=0, le=DAY_S)]
Starts = Annotated[int, Field(ge=0, le=MOST_STARTS)]
OnLostHub = Literal["safe", "hold"]


class RelayDefaults(NamedTuple):
    """What holds for a relay if the configuration does not say it."""

    min_off: float
    starts_per_day: int


RELAY_DEFAULTS = RelayDefaults(min_off=10.0, starts_per_day=NO_LIMIT)
EVU_BLOCK_DEFAULTS = RelayDefaults(min_off=DEFAULT_BLOCK_PAUSE_S, starts_per_day=DEFAULT_BLOCKS_PER_DAY)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Source(_Section):
    """``driver.name``: a reading or an output of a driver."""

    driver: DriverName
    name: str

    @model_validator(mode="before")
    @classmethod
    def _split(cls, text: Any) -> Any:
        if not isinstance(text, str):
            raise ValueError("write driver.name, e.g. meter.power")
        driver, dot, name = text.partition(".")
        if not dot or not name:
            raise ValueError(f"{text!r}: write driver.name, e.g. meter.power")
        return {"driver": driver, "name": name}

    def __str__(self) -> str:
        return f"{self.driver}.{self.name}"


class RelayOutput(_Section):
    """A relay behind an SPC, and its limits in seconds.

    ``max_on``: at most so long away from its safe state; ``min_on``: at least so long; ``min_off``: the pause
    between two such times (None: as the data object says, longer for the EVU block). ``backup_heat``: away
    from its safe state it blocks the house's backup heat too.
    """

    relay: Source
    safe: bool = False
    max_on: float = Field(default=DEFAULT_MAX_ON_S, ge=1, le=LONGEST_MAX_ON_S)
    min_on: Seconds = DEFAULT_MIN_ON_S
    min_off: Seconds | None = None
    starts_per_hour: Starts = DEFAULT_STARTS_PER_HOUR
    starts_per_day: Starts | None = None
    lost_hub: OnLostHub = "safe"
    backup_heat: bool = False

    @model_validator(mode="after")
    def _possible(self) -> RelayOutput:
        if self.backup_heat and self.lost_hub == "hold":
            raise ValueError("lost_hub: hold would block the backup heat without a hub; it must be safe")
        if self.min_on > self.max_on:
            raise ValueError("min_on is longer than max_on")
        return self


class SgReadyOutput(_Section):
    """Two relays behind the SG Ready state 1..4 of an INC; the safe state is 2, normal running.

    ``max_on``: seconds in which the state may be another one; ``hold``: seconds each state is held;
    ``block_pause``: seconds between two times in state 1. ``backup_heat``: state 1 blocks the house's backup
    heat too.
    """

    sg_ready: tuple[Source, Source]
    max_on: float = Field(default=DEFAULT_MAX_ON_S, ge=1, le=LONGEST_MAX_ON_S)
    hold: Seconds = DEFAULT_HOLD_S
    starts_per_hour: Starts = DEFAULT_STARTS_PER_HOUR
    blocks_per_day: Starts = DEFAULT_BLOCKS_PER_DAY
    block_pause: Seconds = DEFAULT_BLOCK_PAUSE_S
    lost_hub: OnLostHub = "safe"
    backup_heat: bool = False


class SetPointOutput(_Section):
    """A number handed to a driver, behind an APC. ``initial`` is written at start and when nobody wants
    another one, if given."""

    set_point: Source
    initial: float | None = None
    lost_hub: OnLostHub = "safe"


class LostHubConfig(_Section):
    """When the hub counts as lost, and how long the fail-safe lasts; seconds."""

    timeout: float = Field(default=DEFAULT_TIMEOUT_S, ge=MIN_TIMEOUT_S, le=MAX_TIMEOUT_S)
    fail_safe: float = Field(default=DEFAULT_FAIL_SAFE_S, ge=MIN_FAIL_SAFE_S, le=DAY_S)


OUTPUT_KINDS: Mapping[str, type[RelayOutput | SgReadyOutput | SetPointOutput]] = {
    "relay": RelayOutput,
    "sg_ready": SgReadyOutput,
    "set_point": SetPointOutput,
}
"""Which output it is shows in the key that names its source."""


def _output_kind(data: Any) -> str | None:
    found = [kind for kind in OUTPUT_KINDS if isinstance(data, dict) and kind in data]
    return found[0] if len(found) == 1 else None


Output = Annotated[
    Annotated[RelayOutput, Tag("relay")]
    | Annotated[SgReadyOutput, Tag("sg_ready")]
    | Annotated[SetPointOutput, Tag("set_point")],
    Discriminator(
        _output_kind,
        custom_error_type="output_kind",
        custom_error_message="give exactly one of relay, sg_ready and set_point",
    ),
]
