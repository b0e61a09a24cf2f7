"""The swallowing proxy in a thread of its own, for programs that are not asynchronous."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

from support.ports import LOOPBACK
from support.swallow import SwallowingProxy

ANSWER_TIMEOUT = 10.0
"""Seconds for the proxy's thread to do what it is told."""


class BackgroundProxy:
    """A TCP proxy on a free loopback port in front of another port, whose line can be cut."""

    def __init__(self, target_port: int, target_host: str = LOOPBACK) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._proxy: SwallowingProxy = self._do(self._make(target_port, target_host))

    @staticmethod
    async def _make(target_port: int, target_host: str) -> SwallowingProxy:
        proxy = SwallowingProxy(target_port, target_host)
        await proxy.start()
        return proxy

    @property
    def port(self) -> int:
        """Where to connect."""
        return self._proxy.port

    def swallow(self) -> None:
        """Cut the line: connections stay, nothing passes any more."""
        self._loop.call_soon_threadsafe(self._proxy.swallow)

    def heal(self) -> None:
        """Let everything pass again."""
        self._loop.call_soon_threadsafe(self._proxy.heal)

    def close(self) -> None:
        """Stop the proxy and its thread."""
        self._do(self._proxy.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ANSWER_TIMEOUT)

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_TIMEOUT)
