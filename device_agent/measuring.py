"""Measuring: every driver in a rhythm of its own, its samples into the model."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import structlog

from device_agent.clock import Clock
from device_agent.config import ConfigError
from device_agent.drivers.base import Driver, Sample, failed
from device_agent.points import BoundPoint, taken
from iec61850_model.tree import Tree, Update

log = structlog.get_logger()

READ_LIMIT = 20.0
"""Seconds a driver may take to measure; drivers keep to shorter limits of their own (15 s the longest)."""


class Measuring:
    """The wired points of a box. ``failing`` says which have no usable value, and why.

    Raises ConfigError that names the point and the valid names, for a driver or reading that is unknown.
    """

    def __init__(
        self,
        tree: Tree,
        points: Iterable[BoundPoint],
        drivers: Mapping[str, Driver],
        clock: Clock,
        every: float,
    ) -> None:
        self.failing: dict[str, str] = {}
        self._tree = tree
        self._drivers = drivers
        self._clock = clock
        self._every = every
        self._points = _by_driver(points, drivers)
        self._broken: set[str] = set()
        self._first = {driver: asyncio.Event() for driver in self._points}

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Measure from now on."""
        for driver in self._points:
            tasks.create_task(self._measure(driver))

    async def first(self) -> None:
        """Wait until every driver has been asked once."""
        for first in self._first.values():
            await first.wait()

    async def _measure(self, driver: str) -> None:
        """A slow bus must not delay the others."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await self._sample(driver)
            self._first[driver].set()
            due = max(due + self._every, loop.time())
            await asyncio.sleep(due - loop.time())

    async def _sample(self, driver: str) -> None:
        points = self._points[driver]
        samples = await self._read(driver, sorted({bound.point.source.name for bound in points}))
        time_quality = self._clock.moment().timestamp.quality
        updates: list[Update] = []
        for bound in points:
            update, reason = taken(self._tree, bound, samples[bound.point.source.name], time_quality)
            if update is not None:
                updates.append(update)
            if reason:
                self.failing[str(bound.reference)] = reason
            else:
                self.failing.pop(str(bound.reference), None)
        # What was measured together is told together: one moment, one report.
        self._tree.update_all(updates)

    async def _read(self, driver: str, names: Sequence[str]) -> dict[str, Sample]:
        """One sample for each name, whatever the driver does."""
        try:
            async with asyncio.timeout(READ_LIMIT):
                samples = await self._drivers[driver].read(names)
        except TimeoutError:
            reason = f"driver {driver} gave no answer within {READ_LIMIT:g} s"
        except Exception as error:  # a driver's own mistake must not end the box
            reason = f"driver {driver} failed: {error!r}"
            if driver not in self._broken:
                log.exception("a driver failed", driver=driver)
            self._broken.add(driver)
        else:
            self._broken.discard(driver)
            return failed(names, self._clock.time(), f"driver {driver} left it out") | samples
        return failed(names, self._clock.time(), reason)


def _by_driver(points: Iterable[BoundPoint], drivers: Mapping[str, Driver]) -> dict[str, list[BoundPoint]]:
    grouped: dict[str, list[BoundPoint]] = defaultdict(list)
    for bound in points:
        source = bound.point.source
        driver = drivers.get(source.driver)
        if driver is None:
            known = ", ".join(drivers) or "none"
            raise ConfigError(f"points: {bound.reference}: no driver {source.driver}; there is: {known}")
        if source.name not in driver.readings():
            known = ", ".join(sorted(driver.readings())) or "nothing"
            raise ConfigError(f"points: {bound.reference}: {source} is unknown; it reads: {known}")
        grouped[source.driver].append(bound)
    return dict(grouped)
