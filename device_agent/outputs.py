"""What a control switches: relays behind SPC and INC, set points behind APC."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from device_agent.config import ConfigError
from device_agent.der import EVU_BLOCK
from device_agent.drivers.base import Driver
from device_agent.guarded_relay import GuardedRelay, write_output
from device_agent.limited import LimitedProcess, Process, Switchable
from device_agent.limits import (
    SG_READY_BLOCKED,
    SG_READY_NORMAL,
    Ledger,
    Limits,
    Refusal,
    relay_limits,
    sg_ready_limits,
)
from device_agent.limits_file import LimitsFile
from device_agent.output_config import (
    EVU_BLOCK_DEFAULTS,
    RELAY_DEFAULTS,
    Output,
    RelayOutput,
    SetPointOutput,
    SgReadyOutput,
    Source,
)
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

    @property
    def rest(self) -> Value | None:
        return self._config.initial

    async def start(self) -> None:
        await self.release()

    async def stop(self) -> None:
        """A set point stays: the heat pump keeps it without the box."""

    def refusal(self, value: Value) -> Refusal | None:
        """A set point may be changed at any time."""
        return None

    async def release(self) -> None:
        if self._config.initial is not None:
            await self.command(self._config.initial)

    def ends(self) -> float | None:
        return None

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
    tree: Tree, outputs: Mapping[str, Output], drivers: Mapping[str, Driver], file: LimitsFile
) -> dict[Reference, Process]:
    """The hardware behind each controllable data object; raises ConfigError that names the output.

    What their limits must remember is kept in ``file``.
    """
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
        processes[reference] = _process(reference, output, drivers, file)
    return processes


def backup_blocks(outputs: Mapping[str, Output]) -> dict[Reference, Value]:
    """The value of each output that blocks the house's backup heat too."""
    found: dict[Reference, Value] = {}
    for text, output in outputs.items():
        match output:
            case RelayOutput(backup_heat=True):
                found[Reference.parse(text)] = not output.safe
            case SgReadyOutput(backup_heat=True):
                found[Reference.parse(text)] = SG_READY_BLOCKED
    return found


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


def _process(
    reference: Reference, output: Output, drivers: Mapping[str, Driver], file: LimitsFile
) -> Process:
    if isinstance(output, SetPointOutput):
        return SetPointProcess(reference, drivers[output.set_point.driver], output)
    inner: Switchable
    safe: bool | int
    if isinstance(output, RelayOutput):
        config = RelayConfig(str(output.relay), output.safe, output.max_on)
        inner, safe = RelayProcess(reference, _relay(output.relay, config, drivers)), output.safe
    else:
        first, second = (
            _relay(source, RelayConfig(str(source), False, output.max_on), drivers)
            for source in output.sg_ready
        )
        inner, safe = SgReadyProcess(reference, (first, second)), SG_READY_NORMAL
    try:
        ledger = Ledger(_limits(reference, output), safe)
    except ValueError as error:
        raise ConfigError(f"outputs: {reference}: {error}") from None
    return LimitedProcess(inner, ledger, file.keep)


def _limits(reference: Reference, output: RelayOutput | SgReadyOutput) -> Limits:
    if isinstance(output, SgReadyOutput):
        return sg_ready_limits(
            hold_s=output.hold,
            longest_s=output.max_on,
            per_hour=output.starts_per_hour,
            blocks_per_day=output.blocks_per_day,
            block_pause_s=output.block_pause,
        )
    defaults = EVU_BLOCK_DEFAULTS if reference == EVU_BLOCK else RELAY_DEFAULTS
    pause = defaults.min_off if output.min_off is None else output.min_off
    per_day = defaults.starts_per_day if output.starts_per_day is None else output.starts_per_day
    return relay_limits(
        output.safe,
        least_s=output.min_on,
        longest_s=output.max_on,
        pause_s=pause,
        starts=(output.starts_per_hour, per_day),
    )


def ledgers(processes: Mapping[Reference, Process]) -> dict[str, Ledger]:
    """The ledgers of those that have one, by reference."""
    return {
        str(reference): process.ledger
        for reference, process in processes.items()
        if isinstance(process, LimitedProcess)
    }


def _relay(source: Source, config: RelayConfig, drivers: Mapping[str, Driver]) -> GuardedRelay:
    return GuardedRelay(config, drivers[source.driver], source.name)
