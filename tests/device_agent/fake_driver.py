"""A driver that does what a test says: measures, switches, refuses, raises or hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from device_agent.drivers import Health, OutputError, Sample

MEASURED_AT = 1_800_000_000.25


class FakeDriver:
    """``pins`` is what the hardware really has; ``writes`` is everything that was asked of it, in order."""

    def __init__(self, readings: dict[str, Any] | None = None, outputs: Sequence[str] = ()) -> None:
        self.values: dict[str, Any] = dict(readings or {})
        self.pins: dict[str, Any] = dict.fromkeys(outputs)
        self.writes: list[tuple[str, Any]] = []
        self.broken: dict[str, Exception] = {}
        """Output or ``read`` -> what is raised."""
        self.failing_once: set[str] = set()
        """Outputs whose next write is refused."""
        self.hanging: set[str] = set()
        """Outputs, and ``read``, that never come to an end."""
        self.gate = asyncio.Event()
        """Every write is confirmed only when it is set."""
        self.gate.set()
        self.reads = 0
        self.running = False
        self.stop_error: Exception | None = None

    async def start(self) -> None:
        self.running = True

    async def stop(self) -> None:
        self.running = False
        if self.stop_error:
            raise self.stop_error

    async def _trouble(self, what: str) -> None:
        if what in self.hanging:
            await asyncio.Event().wait()
        if what in self.broken:
            raise self.broken[what]
        if what in self.failing_once:
            self.failing_once.discard(what)
            raise OutputError(f"{what}: once")

    async def read(self, names: Sequence[str]) -> dict[str, Sample]:
        self.reads += 1
        await self._trouble("read")
        samples = {}
        for name in names:
            value = self.values[name]
            if not isinstance(value, Sample):
                health = Health.FAILED if value is None else Health.GOOD
                value = Sample(value, health, MEASURED_AT, "unplugged" if value is None else "")
            samples[name] = value
        return samples

    async def write(self, output: str, value: Any) -> None:
        self.writes.append((output, value))
        await self._trouble(output)
        self.pins[output] = value
        await self.gate.wait()

    def readings(self) -> frozenset[str]:
        return frozenset(self.values)

    def outputs(self) -> frozenset[str]:
        return frozenset(self.pins)


class Monotonic:
    """Stands in for the module ``time``: seconds of a clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now
