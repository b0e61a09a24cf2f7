"""DER/DWMX1 alive: a limit of the heat pump's power is taken, obeyed with a block, shown as met or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from device_agent.authority import Holder
from device_agent.der import EVU_BLOCK, POWER, SG_READY
from device_agent.der_config import DerConfig
from device_agent.guarded_relay import monotonic
from device_agent.limited import Process
from device_agent.limits import SG_READY_BLOCKED, Refusal
from device_agent.limits_file import LimitsFile
from device_agent.power_limit import PowerLimit, PowerState
from device_agent.switching import Switching
from iec61850_model.reference import Reference
from iec61850_model.server import Moment
from iec61850_model.tree import NoSuchNode, Tree
from iec61850_model.types import Value
from iec61850_model.values import GOOD, AddCause, FunctionalConstraint, Validity

log = structlog.get_logger()

SET_POINT = Reference.parse("DER/DWMX1.WMaxSpt")
BEHAVIOUR, STATE = Reference.parse("DER/DWMX1.Beh"), Reference.parse("DER/DWMX1.LimSt")
_ON = 1


class LimitProcess:
    """The limit as a controlled object: its value is the limit in W, its rest what the heat pump can take."""

    def __init__(self, most: float) -> None:
        self.reference = SET_POINT
        self._most = most
        self._limit = most

    @property
    def rest(self) -> Value | None:
        return self._most

    async def start(self) -> None:
        """There is no limit."""

    async def stop(self) -> None:
        """The outputs go to their safe states by themselves."""

    def refusal(self, value: Value) -> Refusal | None:
        """A limit may be changed at any time."""
        return None

    async def command(self, value: Value) -> AddCause | None:
        if not isinstance(value, int | float) or value < 0:
            return AddCause.INCONSISTENT_PARAMETERS
        self._limit = float(value)
        return None

    async def release(self) -> None:
        self._limit = self._most

    async def tick(self) -> None:
        """Nothing becomes due."""

    def ends(self) -> float | None:
        return None

    def state(self) -> Value | None:
        return self._limit

    def fault(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Blocker:
    """The output that blocks the heat pump, and its value that does."""

    reference: Reference
    value: Value


def blocker_of(processes: Mapping[Reference, Process]) -> Blocker | None:
    """EVU block before SG Ready; None: the box cannot block the heat pump."""
    for blocker in (Blocker(EVU_BLOCK, True), Blocker(SG_READY, SG_READY_BLOCKED)):
        if blocker.reference in processes:
            return blocker
    return None


def limit_process(
    tree: Tree, config: DerConfig | None, processes: Mapping[Reference, Process]
) -> LimitProcess | None:
    """The limit, if the box knows what the heat pump takes, can block it, and the model lets it be set."""
    settable = tree.find(SET_POINT.child("Oper").with_fc(FunctionalConstraint.CO)) is not None
    if config is None or blocker_of(processes) is None or not settable:
        return None
    return LimitProcess(config.max_power or config.rated_power)


class Limiting:
    """Obeys the limit. ``start`` it once, ``refresh`` it about once a second; ``problem`` says what fails.

    A commanded limit is kept across restarts: a crash does not lift it.
    """

    def __init__(self, tree: Tree, most: float, switching: Switching, file: LimitsFile) -> None:
        self.problem = ""
        blocker = blocker_of(switching.processes)
        assert blocker is not None
        self._blocker = blocker
        self._tree = tree
        self._most = most
        self._switching = switching
        self._file = file
        self._rule = PowerLimit(most)
        self._resumed = False

    def start(self, moment: Moment) -> None:
        """The node is on."""
        self._tree.update(BEHAVIOUR, _ON, GOOD, moment.timestamp)

    async def resume(self) -> None:
        """Once the local switch is known: a limit that was in force when the box ended is again, or is ended
        by the switch."""
        if self._resumed:
            return
        self._resumed = True
        watts = self._file.power_limit
        if watts is not None:
            cause = await self._switching.command(SET_POINT, watts)
            log.warning("the limit of power from before the restart", watts=watts, holds=cause is None)

    def refresh(self, moment: Moment) -> None:
        """Follow limit and measured power."""
        limit = self._switching.processes[SET_POINT].state()
        assert isinstance(limit, int | float)
        in_force = float(limit) if limit < self._most else None
        state = self._rule.look(in_force, self._power(), monotonic())
        self._switching.limit(self._blocker.reference, self._blocker.value if state.block else None)
        self._keep()
        self._show(in_force, state, moment)

    def _power(self) -> float | None:
        try:
            value, quality, _ = self._tree.read(POWER)
        except NoSuchNode:
            return None
        usable = quality.validity in (Validity.GOOD, Validity.QUESTIONABLE)
        return float(value) if usable and isinstance(value, int | float) else None

    def _keep(self) -> None:
        if not self._resumed:
            return
        wanted = self._switching.authorities[SET_POINT].wanted(monotonic())
        commanded = wanted.holder in (Holder.COMMAND, Holder.FAIL_SAFE) and wanted.value != self._most
        value = wanted.value if commanded else None
        assert value is None or isinstance(value, int | float)
        if value != self._file.power_limit:
            self._file.power_limit = value
            self._file.keep()

    def _show(self, limit: float | None, state: PowerState, moment: Moment) -> None:
        text, problem = "no limit", ""
        if limit is not None:
            text = "met" if state.met else "not known: no power is measured"
            if state.met is False:
                text = problem = f"not met: {self._why(state)}"
            elif self._switching.processes[self._blocker.reference].state() == self._blocker.value:
                text += f", by {self._blocker.reference}"
        self.problem = problem
        try:
            shown, quality, _ = self._tree.read(STATE)
        except NoSuchNode:
            return
        if (shown, quality) != (text, GOOD):
            log.info("limit of power", watts=limit, state=text)
            self._tree.update(STATE, text, GOOD, moment.timestamp)

    def _why(self, state: PowerState) -> str:
        if not state.block:
            return "the heat pump takes more"
        waits = self._switching.waits_for(self._blocker.reference, self._blocker.value)
        kind = waits.partition(",")[0]
        return f"{self._blocker.reference}: {kind}" if kind else "the heat pump does not heed the block"
