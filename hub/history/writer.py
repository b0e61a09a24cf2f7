"""Puts the reports of many boxes into one transaction: bounded, in order, and again until it is done."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hub.history.store import Intake, Written

log = structlog.get_logger()

MAX_WAITING = 5_000
"""Reports that wait to be stored, some 5 MB: above, they are given back to their boxes, which keep them."""
MAX_BATCH = 500
"""Reports of one transaction: some ten milliseconds of work, and far fewer commits than reports."""
FIRST_RETRY = 0.1
"""Seconds until a transaction that failed is tried again; doubled each time."""
LAST_RETRY = 5.0
"""Longest such time."""


class Store(Protocol):
    """What the writer needs of the history's database."""

    async def write(self, batch: Sequence[Intake], now: float) -> Written:
        """Store all of it in one transaction, or raise."""
        ...


@dataclass(slots=True)
class _Waiting:
    intake: Intake
    allowed: Callable[[], bool]
    settled: Callable[[bool], None]


@dataclass(slots=True)
class WriterCounts:
    """What happened since the start."""

    stored: int = 0
    doubles: int = 0
    without_consent: int = 0
    transactions: int = 0
    failures: int = 0
    failing: bool = False
    """The last transaction failed."""


class Writer:
    """One task writes, everybody else puts."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self.counts = WriterCounts()
        self._store = store
        self._clock = clock
        self._queue: deque[_Waiting] = deque()
        self._in_hand: list[_Waiting] = []
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._between = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._queue) + len(self._in_hand)

    def put(self, intake: Intake, allowed: Callable[[], bool], settled: Callable[[bool], None]) -> bool:
        """Store it in its turn; False: there is no room, it is not taken.

        ``allowed()`` is asked right before each transaction, of one after the other. ``settled(stored)`` is
        called when it is on the disk, or when it was not allowed and will never be: before the next is asked
        about, which may be of the same box and must not be stored without it.
        """
        if len(self) >= MAX_WAITING:
            return False
        self._queue.append(_Waiting(intake, allowed, settled))
        self._filled.set()
        self._idle.clear()
        return True

    async def settle(self) -> None:
        """Wait until a transaction that was begun with an earlier ``allowed`` is over, or has failed."""
        async with self._between:
            return

    async def finish(self, patience: float) -> None:
        """Let what waits be stored, for ``patience`` seconds at most."""
        try:
            async with asyncio.timeout(patience):
                await self._idle.wait()
        except TimeoutError:
            log.warning("reports are left to their boxes", waiting=len(self))

    async def run(self) -> None:
        """Write until cancelled."""
        delay = FIRST_RETRY
        while True:
            await self._filled.wait()
            if not self._in_hand:
                count = min(MAX_BATCH, len(self._queue))
                self._in_hand = [self._queue.popleft() for _ in range(count)]
            async with self._between:
                self._drop_what_is_not_allowed()
                done = await self._write()
            if not done:
                await asyncio.sleep(delay)
                delay = min(2 * delay, LAST_RETRY)
                continue
            delay = FIRST_RETRY
            self._in_hand = []
            if not self._queue:
                self._filled.clear()
                self._idle.set()

    def _drop_what_is_not_allowed(self) -> None:
        kept: list[_Waiting] = []
        for one in self._in_hand:
            if one.allowed():
                kept.append(one)
            else:
                self.counts.without_consent += 1
                one.settled(False)
        self._in_hand = kept

    async def _write(self) -> bool:
        if not self._in_hand:
            return True
        try:
            written = await self._store.write([one.intake for one in self._in_hand], self._clock())
        except (SQLAlchemyError, OSError) as failed:
            self.counts.failures += 1
            if not self.counts.failing:
                log.error("the history cannot be written: it is tried again", reason=_reason(failed))
            self.counts.failing = True
            return False
        if self.counts.failing:
            log.warning("the history is written again")
        self.counts.failing = False
        self.counts.transactions += 1
        self.counts.stored += written.samples
        self.counts.doubles += written.doubles
        for one in self._in_hand:
            one.settled(True)
        return True


def _reason(failed: Exception) -> str:
    """Without the statement and its values: those are measurements."""
    return str(getattr(failed, "orig", failed))
