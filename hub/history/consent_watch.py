"""The consents in force, taken over from the registry within 50 ms; commands wait until they are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from hub.registry import COLLECTOR, Registry, acknowledge, current_revision, enter_router, leave_router
from hub.registry.consents import Consented, consents_since, series_of

log = structlog.get_logger()

POLL = 0.05
"""Seconds between two looks whether the registry was written."""
HEARTBEAT = 1.0
"""Seconds between two signs of life in the registry."""
MAX_BLIND = 4.0
"""Seconds after the last sign of life from which nothing is stored: below the 5 s after which commands no
longer wait for the collector."""
AGAIN = 1.0
"""Seconds until what could not be taken over is tried again."""

TakeOver: TypeAlias = Callable[[Iterable[Consented]], Awaitable[list[Consented]]]


class ConsentWatch:
    """``take_over(changed)`` makes them the ones in force and returns those that must be tried again;
    ``settle()`` returns when nothing is stored any more that was judged by earlier ones.
    """

    def __init__(
        self, registry: Registry, take_over: TakeOver, settle: Callable[[], Awaitable[None]]
    ) -> None:
        self._registry = registry
        self._take_over = take_over
        self._settle = settle
        self._revision = 0
        self._version = 0
        self._beat = 0.0
        self._later: dict[int, Consented] = {}
        self._again = 0.0

    def blind(self, now: float) -> bool:
        """What is known may be out of date: a command may no longer wait for this collector."""
        return now - self._beat > MAX_BLIND

    async def begin(self) -> None:
        """Read all consents."""
        beat = time.time()
        await self._registry.run(enter_router, COLLECTOR, beat)
        self._beat = beat
        await self._look()

    async def leave(self) -> None:
        """No command waits for this collector any more."""
        try:
            await self._registry.run(leave_router, COLLECTOR)
        except SQLAlchemyError as failed:
            log.warning("the collector could not sign off", reason=str(failed))

    async def series_of(self, pks: list[int]) -> dict[int, int]:
        """The series of these heat pumps, made where there was none."""
        return await self._registry.run(series_of, pks)

    async def run(self) -> None:
        """Watch until cancelled."""
        readable = True
        while True:
            await asyncio.sleep(POLL)
            try:
                changed = await self._look()
                if changed or time.time() - self._beat >= HEARTBEAT:
                    await self._settle()
                    beat = time.time()
                    # Apart: cut in the middle, a transaction would keep the lock of those at the end.
                    await self._registry.run_apart(acknowledge, COLLECTOR, self._revision, beat)
                    self._beat = beat
                readable = True
            except SQLAlchemyError as failed:
                if readable:
                    log.error("registry cannot be used", reason=str(failed))
                readable = False

    async def _look(self) -> bool:
        version = self._registry.version()
        changed = False
        if not version or version != self._version:
            revision, found = await self._registry.read(_since, self._revision)
            changed = revision != self._revision
            if changed:
                await self._apply(found)
            self._revision, self._version = revision, version
        if self._later and time.time() >= self._again:
            await self._apply([])
        return changed

    async def _apply(self, found: list[Consented]) -> None:
        self._later |= {one.pk: one for one in found}
        later = await self._take_over(list(self._later.values()))
        self._later = {one.pk: one for one in later}
        self._again = time.time() + AGAIN


def _since(session: Session, revision: int) -> tuple[int, list[Consented]]:
    reached = current_revision(session)
    return reached, consents_since(session, revision) if reached != revision else []
