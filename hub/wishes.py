"""What providers ask for by subscribing is written to the registry, a few times a second."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from hub.contacts import Pair
from hub.presence_effects import KeepAsk
from hub.registry import Registry, RegistryError
from hub.registry.asks import MAX_OPEN_ASKS, NewAsk, ask, end_subscription

log = structlog.get_logger()

EVERY = 1.0
"""Seconds between two writings: however many subscribe, the registry is written no oftener."""
AT_ONCE = 50
"""Wishes of one transaction, some 50 ms: others write in between."""
MAX_WAITING = 10_000
"""Wishes of all providers that wait to be written; a server repeats a subscription at its user's next login.
"""
MAX_OF_ONE = 2 * MAX_OPEN_ASKS
"""Wishes of one provider that wait: all that he may have are begun anew."""


class Wishes:
    """Takes wishes and writes them. An id that is no one's is written as any other.

    ``on_written`` gets the ids of provider and heat pump (or group) of those written that still count.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._waiting: dict[Pair, KeepAsk] = {}
        self._of: Counter[str] = Counter()
        self._wake = asyncio.Event()
        self._working = True
        self.on_written: Callable[[list[Pair]], None] = lambda _: None

    def put(self, wish: KeepAsk) -> bool:
        """Write it with the next ones; of several about one id the last counts. False: too many wait."""
        key = (wish.provider, wish.wanted)
        if key not in self._waiting:
            if len(self._waiting) >= MAX_WAITING or self._of[wish.provider] >= MAX_OF_ONE:
                return False
            self._of[wish.provider] += 1
        self._waiting[key] = wish
        self._wake.set()
        return True

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._wake.wait()
            await self.write(time.time())
            await asyncio.sleep(EVERY)

    async def write(self, now: float) -> None:
        """Write the first of what waits, as asked at ``now``; what cannot be written is kept."""
        wishes = list(islice(self._waiting.items(), AT_ONCE))
        try:
            asked = await self._registry.run_apart(_write, [wish for _, wish in wishes], now)
        except SQLAlchemyError as failed:
            if self._working:
                log.error("what providers ask for cannot be written, it is kept", reason=str(failed))
            self._working = False
            return
        self._working = True
        last = [key for key, wish in wishes if self._waiting[key] == wish]
        for key in last:
            self._written(key)
        if not self._waiting:
            self._wake.clear()
        self.on_written([key for key in last if key in asked])

    def _written(self, key: Pair) -> None:
        del self._waiting[key]
        self._of[key[0]] -= 1
        if not self._of[key[0]]:
            del self._of[key[0]]


def _write(session: Session, wishes: Iterable[KeepAsk], now: float) -> set[Pair]:
    """Those that wait for an answer now."""
    asked = set()
    for wish in wishes:
        try:
            if wish.asks:
                ask(session, NewAsk(wish.provider, wish.wanted, subscribed=True), now=now)
                asked.add((wish.provider, wish.wanted))
            else:
                end_subscription(session, wish.provider, wish.wanted, now=now)
        except RegistryError as refused:
            log.debug("a subscription asks for nothing", provider=wish.provider, reason=str(refused))
    return asked
