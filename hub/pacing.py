"""Stanzas that can wait: sent at a steady pace, so that a restart is no burst."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

MAX_WAITING = 600_000
"""Stanzas in the queue: one to each box and one to each provider session for twice the country's boxes."""
TURN = 0.05
"""Seconds between two handfuls."""


class Pacer:
    """A bounded queue that hands ``pace`` stanzas a second to ``send``."""

    def __init__(self, pace: int, send: Callable[[str], None]) -> None:
        self._handful = max(1, round(pace * TURN))
        self._send = send
        self._waiting: deque[str] = deque()
        self._filled = asyncio.Event()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, xml: str) -> None:
        """Send it when its turn comes; counted as dropped if MAX_WAITING wait already."""
        if len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
            return
        self._waiting.append(xml)
        self._filled.set()

    def clear(self) -> None:
        """Forget what waits: the link is down."""
        self._waiting.clear()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._filled.wait()
            for _ in range(min(self._handful, len(self._waiting))):
                self._send(self._waiting.popleft())
            if self._waiting:
                await asyncio.sleep(TURN)
            else:
                self._filled.clear()
