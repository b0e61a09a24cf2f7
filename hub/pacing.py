"""Stanzas that can wait: sent at a steady pace, so that a restart is no burst."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

MAX_WAITING = 600_000
"""Stanzas in the queue: one to each box and one to each provider session for twice the country's boxes."""
TURN = 0.05
"""Seconds between two handfuls; longer if the pace is below one stanza in that time."""

T = TypeVar("T")


class Pacer(Generic[T]):
    """A bounded queue that hands ``pace`` of its things a second to ``send``.

    ``send`` says whether it took the thing; if not, it is offered again at the next turn, before all others.
    """

    def __init__(
        self, pace: int, send: Callable[[T], bool], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._handful = max(1, round(pace * TURN))
        self._turn = self._handful / pace
        self._send = send
        self._sleep = sleep
        self._waiting: deque[T] = deque()
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, thing: T) -> bool:
        """Send it when its turn comes; False: it is dropped, for MAX_WAITING wait already."""
        if len(self._waiting) >= MAX_WAITING:
            return False
        self._waiting.append(thing)
        self._filled.set()
        return True

    def clear(self) -> None:
        """Forget what waits: the link is down."""
        self._waiting.clear()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._filled.wait()
            for _ in range(min(self._handful, len(self._waiting))):
                if not self._send(self._waiting[0]):
                    break
                self._waiting.popleft()
            await self._sleep(self._turn)
            if not self._waiting:
                self._filled.clear()
