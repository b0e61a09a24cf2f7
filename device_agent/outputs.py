"""What a control switches: relays behind SPC and INC, set points behind APC."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

import structlog

from device_agent.config import ConfigError, Output, RelayOutput, SetPointOutput, SgReadyOutput, Source
from device_agent.drivers.base import Driver
from device_agent.guarded_relay import GuardedRelay, write_output
from device_agent.points import parse_reference
from device_agent.relays import RelayConfig
from iec61850_model.reference import Reference
from iec61850_model.tree import Branch, Tree
from iec61850_model.types import Value
from iec61850_model.values import AddCause, FunctionalConstraint

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
        """Take the safe state; it is reached, or given up, when this returns."""

    async def command(self, value: Value) -> AddCause | None:
        """Switch; returns None when it is done and certain, else why it is not."""

    async def tick(self) -> None:
        """Do what is due, e.g. end a relay's longest time away from its safe state."""

    def state(self) -> Value | None:
        """What the hardware is known to have; None if it is not known."""

    def fault(self) -> str:
        """Why the last write was not done; empty if it was."""


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

    def fault(self) -> str:
        return self._relay.fault


class SgReadyProcess:
    """An INC with the SG Ready state on two relays.

    The contacts are one thing: forced on without its second contact would be blocked, the opposite. So when
    one of them cannot follow or has been away from the safe state for too long, both take it.
    """

    def __init__(self, reference: Reference, relays: tuple[GuardedRelay, GuardedRelay]) -> None:
        self.reference = reference
        self._relays = relays
        self._half_done = False
        self._busy = asyncio.Lock()

    async def start(self) -> None:
        for relay in self._relays:
            await relay.start()

    async def stop(self) -> None:
        await asyncio.gather(*(relay.stop() for relay in self._relays))

    async def tick(self) -> None:
        if self._busy.locked():
            return
        async with self._busy:
            if self._half_done or any(relay.due for relay in self._relays):
                for relay in self._relays:
                    await relay.to_safe()
                self._half_done = any(relay.away for relay in self._relays)

    async def command(self, value: Value) -> AddCause | None:
        contacts = SG_READY_CONTACTS.get(value) if isinstance(value, int) else None
        if contacts is None:
            return AddCause.INCONSISTENT_PARAMETERS
        # Contact 1 alone blocks, so it closes last and opens first: nobody passes 1 on the way from 2 to 4.
        order = (1, 0) if contacts[0] else (0, 1)
        async with self._busy:
            for at in order:
                cause = await self._relays[at].command(contacts[at])
                self._half_done = cause is not None
                if cause is not None:
                    return cause
        return None

    def state(self) -> Value | None:
        contacts = tuple(relay.guard.state for relay in self._relays)
        return next((state for state, pair in SG_READY_CONTACTS.items() if pair == contacts), None)

    def fault(self) -> str:
        return next((relay.fault for relay in self._relays if relay.fault), "")


class SetPointProcess:
    """An APC with a number that a driver takes."""

    def __init__(self, reference: Reference, driver: Driver, config: SetPointOutput) -> None:
        self.reference = reference
        self._driver = driver
        self._config = config
        self._state: float | None = None
        self._fault = ""

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
        self._fault = await write_output(self._driver, self._config.set_point.name, float(value))
        self._state = None if self._fault else float(value)
        if self._fault:
            log.error("set point not written", output=str(self._config.set_point), reason=self._fault)
        return AddCause.BLOCKED_BY_PROCESS if self._fault else None

    def state(self) -> Value | None:
        return self._state

    def fault(self) -> str:
        return self._fault


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
            known = ", ".join(str(one) for one, cdc in tree.data_objects() if cdc == wanted) or "none"
            raise ConfigError(f"outputs: {text} is no {wanted} of this model; it has: {known}")
        if isinstance(output, SetPointOutput) and output.initial is not None:
            _check_initial(tree, reference, output.initial)
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


def _check_initial(tree: Tree, reference: Reference, initial: float) -> None:
    """What a client may not set, the configuration may not either; raises ConfigError."""
    config = tree.find(reference.with_fc(FunctionalConstraint.CF))
    for name, sign in (("minVal", 1), ("maxVal", -1)):
        leaf = config.leaf(name, "f") if isinstance(config, Branch) else None
        if leaf and isinstance(leaf.value, float) and sign * initial < sign * leaf.value:
            raise ConfigError(
                f"outputs: {reference}: initial {initial:g} is beyond its {name} {leaf.value:g}"
            )


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
