"""What a control switches: relays behind SPC and INC, set points behind APC."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

import structlog

from device_agent.config import ConfigError, Output, RelayOutput, SetPointOutput, SgReadyOutput, Source
from device_agent.drivers.base import Driver, DriverError, OutputError
from device_agent.points import parse_reference
from device_agent.relays import RelayConfig, RelayGuard, RelayRefused, Switch
from iec61850_model.reference import Reference
from iec61850_model.tree import Tree
from iec61850_model.types import Value
from iec61850_model.values import AddCause

log = structlog.get_logger()

SG_READY_CONTACTS: Mapping[int, tuple[bool, bool]] = {
    1: (True, False),
    2: (False, False),
    3: (False, True),
    4: (True, True),
}
"""State -> contacts 1 and 2 (BWP, SG Ready label): blocked, normal, recommended on, forced on."""


class Process(Protocol):
    """One controllable data object's way to the hardware."""

    reference: Reference

    async def start(self) -> None:
        """Take the safe or initial state."""

    async def stop(self) -> None:
        """Take the safe state."""

    async def command(self, value: Value) -> AddCause | None:
        """Switch; returns None when it is done and certain, else why it is not."""

    async def tick(self) -> None:
        """Do what is due, e.g. end a relay's longest time away from its safe state."""

    def state(self) -> Value | None:
        """What the hardware is known to have; None if it is not known."""


class GuardedRelay:
    """A relay on a driver's output, switched by its guard's word only."""

    def __init__(self, config: RelayConfig, driver: Driver, output: str) -> None:
        self.guard = RelayGuard(config)
        self._driver = driver
        self._output = output

    async def start(self) -> None:
        await self._carry_out(self.guard.start(time.monotonic()))

    async def stop(self) -> None:
        await self._carry_out(self.guard.stop(time.monotonic()))

    async def tick(self) -> None:
        await self._carry_out(self.guard.tick(time.monotonic()))

    async def command(self, on: bool) -> AddCause | None:
        try:
            switches = self.guard.command(on, time.monotonic())
        except RelayRefused as refused:
            log.warning("relay refuses", relay=self.guard.config.name, reason=str(refused))
            return AddCause.BLOCKED_BY_PROCESS
        await self._carry_out(switches)
        return None if self.guard.state == on else AddCause.BLOCKED_BY_PROCESS

    async def _carry_out(self, switches: list[Switch]) -> None:
        while switches:
            switch = switches.pop(0)
            ok = True
            try:
                await self._driver.write(self._output, switch.on)
            except DriverError as error:
                ok = False
                log.error("relay not switched", relay=self.guard.config.name, reason=str(error))
            else:
                log.info(
                    "relay switched", relay=self.guard.config.name, on=switch.on, reason=switch.reason.value
                )
            switches = self.guard.applied(ok, time.monotonic())


class RelayProcess:
    """An SPC with one relay."""

    def __init__(self, reference: Reference, relay: GuardedRelay) -> None:
        self.reference = reference
        self._relay = relay

    async def start(self) -> None:
        await self._relay.start()

    async def stop(self) -> None:
        await self._relay.stop()

    async def tick(self) -> None:
        await self._relay.tick()

    async def command(self, value: Value) -> AddCause | None:
        return await self._relay.command(bool(value))

    def state(self) -> Value | None:
        return self._relay.guard.state


class SgReadyProcess:
    """An INC with the SG Ready state on two relays."""

    def __init__(self, reference: Reference, relays: tuple[GuardedRelay, GuardedRelay]) -> None:
        self.reference = reference
        self._relays = relays

    async def start(self) -> None:
        for relay in self._relays:
            await relay.start()

    async def stop(self) -> None:
        for relay in self._relays:
            await relay.stop()

    async def tick(self) -> None:
        for relay in self._relays:
            await relay.tick()

    async def command(self, value: Value) -> AddCause | None:
        contacts = SG_READY_CONTACTS.get(value) if isinstance(value, int) else None
        if contacts is None:
            return AddCause.INCONSISTENT_PARAMETERS
        # Off before on: on the way from state 1 to 3 the heat pump must not see 1:1, which forces it on.
        for relay, on in sorted(zip(self._relays, contacts, strict=True), key=lambda pair: pair[1]):
            cause = await relay.command(on)
            if cause is not None:
                return cause
        return None

    def state(self) -> Value | None:
        contacts = tuple(relay.guard.state for relay in self._relays)
        return next((state for state, pair in SG_READY_CONTACTS.items() if pair == contacts), None)


class SetPointProcess:
    """An APC with a number that a driver takes."""

    def __init__(self, reference: Reference, driver: Driver, config: SetPointOutput) -> None:
        self.reference = reference
        self._driver = driver
        self._config = config
        self._state: float | None = None

    async def start(self) -> None:
        if self._config.initial is not None:
            await self.command(self._config.initial)

    async def stop(self) -> None:
        """A set point stays: the heat pump keeps it without the box."""

    async def tick(self) -> None:
        """Nothing becomes due."""

    async def command(self, value: Value) -> AddCause | None:
        if not isinstance(value, int | float):
            return AddCause.INCONSISTENT_PARAMETERS
        try:
            await self._driver.write(self._config.set_point.name, float(value))
        except OutputError as error:
            log.error("set point not written", output=str(self._config.set_point), reason=str(error))
            self._state = None
            return AddCause.BLOCKED_BY_PROCESS
        self._state = float(value)
        return None

    def state(self) -> Value | None:
        return self._state


def make_processes(
    tree: Tree, outputs: Mapping[str, Output], drivers: Mapping[str, Driver]
) -> dict[Reference, Process]:
    """The hardware behind each controllable data object; raises ConfigError that names the output."""
    taken: dict[str, str] = {}
    processes: dict[Reference, Process] = {}
    for text, output in outputs.items():
        reference = parse_reference(text, "outputs")
        wanted = {RelayOutput: "SPC", SgReadyOutput: "INC", SetPointOutput: "APC"}[type(output)]
        if tree.cdc(reference) != wanted:
            raise ConfigError(f"outputs: {text} is no {wanted} of this model")
        for source in _sources(output):
            _check(source, drivers, text, taken)
        processes[reference] = _process(reference, output, drivers)
    return processes


def _sources(output: Output) -> tuple[Source, ...]:
    match output:
        case RelayOutput():
            return (output.relay,)
        case SgReadyOutput():
            return output.sg_ready
    return (output.set_point,)


def _check(source: Source, drivers: Mapping[str, Driver], text: str, taken: dict[str, str]) -> None:
    driver = drivers.get(source.driver)
    if driver is None:
        raise ConfigError(f"outputs: {text}: no driver {source.driver}; there is {', '.join(drivers)}")
    if source.name not in driver.outputs():
        known = ", ".join(sorted(driver.outputs())) or "none"
        raise ConfigError(f"outputs: {text}: {source.driver} has no output {source.name}; it has: {known}")
    if str(source) in taken:
        raise ConfigError(f"outputs: {source} is used twice: {taken[str(source)]} and {text}")
    taken[str(source)] = text


def _process(reference: Reference, output: Output, drivers: Mapping[str, Driver]) -> Process:
    match output:
        case RelayOutput(relay=source, safe=safe, max_on=max_on):
            return RelayProcess(reference, _relay(source, RelayConfig(str(source), safe, max_on), drivers))
        case SgReadyOutput(sg_ready=(first, second), max_on=max_on):
            relays = tuple(
                _relay(source, RelayConfig(str(source), False, max_on), drivers) for source in (first, second)
            )
            return SgReadyProcess(reference, (relays[0], relays[1]))
        case SetPointOutput():
            return SetPointProcess(reference, drivers[output.set_point.driver], output)
    raise TypeError(f"{type(output).__name__} is no output")


def _relay(source: Source, config: RelayConfig, drivers: Mapping[str, Driver]) -> GuardedRelay:
    return GuardedRelay(config, drivers[source.driver], source.name)
