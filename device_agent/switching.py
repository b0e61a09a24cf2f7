"""The outputs of a box: commands and schedules carried out, and the model shows what the hardware has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from types import MappingProxyType

import structlog

from device_agent.authority import Authority, Holder, LostHub, Wanted
from device_agent.clock import Clock
from device_agent.guarded_relay import monotonic
from device_agent.holders import HolderView
from device_agent.limited import Process
from device_agent.limits import Refusal
from device_agent.relays import RETRY_S
from iec61850_model.reference import Reference
from iec61850_model.server.effects import Drive
from iec61850_model.tree import Tree
from iec61850_model.types import Value
from iec61850_model.values import GOOD, NOT_CONNECTED, AddCause, OrCat

log = structlog.get_logger()

RELAY_TICK = 0.5
"""Seconds between two looks at what a relay must do by itself."""
ALIVE_WITHIN = 30.0
"""Seconds for one such look, with all writes that may hang: longer means that something is stuck."""


class Switching:
    """The controllable data objects that are wired, each with its process and its table of authority.

    ``lost_hub``: what of a command is left when the hub is lost, for ``fail_safe`` seconds at most.
    ``blocks_backup``: the value of an output that blocks the house's backup heat too, where there is one.
    """

    def __init__(
        self,
        tree: Tree,
        processes: Mapping[Reference, Process],
        clock: Clock,
        lost_hub: Mapping[Reference, LostHub],
        fail_safe: float,
        blocks_backup: Mapping[Reference, Value] = MappingProxyType({}),
    ) -> None:
        self.processes = dict(processes)
        self.authorities = {
            reference: Authority(
                process.rest,
                lost_hub.get(reference, LostHub.SAFE),
                fail_safe,
                blocks_backup.get(reference),
            )
            for reference, process in processes.items()
        }
        self._tree = tree
        self._clock = clock
        self._holders = HolderView(tree, processes, clock)
        self._commanded: set[Reference] = set()
        self._drives: dict[Reference, Drive] = {}
        self._again: dict[Reference, float] = {}
        self._shown: dict[Reference, Value | None] = {}
        self._looked: dict[Reference, float] = {}
        self._started = False

    async def start(self) -> None:
        """Bring every output into its safe or initial state."""
        self._started = True
        await asyncio.gather(*(process.start() for process in self.processes.values()))

    async def stop(self) -> None:
        """Bring every output into its safe state: all at once, so that one that hangs delays no other.

        Outputs that were never started are left alone: their hardware may not be open.
        """
        if self._started:
            await asyncio.gather(*(process.stop() for process in self.processes.values()))

    def watch(self, tasks: asyncio.TaskGroup) -> None:
        """Do what the outputs must do by themselves, and show it, from now on."""
        for process in self.processes.values():
            self._looked[process.reference] = time.monotonic()
            tasks.create_task(self._watch(process))

    def alive(self) -> bool:
        """Every output was looked at not long ago."""
        now = time.monotonic()
        return all(now - looked < ALIVE_WITHIN for looked in self._looked.values())

    def faults(self) -> dict[str, str]:
        """The outputs whose last write was not done, and why."""
        said = {str(reference): process.fault() for reference, process in self.processes.items()}
        return {reference: fault for reference, fault in said.items() if fault}

    # --- what is asked of outputs -----------------------------------------------------------------

    async def command(self, reference: Reference, value: Value) -> AddCause | None:
        """Switch; None: it is done. Whatever happens there is an outcome, for a client waits for it."""
        process = self.processes.get(reference)
        if process is None:
            return AddCause.NOT_SUPPORTED
        authority = self.authorities[reference]
        refused = authority.refusal(value)
        if refused is not None:
            return refused
        self._commanded.add(reference)
        try:
            cause = await process.command(value)
        except Exception:
            log.exception("control failed", reference=str(reference))
            return AddCause.BLOCKED_BY_PROCESS
        finally:
            self._commanded.discard(reference)
        if cause is None:
            authority.commanded(value, process.ends())
        elif process.fault():
            authority.failed()
        return cause

    def commanded(self, reference: Reference, value: Value, cause: AddCause | None) -> None:
        """The server has shown the outcome of a command, with its origin if it was done."""
        process = self.processes.get(reference)
        if process is not None:
            if cause is None:
                self._shown[reference] = value
            self._show(process)

    def drive(self, effect: Drive) -> None:
        """A schedule has come to its next entry, or none runs any longer. The same said twice is once."""
        authority = self.authorities.get(effect.reference)
        if authority is None:
            log.warning("a schedule drives what is not wired", reference=str(effect.reference))
            return
        if self._drives.get(effect.reference) == effect:
            return
        self._drives[effect.reference] = effect
        log.info(
            "schedule", reference=str(effect.reference), value=effect.value, schedule=effect.schedule or None
        )
        until = None if effect.until is None else monotonic() + effect.until - self._clock.moment().now
        authority.drive(effect.value, effect.schedule, until)

    def local(self, on: bool) -> None:
        """The local switch is on or off."""
        for authority in self.authorities.values():
            authority.local(on)

    def hub(self, there: bool) -> None:
        """The hub is there or lost."""
        for authority in self.authorities.values():
            if there:
                authority.hub_back()
            else:
                authority.hub_lost(monotonic())

    def limit(self, reference: Reference, value: Value | None) -> None:
        """The limit of power needs this value of an output, or (None) nothing of it."""
        self.authorities[reference].limit(value)

    def waits_for(self, reference: Reference, value: Value) -> str:
        """What keeps an output from having this value: a limit, or who else holds it; empty: nothing."""
        process = self.processes[reference]
        wanted = self.authorities[reference].wanted(monotonic())
        if wanted.value != value:
            return wanted.holder.value
        refusal = self._refusal(process, wanted)
        return "" if refusal is None else refusal.text(monotonic())

    # --- what follows -----------------------------------------------------------------------------

    async def _watch(self, process: Process) -> None:
        while True:
            self._looked[process.reference] = time.monotonic()
            await self.look_after(process)
            await asyncio.sleep(RELAY_TICK)

    async def look_after(self, process: Process) -> None:
        """Do once what is due for an output, and show what it has."""
        await process.tick()
        # While a command is carried out the server shows its outcome, with the origin that it has.
        if process.reference not in self._commanded:
            await self._follow(process)
        if process.reference not in self._commanded:
            self._show(process)

    async def _follow(self, process: Process) -> None:
        """Bring an output to what it is to have; what a limit forbids is done when it is over."""
        now = monotonic()
        authority = self.authorities[process.reference]
        wanted = authority.wanted(now)
        at_once = wanted.at_once or authority.forbids(process.state())
        refusal = None if at_once else self._refusal(process, wanted)
        self._holders.show(process.reference, wanted, refusal)
        if wanted.value is None or process.state() == wanted.value or refusal is not None:
            return
        if now < self._again.get(process.reference, now):
            return
        if at_once:
            await process.release()
        else:
            await process.command(wanted.value)
        if process.state() != wanted.value:
            self._again[process.reference] = now + RETRY_S
            if process.fault():
                authority.failed()

    @staticmethod
    def _refusal(process: Process, wanted: Wanted) -> Refusal | None:
        if wanted.value is None or wanted.at_once or process.state() in (None, wanted.value):
            return None
        return process.refusal(wanted.value)

    def _show(self, process: Process) -> None:
        """The model says what the hardware has, also when nobody commanded it."""
        reference, state = process.reference, process.state()
        if reference in self._shown and self._shown[reference] == state:
            return
        self._shown[reference] = state
        wanted = self.authorities[reference].wanted(monotonic())
        category, identity = OrCat.PROCESS, b""
        if wanted.holder is Holder.SCHEDULE and wanted.value == state:
            category, identity = OrCat.AUTOMATIC_BAY, wanted.schedule.encode()[:MAX_OR_IDENT]
        self._tree.update(
            reference,
            state,
            GOOD if state is not None else NOT_CONNECTED,
            self._clock.moment().timestamp,
            mirrored={("origin", "orCat"): int(category), ("origin", "orIdent"): identity},
        )


MAX_OR_IDENT = 64
"""Octets of orIdent (7-3, Originator)."""
