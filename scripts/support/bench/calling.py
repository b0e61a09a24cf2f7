"""The provider's end: sends requests with a fixed number in flight and takes the time of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter

from support.bench.stanzas import Splitter

PATIENCE = 60.0
"""Seconds without any answer after which a measurement is given up."""


class NoAnswer(Exception):
    """Requests were lost or refused: the measurement says nothing."""


@dataclass(slots=True)
class Sample:
    """What one measurement saw. ``seconds``: from the first request to the last answer counted."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds


class Caller:
    """Keeps requests in flight over one component link."""

    def __init__(self) -> None:
        self.write: Callable[[bytes], None] = lambda _: None
        self._splitter = Splitter()
        self._next_id = 0
        self._sent: dict[bytes, float] = {}
        self._sample = Sample()
        self._requests: Iterator[tuple[bytes, bytes, bytes]] = iter(())
        self._until = 0.0
        self._done = asyncio.Event()
        self._refusal = b""

    def take(self, data: bytes) -> None:
        """Octets from the server."""
        now = perf_counter()
        out: list[bytes] = []
        for kind, attributes, inner in self._splitter.feed(data):
            if kind != b"iq":
                continue
            sent = self._sent.pop(attributes.get(b"id", b""), None)
            if sent is None:
                continue
            if attributes.get(b"type") != b"result":
                self._refusal = inner[:300]
                self._done.set()
                return
            self._sample.latencies.append(now - sent)
            if now < self._until:
                self._next(out)
        if out:
            self.write(b"".join(out))
        if not self._sent:
            self._done.set()

    def _next(self, out: list[bytes]) -> None:
        request = next(self._requests, None)
        if request is None:
            return
        self._next_id += 1
        id_ = b"b%d" % self._next_id
        before, between, after = request
        self._sent[id_] = perf_counter()
        out.append(before + id_ + between + after)

    async def measure(
        self, requests: Iterator[tuple[bytes, bytes, bytes]], in_flight: int, seconds: float
    ) -> Sample:
        """Send ``requests`` (what stands before, behind and after the id) until they or ``seconds`` end.

        Returns when the last is answered. Raises NoAnswer if one is refused or none comes for PATIENCE.
        """
        self._sample, self._requests, self._refusal = Sample(), requests, b""
        self._sent.clear()
        self._done.clear()
        begun = perf_counter()
        self._until = begun + seconds
        out: list[bytes] = []
        for _ in range(in_flight):
            self._next(out)
        self.write(b"".join(out))
        try:
            async with asyncio.timeout(seconds + PATIENCE):
                await self._done.wait()
        except TimeoutError:
            raise NoAnswer(f"{len(self._sent)} requests were not answered") from None
        if self._refusal:
            raise NoAnswer(f"a request was refused: {self._refusal.decode(errors='replace')}")
        self._sample.seconds = perf_counter() - begun
        return self._sample
