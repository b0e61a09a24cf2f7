"""What is done to the history when consent has ended and its time is over: once a day, and recorded."""

from __future__ import annotations

import time
from dataclasses import dataclass

import structlog

from hub.audit import HISTORY_CHAIN, AuditEntry, AuditKind, AuditLog
from hub.config import HubConfig
from hub.history.letting_go import Span, count, drop_series, let_go, no_longer_agreed
from hub.history.store import HistoryStore
from hub.registry import Registry
from hub.registry.consents import Followed, followed, forget_series

log = structlog.get_logger()

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
    """One walk through the history a day. Databases are opened for it and closed again."""

    def __init__(self, config: HubConfig, registry: Registry) -> None:
        self._config = config
        self._registry = registry

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
