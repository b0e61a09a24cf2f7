"""What is done to the history when consent has ended and its time is over: once a day, and recorded."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hub.audit import HISTORY_CHAIN, AuditEntry, AuditError, AuditKind, AuditLog
from hub.config import HubConfig
from hub.database import SchemaError
from hub.history.letting_go import Span, count, drop_series, let_go, no_longer_agreed
from hub.history.store import HistoryStore
from hub.registry import Registry
from hub.registry.consents import Followed, followed, forget_series

log = structlog.get_logger()

FIRST_AFTER = 60.0
"""Seconds after the start: the collector has its boxes first."""
EVERY = 86_400.0
"""Seconds between two looks: what may stay is counted in days."""
ACTOR = "history"
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Expired:
    """A heat pump and how many of its samples are no longer its own."""

    heat_pump: str
    samples: int


class HistoryExpiry:
    """One walk through the history at ``now`` (seconds since 1970 UTC)."""

    def __init__(self, config: HubConfig, registry: Registry, store: HistoryStore, now: float) -> None:
        self._registry = registry
        self._store = store
        self._now = now
        self._period = config.history.interval
        self._erase = config.history.after_consent == "erase"
        self._days = config.history.keep_days_after_consent

    async def due(self) -> list[tuple[Followed, Expired]]:
        """The heat pumps with samples that no consent speaks for any more."""
        found = []
        for one in await self._registry.read(followed):
            samples = await count(self._store, one.series, self._spans(one))
            if samples:
                found.append((one, Expired(one.heat_pump, samples)))
        return found

    async def carry_out(self, audit: AuditLog, actor: str) -> list[Expired]:
        """Let them go, each after the audit says so; forget the series of heat pumps that are removed."""
        done = []
        for one, expired in await self.due():
            await audit.append(self._entry(expired, actor))
            gone = await let_go(self._store, one.series, self._spans(one), erase=self._erase)
            done.append(Expired(one.heat_pump, gone))
        for one in await self._registry.read(followed):
            if one.removed and not await self._anything_left(one):
                await drop_series(self._store, one.series)
                await self._registry.run(forget_series, one.pk)
        return done

    async def _anything_left(self, one: Followed) -> bool:
        states = await self._store.states([one.series])
        return any(state.samples for state in states)

    def _spans(self, one: Followed) -> list[Span]:
        return no_longer_agreed(one.consents, self._period, self._now - self._days * _DAY)

    def _entry(self, expired: Expired, actor: str) -> AuditEntry:
        what = "erased" if self._erase else "anonymised"
        return AuditEntry(
            at=time.time(),
            kind=AuditKind.OPERATOR,
            heat_pump=expired.heat_pump,
            service="history expire",
            detail=f"{expired.samples} samples {what}, their consent ended {self._days} days ago or earlier",
            actor=actor,
        )


class ExpiryTask:
    """Does it once a day. Databases are opened for it and closed again; what fails is tried the next day."""

    def __init__(self, config: HubConfig, registry: Registry) -> None:
        self._config = config
        self._registry = registry

    async def run(self) -> None:
        """Work until cancelled."""
        await asyncio.sleep(FIRST_AFTER)
        while True:
            try:
                await self.once(time.time())
            except (SQLAlchemyError, SchemaError, AuditError, OSError) as failed:
                reason = str(getattr(failed, "orig", failed))
                log.error("history without consent could not be let go", reason=reason)
            await asyncio.sleep(EVERY)

    async def once(self, now: float) -> list[Expired]:
        """One walk through the history."""
        store = await HistoryStore.open(self._config.databases.history)
        try:
            audit = await AuditLog.open(self._config.databases.audit, HISTORY_CHAIN)
            try:
                done = await HistoryExpiry(self._config, self._registry, store, now).carry_out(audit, ACTOR)
            finally:
                await audit.close()
        finally:
            await store.close()
        for one in done:
            log.info("history let go", heat_pump=one.heat_pump, samples=one.samples)
        return done

    def unhealthy(self) -> list[str]:
        """It never hangs the process: the collector's event loop is watched."""
        return []

    def unready(self) -> list[str]:
        """A day's delay hinders nothing else."""
        return []
