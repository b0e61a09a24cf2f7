"""The outputs of a box: commands carried out on them, and the model shows what the hardware has."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from device_agent.clock import Clock
from device_agent.outputs import Process
from iec61850_model.reference import Reference
from iec61850_model.server.effects import Drive
from iec61850_model.tree import Tree
from iec61850_model.types import Value
from iec61850_model.values import GOOD, NOT_CONNECTED, AddCause, OrCat

log = structlog.get_logger()

RELAY_TICK = 0.5
"""Seconds between two looks at what a relay must do by itself."""


class Switching:
    """The controllable data objects that are wired, each with its process."""

    def __init__(self, tree: Tree, processes: Mapping[Reference, Process], clock: Clock) -> None:
        self.processes = dict(processes)
        self._tree = tree
        self._clock = clock
        self._commanded: set[Reference] = set()
        self._shown: dict[Reference, Value | None] = {}
        self._started = False
        self._drives: dict[Reference, Drive] = {}
        self._rest: dict[Reference, Value | None] = {}

    async def start(self) -> None:
        """Bring every output into its safe or initial state."""
        self._started = True
        await asyncio.gather(*(process.start() for process in self.processes.values()))
        self._rest = {reference: process.state() for reference, process in self.processes.items()}

    async def stop(self) -> None:
        """Bring every output into its safe state: all at once, so that one that hangs delays no other.

        Outputs that were never started are left alone: their hardware may not be open.
        """
        if self._started:
            await asyncio.gather(*(process.stop() for process in self.processes.values()))

    def watch(self, tasks: asyncio.TaskGroup) -> None:
        """Do what the outputs must do by themselves, and show it, from now on."""
        for process in self.processes.values():
            tasks.create_task(self._watch(process))

    def faults(self) -> dict[str, str]:
        """The outputs whose last write was not done, and why."""
        said = {str(reference): process.fault() for reference, process in self.processes.items()}
        return {reference: fault for reference, fault in said.items() if fault}

    async def command(self, reference: Reference, value: Value) -> AddCause | None:
        """Switch; None: it is done. Whatever happens there is an outcome, for a client waits for it."""
        process = self.processes.get(reference)
        if process is None:
            return AddCause.NOT_SUPPORTED
        self._commanded.add(reference)
        try:
            return await process.command(value)
        except Exception:
            log.exception("control failed", reference=str(reference))
            return AddCause.BLOCKED_BY_PROCESS
        finally:
            self._commanded.discard(reference)

    def drive(self, effect: Drive) -> None:
        """A schedule has come to its next entry, or none runs any longer: the output follows, or takes the
        state again that it had at the start."""
        log.info(
            "schedule", reference=str(effect.reference), value=effect.value, schedule=effect.schedule or None
        )
        self._drives[effect.reference] = effect

    def commanded(self, reference: Reference, value: Value, cause: AddCause | None) -> None:
        """The server has shown the outcome of a command, with its origin if it was done."""
        process = self.processes.get(reference)
        if process is not None:
            if cause is None:
                self._shown[reference] = value
            self._show(process)

    async def _watch(self, process: Process) -> None:
        while True:
            # While a command is carried out the server shows its outcome, with the origin that it has.
            if process.reference not in self._commanded:
                self._show(process)
            await self._follow(process)
            await asyncio.sleep(RELAY_TICK)
            await process.tick()

    async def _follow(self, process: Process) -> None:
        """Do what a schedule asked last."""
        drive = self._drives.pop(process.reference, None)
        if drive is None:
            return
        value = self._rest.get(process.reference) if drive.value is None else drive.value
        cause = None if value is None else await self.command(process.reference, value)
        if cause is not None:
            log.error("a schedule could not switch", reference=str(process.reference), reason=cause.text)

    def _show(self, process: Process) -> None:
        """The model says what the hardware has, also when nobody commanded it."""
        reference, state = process.reference, process.state()
        if reference in self._shown and self._shown[reference] == state:
            return
        self._shown[reference] = state
        self._tree.update(
            reference,
            state,
            GOOD if state is not None else NOT_CONNECTED,
            self._clock.moment().timestamp,
            mirrored={("origin", "orCat"): int(OrCat.PROCESS), ("origin", "orIdent"): b""},
        )
