"""The box: drivers, model, server and link brought together. All rules lie in those; this is the shell."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterable, Sequence

import structlog
from prometheus_client import start_http_server

from device_agent.clock import Clock
from device_agent.config import BoxConfig, ConfigError
from device_agent.drivers.base import Driver, DriverError
from device_agent.drivers.registry import make_driver
from device_agent.housekeeping import Housekeeping
from device_agent.link import Link
from device_agent.measuring import Measuring
from device_agent.metrics import METRICS_HOST, Counts, Snapshot, registry_of
from device_agent.outputs import Process, make_processes
from device_agent.points import bind
from device_agent.settings import Settings
from iec61850_model.mms.pdu import Payload
from iec61850_model.mms.xer import MalformedPdu
from iec61850_model.reference import Reference
from iec61850_model.scl import SclError, read_scl
from iec61850_model.server import Effect, Incoming, Reply, Send, Server, Settled, Switch
from iec61850_model.tree import Tree
from iec61850_model.types import Value
from iec61850_model.values import GOOD, NOT_CONNECTED, AddCause, OrCat

log = structlog.get_logger()

RELAY_TICK = 0.5
"""Seconds between two looks at what a relay must do by itself."""
FIRST_SAMPLES = 5.0
"""Seconds the link waits for first values, so that who asks at once finds some; a slow bus is left behind."""
HOUSEKEEPING = 1.0
"""Seconds between two looks at how the box itself is."""
LONGEST_WAIT = 60.0
"""Seconds the server's timer sleeps at most, so that a clock set from outside is noticed."""
STOP_WITHIN = 10.0
"""Seconds for the relays to reach their safe states at the end: a write under way and three attempts."""
RELEASE_WITHIN = 2.0
"""Seconds for the drivers to release their hardware at the end."""


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
        points = bind(self.tree, config.points)
        self._measuring = Measuring(self.tree, points, self._drivers, self._clock, config.sample_every)
        self._processes = make_processes(self.tree, config.outputs, self._drivers)
        for twice in self._processes.keys() & {bound.reference for bound in points}:
            raise ConfigError(f"points: {twice} is an output: it shows what was switched, not a reading")
        self._settings = Settings(config.settings_file)
        self._server = Server(self.tree)
        self._housekeeping = Housekeeping(self.tree)
        self._link = Link(
            config,
            self.request,
            lambda peer: self._server.peer_gone(peer, self._clock.moment()),
            lambda: self._server.link_lost(self._clock.moment()),
        )
        self._replies: dict[int, asyncio.Future[Payload]] = {}
        self._before: dict[int, list[Payload]] = {}
        self._next_token = 0
        self._switching: set[asyncio.Task[None]] = set()
        self._commanded: set[Reference] = set()
        self._shown: dict[Reference, Value | None] = {}
        self._due = asyncio.Event()
        self._counts = Counts()

    async def run(self) -> None:
        """Serve until cancelled; relays are in their safe states before and after."""
        self._settings.restore(self.tree)
        self._housekeeping.start(self._clock.moment())
        taken: list[Driver] = []
        processes: list[Process] = []
        try:
            for driver in self._drivers.values():
                taken.append(driver)
                await driver.start()
            processes += self._processes.values()
            await asyncio.gather(*(process.start() for process in processes))
            async with asyncio.TaskGroup() as tasks:
                self._measuring.start(tasks)
                for process in processes:
                    tasks.create_task(self._watch(process))
                tasks.create_task(self._serve())
                tasks.create_task(self._tick())
        finally:
            await self._stop(processes, taken)

    async def _stop(self, processes: Sequence[Process], drivers: Sequence[Driver]) -> None:
        """All at once, so that one that hangs does not keep the others from their safe state."""
        try:
            async with asyncio.timeout(STOP_WITHIN):
                await asyncio.gather(*(process.stop() for process in processes))
        except TimeoutError:
            log.error("relays did not reach their safe states in time", seconds=STOP_WITHIN)
        if self._switching:
            await asyncio.wait(self._switching, timeout=RELEASE_WITHIN)
        await self._link.stop()
        try:
            async with asyncio.timeout(RELEASE_WITHIN):
                results = await asyncio.gather(*(one.stop() for one in drivers), return_exceptions=True)
        except TimeoutError:
            log.error("drivers did not release their hardware in time", seconds=RELEASE_WITHIN)
            return
        for result in results:
            if isinstance(result, Exception):
                log.error("a driver did not stop properly", reason=str(result))

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

    # --- serving ----------------------------------------------------------------------------------

    async def _serve(self) -> None:
        """Be there for clients, and say how the box is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SAMPLES):
                await self._measuring.first()
        self._link.start()
        while True:
            failing = self._measuring.failing | {
                str(reference): fault
                for reference, process in self._processes.items()
                if (fault := process.fault())
            }
            moment = self._clock.moment()
            self._housekeeping.refresh(moment, self._link.online, failing, alarm=not self._settings.kept)
            await asyncio.sleep(HOUSEKEEPING)

    async def request(self, peer: str, payload: Payload | MalformedPdu, octets: int) -> list[Payload]:
        """Answer one request: what travels before the answer, then the answer."""
        self._next_token += 1
        token = self._next_token
        self._replies[token] = asyncio.get_running_loop().create_future()
        self._before[token] = []
        try:
            malformed = isinstance(payload, MalformedPdu)
            self._counts.requests["malformed" if malformed else "served"] += 1
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
            self._commanded.add(switch.reference)
            try:
                cause = await process.command(switch.value)
            except Exception:  # whatever happens here, the client must get its answer
                log.exception("control failed", reference=str(switch.reference))
                cause = AddCause.BLOCKED_BY_PROCESS
            finally:
                self._commanded.discard(switch.reference)
        outcome = "done" if cause is None else cause.text
        self._counts.controls[outcome] += 1
        log.info(
            "control",
            reference=str(switch.reference),
            value=switch.value,
            or_cat=switch.or_cat.name.lower(),
            outcome=outcome,
        )
        self._perform(self._server.switched(switch.key, cause, self._clock.moment()))
        if process is not None:
            if cause is None:
                self._shown[switch.reference] = switch.value
            self._show(process)

    async def _tick(self) -> None:
        """Carry out what is due."""
        while True:
            self._due.clear()
            moment = self._clock.moment()
            self._perform(self._server.tick(moment))
            at = self._server.next_tick()
            wait = LONGEST_WAIT if at is None else min(max(at - moment.now, 0.0), LONGEST_WAIT)
            # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._due.wait()

    # --- outputs ----------------------------------------------------------------------------------

    async def _watch(self, process: Process) -> None:
        while True:
            # While a command is carried out the server shows its outcome, with the origin that it has.
            if process.reference not in self._commanded:
                self._show(process)
            await asyncio.sleep(RELAY_TICK)
            await process.tick()

    def _show(self, process: Process) -> None:
        """The model says what the hardware has, also when nobody commanded it."""
        reference, state = process.reference, process.state()
        if reference in self._shown and self._shown[reference] == state:
            return
        self._shown[reference] = state
        self.tree.update(
            reference,
            state,
            GOOD if state is not None else NOT_CONNECTED,
            self._clock.moment().timestamp,
            mirrored={("origin", "orCat"): int(OrCat.PROCESS), ("origin", "orIdent"): b""},
        )

    def snapshot(self) -> Snapshot:
        """The state now, for Prometheus; called from another thread, so it only reads."""
        return Snapshot(
            online=self._link.online,
            synchronized=self._clock.moment().synchronized,
            failing=len(self._measuring.failing),
            associations=len(self._server.associations),
            counts=self._counts,
        )


async def run(config: BoxConfig) -> None:
    """Run a box until SIGTERM or SIGINT. Raises ConfigError, DriverError before anything is switched."""
    agent = Agent(config)
    if config.metrics_port:
        try:
            start_http_server(config.metrics_port, METRICS_HOST, registry_of(agent.snapshot))
        except OSError as error:
            raise ConfigError(f"metrics_port {config.metrics_port}: {error}") from None
    task = asyncio.create_task(agent.run())

    def stop() -> None:
        # Once: a second Ctrl-C must not cut short the way to the safe states.
        if not task.cancelling():
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise
    log.info("box has stopped")
