"""A relay on real hardware: its guard decides (``device_agent.relays``), this carries out."""

from __future__ import annotations

import asyncio
import time

import structlog

from device_agent.drivers.base import Driver, DriverError
from device_agent.relays import RelayConfig, RelayGuard, RelayRefused, Switch
from iec61850_model.values import AddCause

log = structlog.get_logger()

WRITE_LIMIT = 3.0
"""Seconds for one write. Two of them, for SG Ready, must be over before a client gives up after 10 s."""


def monotonic() -> float:
    """The clock of all that has to do with outputs, seconds: it goes on while the process is restarted."""
    return time.monotonic()


async def write_output(driver: Driver, output: str, value: bool | float) -> str:
    """Set an output; returns why it is not certain that it is set, within WRITE_LIMIT whatever the driver
    does, and nothing if it is."""
    try:
        async with asyncio.timeout(WRITE_LIMIT):
            await driver.write(output, value)
    except DriverError as error:
        return str(error)
    except TimeoutError:
        return f"{output}: no answer within {WRITE_LIMIT:g} s"
    except Exception as error:  # a driver's own mistake must leave the relay guarded too
        log.exception("a driver failed", output=output)
        return f"{output}: {error!r}"
    return ""


class GuardedRelay:
    """A relay on a driver's output, switched by its guard's word only.

    Several tasks may use it at once: the guard lets one write be under way at a time. A write runs in a task
    of its own, so that the end of who asked for it does not leave the guard waiting for its outcome.
    """

    def __init__(self, config: RelayConfig, driver: Driver, output: str) -> None:
        self.guard = RelayGuard(config)
        self.fault = ""
        self._driver = driver
        self._output = output
        self._writing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._carry_out(self.guard.start(time.monotonic()))

    async def stop(self) -> None:
        """Take the safe state, after a write that is still under way."""
        await self._carry_out(self.guard.stop(time.monotonic()))
        if self._writing is not None:
            await asyncio.wait({self._writing})

    async def tick(self) -> None:
        await self._carry_out(self.guard.tick(time.monotonic()))

    async def command(self, on: bool) -> AddCause | None:
        """Switch; after a failure the safe state is sought behind the answer."""
        try:
            switches = self.guard.command(on, time.monotonic())
        except RelayRefused as refused:
            log.warning("relay refuses", relay=self.guard.config.name, reason=str(refused))
            return AddCause.BLOCKED_BY_PROCESS
        return None if await self._carry_out(switches) else AddCause.BLOCKED_BY_PROCESS

    async def to_safe(self) -> None:
        """Leave a state that is away from the safe one before its time is over."""
        await self.tick()
        if self.away:
            await self.command(self.guard.config.safe)

    @property
    def away(self) -> bool:
        """The relay is known to be away from its safe state."""
        return self.guard.state is (not self.guard.config.safe)

    @property
    def due(self) -> bool:
        """``tick`` has something to do."""
        deadline = self.guard.deadline
        return deadline is not None and time.monotonic() >= deadline

    async def _carry_out(self, switches: list[Switch]) -> bool:
        """Begin what the guard wants; returns whether the first write was done, as soon as that is known."""
        if not switches:
            return True
        first: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._writing = asyncio.create_task(self._write_all(switches, first))
        return await asyncio.shield(first)

    async def _write_all(self, switches: list[Switch], first: asyncio.Future[bool]) -> None:
        while switches:
            (switch,) = switches
            self.fault = await write_output(self._driver, self._output, switch.on)
            done = not self.fault
            switches = self.guard.applied(done, time.monotonic())
            if not first.done():
                first.set_result(done)
            name = self.guard.config.name
            if done:
                log.info("relay switched", relay=name, on=switch.on, reason=switch.reason.value)
            else:
                log.error("relay not switched", relay=name, on=switch.on, reason=self.fault)
