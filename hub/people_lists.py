"""What the hub lists for a person: the registry is asked who he is, for routers know no people."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hub.registry import Registry
from hub.registry.operators import caller_of
from hub.stanzas import Condition, Stanza, error

log = structlog.get_logger()

MAX_WAITING = 200
"""Questions that wait for the registry, which answers some hundred in a second: above, senders are told to
wait. Whoever asks, the work is the same."""


class PeopleLists:
    """Answers one question after the other. ``listed``: the answer by what somebody owns, and
    whether he is an operator.
    """

    def __init__(
        self,
        registry: Registry,
        listed: Callable[[Stanza, frozenset[str], bool], str],
        send: Callable[[str], None],
    ) -> None:
        self._registry = registry
        self._listed = listed
        self._send = send
        self._waiting: asyncio.Queue[Stanza] = asyncio.Queue(MAX_WAITING)

    def put(self, asked: Stanza) -> bool:
        """Answer it when its turn comes; False: too many wait."""
        try:
            self._waiting.put_nowait(asked)
        except asyncio.QueueFull:
            return False
        return True

    async def run(self) -> None:
        """Answer until cancelled."""
        while True:
            await self.answer(await self._waiting.get(), time.time())

    async def answer(self, asked: Stanza, now: float) -> None:
        """Answer one by who the sender is at ``now``."""
        try:
            caller = await self._registry.read(caller_of, asked.sender.partition("/")[0], now=now)
        except SQLAlchemyError as failed:
            log.error("registry cannot be used", reason=str(failed))
            self._send(error("iq", asked.id, asked.to, asked.sender, Condition.RESOURCE_CONSTRAINT))
            return
        self._send(self._listed(asked, caller.owns, caller.operator))
