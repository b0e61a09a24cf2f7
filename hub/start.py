"""``hphub run``: the parts of the hub that are asked for, in one process."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from hub import logs
from hub.audit import OPERATIONS_CHAIN, AuditLog
from hub.audit.pruning import PruningTask
from hub.config import HubConfig
from hub.daily import Daily
from hub.enrolment.metrics import EnrolmentMetrics
from hub.enrolment.process import CHAIN, EnrolmentProcess
from hub.history.collector import CollectorProcess
from hub.history.expiry import ExpiryTask
from hub.history.metrics import HistoryMetrics
from hub.metrics import HubCollector, registry_of
from hub.operations.metrics import OperationsMetrics
from hub.operations.process import OperationsProcess
from hub.probe import Probe
from hub.registry import Registry
from hub.run import RouterProcess

log = structlog.get_logger()

ROUTER, COLLECTOR, OPERATIONS, ENROLMENT = "router", "collector", "ops", "enrolment"


class Part(Protocol):
    """A part of the hub."""

    async def run(self) -> None:
        """Work until cancelled."""
        ...

    def unhealthy(self) -> list[str]:
        """Why the process should be restarted."""
        ...

    def unready(self) -> list[str]:
        """Why it cannot do its work now."""
        ...


async def run(config: HubConfig, wanted: Collection[str]) -> None:
    """Run the parts ``wanted`` (see ``hub.cli.run``) until SIGTERM or SIGINT; if one fails, all end."""
    logs.configure(config.log_level)
    async with AsyncExitStack() as opened:
        registry = await Registry.open(config.databases.registry)
        opened.push_async_callback(registry.close)
        parts: list[Part] = []
        metrics: list[Collector] = []
        if ROUTER in wanted:
            audit = await AuditLog.open(config.databases.audit, config.router_name)
            opened.push_async_callback(audit.close)
            router = RouterProcess(config, registry, audit)
            parts.append(router)
            metrics.append(HubCollector(config.router_name, router.snapshot))
        if COLLECTOR in wanted:
            collector = CollectorProcess(config, registry)
            expiry = ExpiryTask(config, registry)
            parts += [collector, Daily("letting go history without consent", expiry.once)]
            metrics.append(HistoryMetrics(collector.snapshot))
        if ENROLMENT in wanted:
            its_audit = await AuditLog.open(config.databases.audit, CHAIN)
            opened.push_async_callback(its_audit.close)
            enrolment = EnrolmentProcess(config, registry, its_audit)
            parts.append(enrolment)
            metrics.append(EnrolmentMetrics(enrolment.snapshot))
        if OPERATIONS in wanted:
            own_audit = await AuditLog.open(config.databases.audit, OPERATIONS_CHAIN)
            opened.push_async_callback(own_audit.close)
            operations = OperationsProcess(config, registry, own_audit)
            parts.append(operations)
            if config.audit.keep_days is not None:
                pruning = PruningTask(config.databases.audit, config.audit.keep_days)
                parts.append(Daily("pruning the audit", pruning.once))
            metrics.append(OperationsMetrics(operations.snapshot))
        async with _probe(config, parts, registry_of(*metrics)):
            await _until_signalled(_all(parts))
    log.info("hub has stopped")


async def _all(parts: Collection[Part]) -> None:
    try:
        async with asyncio.TaskGroup() as tasks:
            for part in parts:
                tasks.create_task(part.run())
    except* Exception as failed:
        raise _first(failed) from None


def _first(failed: BaseExceptionGroup[Exception]) -> Exception:
    """What went wrong, without the groups around it: commands know what to say of it."""
    one: Exception | BaseExceptionGroup[Exception] = failed
    while isinstance(one, BaseExceptionGroup):
        one = one.exceptions[0]
    return one


@asynccontextmanager
async def _probe(
    config: HubConfig, parts: Collection[Part], metrics: CollectorRegistry
) -> AsyncIterator[None]:
    if not config.probe.port:
        yield
        return
    address = (config.probe.host, config.probe.port)
    probe = Probe(
        address,
        metrics,
        lambda: [wrong for part in parts for wrong in part.unhealthy()],
        lambda: [wrong for part in parts for wrong in part.unready()],
    )
    probe.start()
    log.info("probe", host=config.probe.host, port=probe.port)
    try:
        yield
    finally:
        probe.stop()


async def _until_signalled(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
