"""What the hub does once a day beside all else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hub.audit import AuditError
from hub.database import SchemaError

log = structlog.get_logger()

FIRST_AFTER = 60.0
"""Seconds after the start: those who work all day have their turn first."""
EVERY = 86_400.0
"""Seconds between two times: what may stay is counted in days."""


@dataclass(frozen=True, slots=True)
class Daily:
    """Calls ``once(now)``, seconds since 1970 UTC. If it fails, the log says so of ``what``, and it is done
    the next day.
    """

    what: str
    once: Callable[[float], Awaitable[object]]

    async def run(self) -> None:
        """Work until cancelled."""
        await asyncio.sleep(FIRST_AFTER)
        while True:
            try:
                await self.once(time.time())
            except (SQLAlchemyError, SchemaError, AuditError, OSError) as failed:
                log.error(f"not done today: {self.what}", reason=str(getattr(failed, "orig", failed)))
            await asyncio.sleep(EVERY)

    def unhealthy(self) -> list[str]:
        """It never hangs the process: those with an event loop of their own are watched."""
        return []

    def unready(self) -> list[str]:
        """A day's delay hinders nothing else."""
        return []
