"""The least that is an XMPP component (XEP-0114): octets in, octets out."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable

from support.ports import LOOPBACK

CONNECT_TIMEOUT = 30.0
"""Seconds for connecting and the handshake; some milliseconds if the server is up."""

STREAMS = "http://etherx.jabber.org/streams"
_STREAM_ID = re.compile(rb"<stream:stream[^>]*\bid=['\"]([^'\"]*)['\"][^>]*>")


class Component(asyncio.Protocol):
    """One connection. ``take`` sees whatever comes after the handshake, in pieces of any size."""

    def __init__(self, domain: str, secret: str, take: Callable[[bytes], None]) -> None:
        self._domain = domain
        self._secret = secret
        self._take = take
        self._head = b""
        self._greeted = False
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self.write: Callable[[bytes], None]
        self.close: Callable[[], None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open the stream."""
        assert isinstance(transport, asyncio.WriteTransport)
        self.write = transport.write
        self.close = transport.close
        opening = (
            f"<stream:stream xmlns='jabber:component:accept' xmlns:stream='{STREAMS}' to='{self._domain}'>"
        )
        self.write(opening.encode())

    def data_received(self, data: bytes) -> None:
        """Shake hands, then hand on."""
        if self.ready.done():
            self._take(data)
            return
        self._head += data
        if not self._greeted:
            opened = _STREAM_ID.search(self._head)
            if opened is None:
                return
            self._greeted = True
            self._head = self._head[opened.end() :]
            proof = hashlib.sha1(opened[1] + self._secret.encode(), usedforsecurity=False).hexdigest()
            self.write(f"<handshake>{proof}</handshake>".encode())
        done, answer, rest = self._head.partition(b"<handshake")
        if answer and b">" in rest and not done.strip():
            self.ready.set_result(None)
            more = rest.partition(b">")[2].removeprefix(b"</handshake>")
            if more:
                self._take(more)
        elif b"stream:error" in self._head:
            self.ready.set_exception(ConnectionError(f"{self._domain}: {self._head[:300]!r}"))

    def connection_lost(self, exc: Exception | None) -> None:
        """The server or we have ended it."""
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"the server closed the link of {self._domain}"))
        if not self.closed.done():
            self.closed.set_result(None)


async def connect(domain: str, secret: str, port: int, take: Callable[[bytes], None]) -> Component:
    """A component that is accepted. Raises ConnectionError or TimeoutError."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(CONNECT_TIMEOUT):
        _, component = await loop.create_connection(lambda: Component(domain, secret, take), LOOPBACK, port)
        await component.ready
    return component
