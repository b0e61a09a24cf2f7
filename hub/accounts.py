"""What a router counted is entered in the accounts, once a minute and when it stops."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hub.registry import Registry
from hub.registry.usage import Used, add_usage

log = structlog.get_logger()

INTERVAL = 60.0
"""Seconds between two entries: as much is lost with a router that is killed."""
ENTERED_AT_ONCE = 2_000
"""Counts of one transaction: others write in between."""


def month_of(now: float) -> str:
    """``2026-11`` of seconds since 1970 UTC."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m")


class Accounts:
    """Takes away from ``used`` what it has entered. The month is that of the entry: a minute may be late."""

    def __init__(self, registry: Registry, used: Counter[Used]) -> None:
        self._registry = registry
        self._used = used
        self._under_way: asyncio.Task[None] | None = None
        self._working = True

    async def run(self) -> None:
        """Enter until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.enter()

    async def close(self) -> None:
        """Let an entry under way end, and enter what is left."""
        await self.enter()
        await self.enter()

    async def enter(self) -> None:
        """Enter what was counted; if that fails it is kept for the next time. Cancelled, it is done whole."""
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._enter(time.time()), name="accounts")
        await asyncio.shield(self._under_way)

    async def _enter(self, now: float) -> None:
        counted = list(self._used.items())
        try:
            for at in range(0, len(counted), ENTERED_AT_ONCE):
                part = counted[at : at + ENTERED_AT_ONCE]
                await self._registry.run(add_usage, month_of(now), part)
                for key, count in part:
                    self._taken(key, count)
            self._working = True
        except SQLAlchemyError as failed:
            if self._working:
                log.error("usage could not be entered, it is kept", reason=str(failed))
            self._working = False

    def _taken(self, key: Used, count: int) -> None:
        left = self._used[key] - count
        if left:
            self._used[key] = left
        else:
            del self._used[key]
