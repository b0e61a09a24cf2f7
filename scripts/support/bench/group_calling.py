"""The provider's end of a request to a group: one message out, the answers of all members counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter

from support.bench.calling import PATIENCE, NoAnswer
from support.bench.stanzas import Splitter


class GroupCaller:
    """Sends a message and waits for as many answers with its id."""

    def __init__(self) -> None:
        self.write: Callable[[bytes], None] = lambda _: None
        self._splitter = Splitter()
        self._id = b""
        self._number = 0
        self._wanted: set[bytes] = set()
        self._refusal = b""
        self._done = asyncio.Event()

    def take(self, data: bytes) -> None:
        """Octets from the server."""
        for kind, attributes, inner in self._splitter.feed(data):
            if kind != b"message" or attributes.get(b"id") != self._id:
                continue
            if attributes.get(b"type") == b"error":
                self._refusal = inner[:300]
                self._done.set()
            self._wanted.discard(attributes[b"from"])
        if not self._wanted:
            self._done.set()

    async def measure(self, before: bytes, after: bytes, members: set[bytes], seconds: float) -> float:
        """Send one message (what stands before and behind its id); the seconds until all ``members`` have
        answered. Raises NoAnswer.
        """
        self._number += 1
        self._id, self._wanted, self._refusal = b"g%d" % self._number, set(members), b""
        self._done.clear()
        begun = perf_counter()
        self.write(before + self._id + after)
        try:
            async with asyncio.timeout(seconds + PATIENCE):
                await self._done.wait()
        except TimeoutError:
            raise NoAnswer(f"{len(self._wanted)} members did not answer") from None
        if self._refusal:
            raise NoAnswer(f"a member refused: {self._refusal.decode(errors='replace')}")
        return perf_counter() - begun
