"""The box: drivers, model, server and link brought together. All rules lie in those; this is the shell."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog
from prometheus_client import start_http_server

from device_agent.authority import LostHub
from device_agent.averages import Averages
from device_agent.backlog import Backlog, is_reserved, name_of
from device_agent.buffer import Buffers
from device_agent.clock import Clock
from device_agent.config import BoxConfig, ConfigError
from device_agent.der import Der
from device_agent.drivers.base import Driver, DriverError
from device_agent.drivers.registry import make_driver
from device_agent.guarded_relay import monotonic
from device_agent.housekeeping import Housekeeping
from device_agent.limited import Process
from device_agent.limiting import SET_POINT, Limiting, limit_process
from device_agent.limits_file import LimitsFile
from device_agent.link import Link
from device_agent.local_switch import KEY, LocalSwitch
from device_agent.lost_hub import HubWatch
from device_agent.measuring import Measuring
from device_agent.metrics import METRICS_HOST, Snapshot, registry_of
from device_agent.obeying import Obeying
from device_agent.outputs import backup_blocks, ledgers, make_processes
from device_agent.points import bind
from device_agent.schedule_file import ScheduleFile, boot_id
from device_agent.sd_notify import ALIVE, READY, STOPPING, Notifier
from device_agent.serving import Serving
from device_agent.settings import Settings
from device_agent.switching import Switching
from iec61850_model.blocks import Blocks
from iec61850_model.mms.pdu import Payload
from iec61850_model.reference import Reference
from iec61850_model.scl import Model, SclError, read_model
from iec61850_model.server import Server

if TYPE_CHECKING:
    from device_agent.enrolment.renewal import Renewal

log = structlog.get_logger()

FIRST_SAMPLES = 5.0
"""Seconds the link waits for first values, so that who asks at once finds some; a slow bus is left behind."""
HOUSEKEEPING = 1.0
"""Seconds between two looks at how the box itself is, and at what follows from its measurements."""
STOP_WITHIN = 10.0
"""Seconds for the relays to reach their safe states at the end: a write under way and three attempts."""
RELEASE_WITHIN = 2.0
"""Seconds for the drivers to release their hardware at the end."""
MEGABYTE = 1_000_000


def load_model(config: BoxConfig) -> Model:
    """Read the box's ICD; raises ConfigError that names the file."""
    try:
        return read_model(config.model.read_bytes())
    except (OSError, SclError) as error:
        raise ConfigError(f"model {config.model}: {error}") from None


def make_buffers(config: BoxConfig) -> Buffers:
    """The buffers of reports and logs; nothing is touched before they are opened."""
    return Buffers(config.buffer.file, config.buffer.megabytes * MEGABYTE, Clock.time)


class Agent:
    """One box. Make it, ``run`` it; it stops when cancelled.

    ``buffers`` is to be open if the box is to run: what they kept goes on from there.
    """

    def __init__(self, config: BoxConfig, buffers: Buffers) -> None:
        self._config = config
        self._clock = Clock(config.clock)
        model = load_model(config)
        self.tree = model.tree
        self._drivers = self._make_drivers()
        points = bind(self.tree, config.points)
        self._measuring = Measuring(self.tree, points, self._drivers, self._clock, config.sample_every)
        self._limits = LimitsFile(config.limits_file)
        processes = make_processes(self.tree, config.outputs, self._drivers, self._limits)
        wired = {bound.reference for bound in points}
        for twice in processes.keys() & wired:
            raise ConfigError(f"points: {twice} is an output: it shows what was switched, not a reading")
        self._switching, limiting = self._make_switching(processes)
        self._notifier = Notifier()
        self._settings = Settings(config.settings_file)
        self._enabled = ScheduleFile(config.schedules_file, lambda: self._settings.kept, boot_id())
        self._averages = Averages(self.tree, config.sample_every)
        self._der = Der(self.tree, config.der)
        self._housekeeping = Housekeeping(self.tree)
        self._buffers = buffers
        self._server = self._make_server(model.blocks)
        self._backlog = Backlog(self.tree, model.blocks.reports, buffers)
        self._serving = Serving(self._server, self._clock, self._settings, self._switching, self._send)
        self._link = Link(
            config,
            self._serving.request,
            self._serving.peer_gone,
            self._serving.withdrawn,
            self._serving.link_lost,
        )
        self._renewal = self._make_renewal()
        hub = HubWatch(config.lost_hub.timeout, config.lost_hub.fail_safe, monotonic())
        local = LocalSwitch(self.tree, KEY in wired)
        self._obeying = Obeying(self._switching, hub, local, limiting, self._link.ask_hub)
        self._link.on_heartbeat = self._obeying.heartbeat

    async def run(self) -> None:
        """Serve until cancelled; relays are in their safe states before and after."""
        self._buffers.forget_others()
        self._settings.restore(self.tree)
        self._enabled.read()
        moment = self._clock.moment()
        self._server.schedules.restore(moment)
        self._housekeeping.start(moment)
        self._der.start(moment)
        self._averages.start(time.monotonic(), self._backlog.told_until)
        self._averages.follow(time.monotonic)
        self._limits.restore(ledgers(self._switching.processes), monotonic(), moment.now)
        # A place that cannot be written is told now, not when a client is refused for it.
        self._limits.keep()
        taken: list[Driver] = []
        try:
            for driver in self._drivers.values():
                taken.append(driver)
                await driver.start()
            await self._switching.start()
            self._obeying.start(moment)
            self._notifier.say(READY)
            async with asyncio.TaskGroup() as tasks:
                self._measuring.start(tasks)
                self._switching.watch(tasks)
                tasks.create_task(self._serve())
                tasks.create_task(self._serving.tick())
                if self._renewal is not None:
                    tasks.create_task(self._renewal.run())
                tasks.create_task(self._obey())
                tasks.create_task(self._say_alive())
        finally:
            self._notifier.say(STOPPING)
            await self._stop(taken)

    async def _stop(self, drivers: Sequence[Driver]) -> None:
        try:
            async with asyncio.timeout(STOP_WITHIN):
                await self._switching.stop()
        except TimeoutError:
            log.error("relays did not reach their safe states in time", seconds=STOP_WITHIN)
        if self._serving.switching_now:
            await asyncio.wait(self._serving.switching_now, timeout=RELEASE_WITHIN)
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

    def _make_switching(self, processes: dict[Reference, Process]) -> tuple[Switching, Limiting | None]:
        """What is switched, and the limit of power that is obeyed by switching it."""
        config = self._config
        lost_hub = {Reference.parse(text): LostHub(one.lost_hub) for text, one in config.outputs.items()}
        limit = limit_process(self.tree, config.der, processes)
        fail_safe, backup = config.lost_hub.fail_safe, backup_blocks(config.outputs)
        if limit is None or config.der is None:
            return Switching(self.tree, processes, self._clock, lost_hub, fail_safe, backup), None
        lost_hub[SET_POINT] = LostHub(config.der.limit_when_hub_lost)
        processes = processes | {SET_POINT: limit}
        switching = Switching(self.tree, processes, self._clock, lost_hub, fail_safe, backup)
        most = limit.rest
        assert isinstance(most, float)
        return switching, Limiting(self.tree, most, switching, self._limits)

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

    def _make_server(self, blocks: Blocks) -> Server:
        """The collector's block is his alone, and each box has its own delay for it (DESIGN section 6)."""
        reports = tuple(
            replace(one, buf_tm=self._config.report_delay_ms) if is_reserved(one) else one
            for one in blocks.reports
        )
        try:
            server = Server(
                self.tree,
                replace(blocks, reports=reports),
                self._buffers.of,
                self._enabled,
                self._config.zone,
            )
        except ValueError as error:
            raise ConfigError(f"model {self._config.model}: {error}") from None
        for one in filter(is_reserved, reports):
            server.reports.reserve(name_of(one), self._config.collector_domain)
        return server

    def _send(self, peer: str, payload: Payload) -> None:
        self._link.send(peer, payload)

    async def _serve(self) -> None:
        """Be there for clients, and say how the box is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SAMPLES):
                await self._measuring.first()
        if self._renewal is not None:
            await self._renewal.before_login()
        self._link.start()
        while True:
            failing = self._measuring.failing | self._switching.faults()
            moment = self._clock.moment()
            self._der.refresh(moment)
            self._averages.refresh(moment, time.monotonic())
            self._backlog.refresh()
            kept = self._settings.kept and self._enabled.kept_last
            kept = kept and self._buffers.kept and self._limits.kept
            alarm = self._backlog.alarm or not kept
            self._housekeeping.refresh(
                moment, self._link.online, failing, alarm=alarm, warning=self._obeying.warning
            )
            # Not later than at the end of an interval: what has ended and is not kept yet can be lost.
            await asyncio.sleep(min(HOUSEKEEPING, self._averages.until_end(self._clock.time())))

    def _make_renewal(self) -> Renewal | None:
        if self._config.identity_file is None:
            return None
        # A box with a password needs none of the megabytes that cryptography takes.
        from device_agent.enrolment.renewal import Renewal  # noqa: PLC0415

        return Renewal(self._config, self._link.connection)

    async def _obey(self) -> None:
        while True:
            await self._obeying.refresh(self._clock.moment())
            await asyncio.sleep(HOUSEKEEPING)

    async def _say_alive(self) -> None:
        """Tell systemd, as often as it wants, that the event loop moves and every output is looked at."""
        while (every := self._notifier.every) is not None:
            if self._switching.alive():
                self._notifier.say(ALIVE)
            else:
                log.error("an output is stuck: systemd is not told that the box is alive")
            await asyncio.sleep(every)

    def snapshot(self) -> Snapshot:
        """The state now, for Prometheus; called from another thread, so it only reads."""
        return Snapshot(
            online=self._link.online,
            synchronized=self._clock.moment().synchronized,
            failing=len(self._measuring.failing),
            associations=len(self._server.associations),
            waiting=self._backlog.waiting,
            unstored=self._server.reports.unstored + self._server.logs.unstored,
            counts=self._serving.counts,
        )


async def run(config: BoxConfig) -> None:
    """Run a box until SIGTERM or SIGINT. Raises ConfigError, DriverError before anything is switched."""
    buffers = make_buffers(config)
    buffers.open()
    try:
        await _run(Agent(config, buffers), config)
    finally:
        buffers.close()
    log.info("box has stopped")


async def _run(agent: Agent, config: BoxConfig) -> None:
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
