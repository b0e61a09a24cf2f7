"""The process of operations: registry, audit and the component link around the desks."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from hub.accounts import Accounts
from hub.addresses import OPERATIONS, Addresses
from hub.audit import AuditEntry, AuditKind, AuditLog
from hub.config import HubConfig
from hub.operations.asking import ask
from hub.operations.commands.desk import Desk as CommandDesk
from hub.operations.commands.office import Office
from hub.operations.desk import Desk, Stage
from hub.operations.events import Ask, Effect, Finished, Queue, Trouble
from hub.operations.link import OperationsLink
from hub.operations.settings_keeping import SettingsCounts, SettingsKeeping
from hub.operations.watch import News, SteeringWatch
from hub.pacing import Pacer
from hub.registry import OpenSteering, Registry, SteeringState
from hub.roster import LinkState

log = structlog.get_logger()

TICK = 1.0
"""Seconds between two looks at what became due."""
MAX_HANG = 10.0
"""Seconds without a tick after which the process is not healthy: nothing of ours blocks for one."""
MAX_ASKING = 64
"""Boxes that are asked something at one time; more wait for their turn."""


@dataclass(slots=True)
class OperationsCounts:
    """What happened since the start."""

    finished: Counter[str] = field(default_factory=Counter)
    """By what it was: slot ready, withdrawn, given up."""
    troubles: int = 0


@dataclass(frozen=True, slots=True)
class OperationsSnapshot:
    """The state at the moment of asking."""

    link_up: bool
    jobs: Counter[str]
    boxes: Counter[str]
    unwritten: int
    loop_lag: float
    counts: OperationsCounts
    settings: SettingsCounts
    commands: Counter[str]
    """How commands of clients ended."""
    sessions: int


@dataclass(slots=True, eq=False)
class _Box:
    """A box for which there is something to do, and the id of the heat pump it is reached by now."""

    jid: str
    heat_pump: str
    desk: Desk


class OperationsProcess:
    """Operations: owns the boxes with open jobs and all that happens to them."""

    def __init__(self, config: HubConfig, registry: Registry, audit: AuditLog) -> None:
        addresses = Addresses(config.domain)
        address = (config.xmpp.host, config.operations.component_port or config.xmpp.component_port)
        self._link = OperationsLink(addresses, config.operations_secret(), address)
        self._link.on_up.append(self._up)
        self._link.on_down.append(self._down)
        self._domain = addresses.operations
        office = Office(
            registry, audit, config.databases.audit, addresses, self._link.speaking_for, time.time
        )
        self._accounts = Accounts(registry, office.used)
        self._commands = CommandDesk(office, self._link.answer)
        self._link.on_request, self._link.on_saying = self._commands.take, office.heard
        self._watch = SteeringWatch(registry, audit, self._news)
        self._settings = SettingsKeeping(registry, audit, self._link, config.operations.pace)
        self._turns: Pacer[_Box] = Pacer(config.operations.pace, self._turn)
        self._boxes: dict[str, _Box] = {}
        self._by_heat_pump: dict[str, _Box] = {}
        self._waiting: set[_Box] = set()
        self._online: set[str] = set()
        self._asking: set[asyncio.Task[None]] = set()
        self._counts = OperationsCounts()
        self._loop_lag, self._ticked = 0.0, time.monotonic()

    async def run(self) -> None:
        """Work until cancelled."""
        await self._watch.begin()
        log.info("operations starts", domain=self._domain, boxes=len(self._boxes))
        try:
            async with asyncio.TaskGroup() as tasks:
                for part in (self._link, self._turns, self._watch, self._settings, self._accounts):
                    tasks.create_task(part.run())
                tasks.create_task(self._clock())
        finally:
            self._commands.stop()
            for task in self._asking:
                task.cancel()
            await self._accounts.close()
            await self._watch.finish()

    # --- what happens -------------------------------------------------------------------------------

    def _news(self, news: News) -> None:
        """The registry tells of jobs and of who is online."""
        now = time.time()
        for heat_pump, state in news.states:
            self._presence(heat_pump, state, now)
        for job in news.jobs:
            box = self._box_of(job)
            self._perform(box, box.desk.take(job, now))

    def _box_of(self, job: OpenSteering) -> _Box:
        former = self._by_heat_pump.get(job.heat_pump)
        if former is not None and former.jid != job.box and job.key in former.desk.jobs:
            former.desk.away()  # the heat pump has another box now, and all its jobs are told anew
            self._boxes.pop(former.jid, None)
            self._waiting.discard(former)
            self._unname(former)
        box = self._boxes.get(job.box)
        if box is None:
            box = self._boxes[job.box] = _Box(job.box, job.heat_pump, Desk())
        if job.state is SteeringState.GIVEN_UP:
            return box  # by that id another box is reached now
        if box.heat_pump != job.heat_pump:
            box.desk.away()
            self._unname(box)
        box.heat_pump = job.heat_pump
        self._by_heat_pump[job.heat_pump] = box
        box.desk.there = self._link.up and (job.leaving or job.heat_pump in self._online)
        return box

    def _unname(self, box: _Box) -> None:
        if self._by_heat_pump.get(box.heat_pump) is box:
            del self._by_heat_pump[box.heat_pump]

    def _presence(self, heat_pump: str, state: LinkState, now: float) -> None:
        if state is LinkState.ONLINE:
            self._online.add(heat_pump)
        else:
            self._online.discard(heat_pump)
        box = self._by_heat_pump.get(heat_pump)
        if box is None:
            return
        if state is not LinkState.ONLINE:
            box.desk.away()
        elif self._link.up:
            self._perform(box, box.desk.here(now))

    def _up(self) -> None:
        now = time.time()
        for box in list(self._boxes.values()):
            leaving = any(job.leaving for job in box.desk.jobs.values())
            if leaving or box.heat_pump in self._online:
                self._perform(box, box.desk.here(now))

    def _down(self) -> None:
        self._turns.clear()
        for box in self._boxes.values():
            box.desk.away()

    def _turn(self, box: _Box) -> bool:
        if len(self._asking) >= MAX_ASKING:
            return False
        self._perform(box, box.desk.turn(time.time()))
        return True

    # --- effects ------------------------------------------------------------------------------------

    def _perform(self, box: _Box, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Queue():
                    self._turns.put(box)
                case Ask():
                    task = asyncio.create_task(self._ask(box, effect))
                    self._asking.add(task)
                    task.add_done_callback(self._asking.discard)
                case Finished(job):
                    self._finished(job)
                case Trouble(job, reason):
                    self._counts.troubles += 1
                    self._watch.trouble(job, reason)
                    log.warning(
                        "a box cannot be told now", heat_pump=job.heat_pump, grant=job.grant, reason=reason
                    )
        if not box.desk.jobs and box.desk.stage is not Stage.WORKING:
            self._boxes.pop(box.jid, None)
            self._unname(box)
        if box.desk.due is None:
            self._waiting.discard(box)
        else:
            self._waiting.add(box)

    async def _ask(self, box: _Box, asked: Ask) -> None:
        now = time.time()
        outcome = await ask(self._link, box.heat_pump, asked.request, now)
        self._perform(box, box.desk.answered(asked.attempt, outcome, time.time()))

    def _finished(self, job: OpenSteering) -> None:
        what = _WHAT[job.state]
        self._counts.finished[what] += 1
        log.info(what, heat_pump=job.heat_pump, provider=job.provider, grant=job.grant, slot=job.slot)
        self._watch.finished(job, _entry(job, what))

    # --- time, and what is told of it -----------------------------------------------------------------

    async def _clock(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + TICK
            await asyncio.sleep(TICK)
            self._loop_lag, self._ticked = clock() - due, time.monotonic()
            now = time.time()
            self._commands.tick()
            for box in list(self._waiting):
                self._perform(box, box.desk.tick(now))

    def snapshot(self) -> OperationsSnapshot:
        """The state now, for Prometheus; called from the probe's thread, so it only reads."""
        boxes = list(self._boxes.values())
        return OperationsSnapshot(
            link_up=self._link.up,
            jobs=Counter(job.state.value for box in boxes for job in list(box.desk.jobs.values())),
            boxes=Counter(box.desk.stage.value for box in boxes),
            unwritten=len(self._watch),
            loop_lag=self._loop_lag,
            counts=self._counts,
            settings=self._settings.counts,
            commands=self._commands.counts.copy(),
            sessions=self._commands.sessions,
        )

    def unhealthy(self) -> list[str]:
        """Why the process should be restarted: its event loop hangs."""
        late = time.monotonic() - self._ticked
        return [f"the event loop of operations has not moved for {late:.0f} s"] if late > MAX_HANG else []

    def unready(self) -> list[str]:
        """Why nothing can be done in boxes now."""
        wrong = self.unhealthy()
        if not self._link.up:
            wrong.append("operations has no link to the XMPP server")
        if self._watch.failing:
            wrong.append(f"operations cannot use registry and audit: {self._watch.failing}")
        return wrong


_WHAT = {
    SteeringState.PENDING: "slot ready",
    SteeringState.ENDING: "withdrawn",
    SteeringState.GIVEN_UP: "given up",
}
"""What a finished job is called in log, audit and metrics."""


def _entry(job: OpenSteering, what: str) -> AuditEntry:
    slot = f", slot {job.slot} with priority {job.priority}" if job.slot else ""
    return AuditEntry(
        at=time.time(),
        kind=AuditKind.OPERATOR,
        provider=job.provider,
        heat_pump=job.heat_pump,
        box=job.box,
        service=what,
        detail=f"grant {job.grant}{slot}",
        actor=OPERATIONS,
    )
