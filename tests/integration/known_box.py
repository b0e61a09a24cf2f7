"""``hpbox`` with one more kind of driver, whose readings are a known function of the time they are taken at.

Run it as ``hpbox`` is run: ``python known_box.py run --config box.yaml``.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from device_agent.cli import main
from device_agent.drivers import registry
from device_agent.drivers.base import Clock, Health, OutputError, Sample

RAMP, COUNT = "ramp", "count"


class KnownOptions(BaseModel):
    """``since``: the time at which both readings are zero, seconds since 1970 UTC."""

    model_config = ConfigDict(extra="forbid")
    since: float


class KnownDriver:
    """``ramp``: the seconds since ``since``; ``count``: the whole ones."""

    def __init__(self, options: KnownOptions, clock: Clock) -> None:
        self._since = options.since
        self._clock = clock

    async def start(self) -> None:
        """There is nothing to open."""

    async def stop(self) -> None:
        """There is nothing to release."""

    async def read(self, names: Sequence[str]) -> dict[str, Sample]:
        """Both readings of now."""
        now = self._clock()
        known = {RAMP: now - self._since, COUNT: int(now - self._since)}
        return {name: Sample(known[name], Health.GOOD, now) for name in names}

    async def write(self, output: str, value: bool | int | float) -> None:
        """There is nothing to switch."""
        raise OutputError(f"{output}: this driver has no outputs")

    def readings(self) -> frozenset[str]:
        """The names ``read`` knows."""
        return frozenset({RAMP, COUNT})

    def outputs(self) -> frozenset[str]:
        """None."""
        return frozenset()


if __name__ == "__main__":
    registry._KINDS["known"] = registry._Kind(KnownOptions, KnownDriver)
    main()
