"""The box: drivers, model, server and link brought together. All rules lie in those; this is the shell."""

from __future__ import annotations

import asyncio
import signal
from collections import defaultdict
from collections.abc import Iterable

import structlog

from device_agent.clock import Clock
from device_agent.config import BoxConfig, ConfigError
from device_agent.drivers.base import Driver, DriverError, Sample
from device_agent.drivers.registry import make_driver
from device_agent.housekeeping import Housekeeping
from device_agent.link import Link
from device_agent.outputs import Process, make_processes
from device_agent.points import BoundPoint, bind, failing, take
from device_agent.settings import Settings
from iec61850_model.mms.pdu import Payload
from iec61850_model.mms.xer import MalformedPdu
from iec61850_model.reference import Reference
from iec61850_model.scl import SclError, read_scl
from iec61850_model.server import Effect, Incoming, Reply, Send, Server, Settled, Switch
from iec61850_model.tree import Tree
from iec61850_model.types import Value
from iec61850_model.values import GOOD, AddCause, OrCat, Quality

log = structlog.get_logger()

RELAY_TICK = 0.5
"""Seconds between two looks at what relays must do by themselves."""
LONGEST_WAIT = 60.0
"""Seconds the server's timer sleeps at most, so that a clock set from outside is noticed."""
STOP_WITHIN = 10.0
"""Seconds for the relays to reach their safe states at the end."""


def load_model(config: BoxConfig) -> Tree:
    """Read the box's ICD; raises ConfigError that names the file."""
    try:
        return read_scl(config.model.read_bytes())
    except (OSError, SclError) as error:
        raise ConfigError(f"model {config.model}: {error}") from None


class Agent:
    """One box. Make it, ``run`` it; it stops when cancelled."""

    def __init__(self, config: BoxConfig) -> None:
        self._config = config
        self._clock = Clock(config.clock)
        self.tree = load_model(config)
        self._drivers = self._make_drivers()
        self._points = bind(self.tree, config.points)
        self._by_driver = self._group_points()
        self._processes = make_processes(self.tree, config.outputs, self._drivers)
        self._settings = Settings(config.settings_file)
        self._server = Server(self.tree)
        self._housekeeping = Housekeeping(self.tree)
        self._link = Link(config, self._request, self._server.peer_gone, self._server.link_lost)
        self._replies: dict[int, asyncio.Future[Payload]] = {}
        self._before: dict[int, list[Payload]] = {}
        self._next_token = 0
        self._switching: set[asyncio.Task[None]] = set()
        self._due = asyncio.Event()

    async def run(self) -> None:
        """Serve until cancelled; relays are in their safe states before and after."""
        self._settings.restore(self.tree)
        self._housekeeping.start(self._clock.moment())
        started: list[Driver] = []
        try:
            for driver in self._drivers.values():
                await driver.start()
                started.append(driver)
            for process in self._processes.values():
                await process.start()
                self._show(process)
            await self._sample_all()
            self._link.start()
            async with asyncio.TaskGroup() as tasks:
                for work in (self._sample(), self._watch_relays(), self._tick()):
                    tasks.create_task(work)
        finally:
            await self._stop(started)

    async def _stop(self, started: Iterable[Driver]) -> None:
        for task in self._switching:
            task.cancel()
        try:
            async with asyncio.timeout(STOP_WITHIN):
                for process in self._processes.values():
                    await process.stop()
        except TimeoutError:
            log.error("relays did not reach their safe states in time", seconds=STOP_WITHIN)
        await self._link.stop()
        for driver in started:
            await driver.stop()

    def _make_drivers(self) -> dict[str, Driver]:
        drivers: dict[str, Driver] = {}
        for name, options in self._config.drivers.items():
            kind = str(options.get("kind", ""))
            rest = {key: value for key, value in options.items() if key != "kind"}
            try:
                drivers[name] = make_driver(kind, rest, self._clock.time)
            except DriverError as error:
                raise ConfigError(f"drivers.{name}: {error}") from None
        return drivers

    def _group_points(self) -> dict[str, list[BoundPoint]]:
        grouped: dict[str, list[BoundPoint]] = defaultdict(list)
        for bound in self._points:
            source = bound.point.source
            driver = self._drivers.get(source.driver)
            if driver is None:
                known = ", ".join(self._drivers) or "none"
                raise ConfigError(f"points: {bound.reference}: no driver {source.driver}; there is {known}")
            if source.name not in driver.readings():
                known = ", ".join(sorted(driver.readings()))
                raise ConfigError(f"points: {bound.reference}: {source} is unknown; it reads: {known}")
            grouped[source.driver].append(bound)
        return grouped

    # --- measuring --------------------------------------------------------------------------------

    async def _sample(self) -> None:
        while True:
            await asyncio.sleep(self._config.sample_every)
            await self._sample_all()

    async def _sample_all(self) -> None:
        await asyncio.gather(*(self._sample_one(name) for name in self._by_driver))
        moment = self._clock.moment()
        self._housekeeping.refresh(moment, self._link.online, failing(self.tree, self._points))

    async def _sample_one(self, driver: str) -> None:
        bound_points = self._by_driver[driver]
        names = sorted({bound.point.source.name for bound in bound_points})
        samples: dict[str, Sample] = await self._drivers[driver].read(names)
        time_quality = self._clock.moment().timestamp.quality
        for bound in bound_points:
            take(self.tree, bound, samples[bound.point.source.name], time_quality)

    # --- serving ----------------------------------------------------------------------------------

    async def _request(self, peer: str, payload: Payload | MalformedPdu, octets: int) -> list[Payload]:
        """Answer one request: what travels before the answer, then the answer."""
        self._next_token += 1
        token = self._next_token
        self._replies[token] = asyncio.get_running_loop().create_future()
        self._before[token] = []
        try:
            if isinstance(payload, MalformedPdu):
                effects = Server.malformed(peer, token, payload)
            else:
                effects = self._server.handle(Incoming(peer, token, payload, octets), self._clock.moment())
            self._perform(effects)
            self._due.set()
            answer = await self._replies[token]
            return [*self._before[token], answer]
        finally:
            del self._replies[token], self._before[token]

    def _perform(self, effects: Iterable[Effect]) -> None:
        ahead: list[Send] = []
        for effect in effects:
            match effect:
                case Send():
                    ahead.append(effect)
                case Reply(token=token, payload=payload):
                    self._reply(token, ahead, payload)
                    ahead = []
                case Switch():
                    task = asyncio.create_task(self._switch(effect))
                    self._switching.add(task)
                    task.add_done_callback(self._switching.discard)
                case Settled(references):
                    self._settings.save(self.tree, references)
        for sent in ahead:
            self._link.send(sent.peer, sent.payload)

    def _reply(self, token: object, ahead: list[Send], payload: Payload) -> None:
        """An answer, with the LastApplError that goes before it (8-2, 20.8)."""
        assert isinstance(token, int)
        waiting = self._replies.get(token)
        if waiting is not None and not waiting.done():
            self._before[token] = [sent.payload for sent in ahead]
            waiting.set_result(payload)

    async def _switch(self, switch: Switch) -> None:
        process = self._processes.get(switch.reference)
        cause: AddCause | None = AddCause.NOT_SUPPORTED
        if process is not None:
            try:
                cause = await process.command(switch.value)
            except Exception:  # whatever a driver does, the client must get its answer
                log.exception("control failed", reference=str(switch.reference))
                cause = AddCause.BLOCKED_BY_PROCESS
        log.info(
            "control",
            reference=str(switch.reference),
            value=switch.value,
            or_cat=switch.or_cat.name.lower(),
            outcome="done" if cause is None else cause.text,
        )
        self._perform(self._server.switched(switch.key, cause, self._clock.moment()))
        if process is not None and cause is not None:
            self._show(process)

    async def _tick(self) -> None:
        """Carry out what is due."""
        while True:
            self._due.clear()
            now = self._clock.time()
            self._perform(self._server.tick(now))
            at = self._server.next_tick()
            wait = LONGEST_WAIT if at is None else min(max(at - now, 0.0), LONGEST_WAIT)
            try:
                await asyncio.wait_for(self._due.wait(), wait)
            except TimeoutError:
                continue

    # --- outputs ----------------------------------------------------------------------------------

    async def _watch_relays(self) -> None:
        while True:
            await asyncio.sleep(RELAY_TICK)
            for process in self._processes.values():
                before = process.state()
                await process.tick()
                if process.state() != before:
                    self._show(process)

    def _show(self, process: Process) -> None:
        """The model says what the hardware has, also when nobody commanded it."""
        state: Value | None = process.state()
        quality = GOOD if state is not None else Quality.INVALID | Quality.FAILURE
        mirrored: dict[tuple[str, ...], Value] = {("origin", "orCat"): int(OrCat.PROCESS)}
        reference: Reference = process.reference
        self.tree.update(reference, state, quality, self._clock.moment().timestamp, mirrored=mirrored)


async def run(config: BoxConfig) -> None:
    """Run a box until SIGTERM or SIGINT. Raises ConfigError, DriverError before anything is switched."""
    agent = Agent(config)
    task = asyncio.create_task(agent.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise
    log.info("box has stopped")
