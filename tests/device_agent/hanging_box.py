"""``hpbox`` with one more kind of driver, which blocks the whole event loop while a file is there.

Run it as ``hpbox`` is run: ``python hanging_box.py run --config box.yaml``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from device_agent.cli import main
from device_agent.drivers import registry
from device_agent.drivers.base import Clock, Health, OutputError, Sample


class HangingOptions(BaseModel):
    """``while_there``: the file whose presence blocks."""

    model_config = ConfigDict(extra="forbid")
    while_there: Path


class HangingDriver:
    """One reading, ``power``, whose driver has a mistake: it waits without giving way."""

    def __init__(self, options: HangingOptions, clock: Clock) -> None:
        self._file = options.while_there
        self._clock = clock

    async def start(self) -> None:
        """There is nothing to open."""

    async def stop(self) -> None:
        """There is nothing to release."""

    async def read(self, names: Sequence[str]) -> dict[str, Sample]:
        """Block, or give no value."""
        while self._file.exists():
            time.sleep(0.1)  # noqa: ASYNC251 - the mistake that is wanted
        return {name: Sample(None, Health.FAILED, self._clock(), "none") for name in names}

    async def write(self, output: str, value: bool | int | float) -> None:
        """There is nothing to switch."""
        raise OutputError(f"{output}: this driver has no outputs")

    def readings(self) -> frozenset[str]:
        """The one that blocks."""
        return frozenset({"power"})

    def outputs(self) -> frozenset[str]:
        """None."""
        return frozenset()


if __name__ == "__main__":
    registry._KINDS["hanging"] = registry._Kind(HangingOptions, HangingDriver)
    main()
