"""The hub's link to its XMPP server (XEP-0114): stanzas in, text out."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import structlog

from hub.component_stream import ComponentStream, LinkDown, Recall
from hub.stanzas import Condition, Stanza, error
from iec61850_model.xmpp import LinkProfile
from iec61850_model.xmpp.connection import Backoff

__all__ = ["ComponentLink", "LinkDown", "LinkFull"]

log = structlog.get_logger()

LOGIN_TIMEOUT = 15.0
"""Seconds for connecting and the handshake, on the same machine or network as the server."""
RETRY = LinkProfile(ping_interval=10, ping_timeout=10, first_retry=0.5, last_retry=10)
"""The hub comes back soon: everybody waits for it, and it is alone."""
MAX_UNSENT = 16 * 1024 * 1024
"""Octets that may wait to be sent; above, the server does not keep up and stanzas are refused."""


QUIET = 8.0
"""Seconds without a stanza after which the hub asks whether the link still works: it writes to itself through
the server. The system's own keepalive does not see a server that hangs, or a proxy before it."""
ASK_EVERY = 0.5
"""Seconds between two such questions: of several routers on one domain any may hear the answer."""
SILENT = 20.0
"""Seconds without a stanza, in spite of the questions, after which the link is dead: known within 30 s."""


class LinkFull(Exception):
    """The XMPP server does not take stanzas as fast as they come."""


class ComponentLink:
    """A component that comes back by itself.

    ``on_stanza`` sees every iq, message and presence; ``on_up`` and ``on_down`` say when the link is there
    and when it is gone. ``recall``: as ComponentStream has it.
    """

    def __init__(
        self,
        domain: str,
        secret: str,
        address: tuple[str, int],
        on_stanza: Callable[[Stanza], None],
        recall: Recall | None = None,
    ) -> None:
        self._domain = domain
        self._secret = secret
        self._host, self._port = address
        self._on_stanza = on_stanza
        self._recall = recall
        self._stream: ComponentStream | None = None
        self._question = error("iq", "alive", domain, domain, Condition.UNDEFINED_CONDITION)
        self.on_up: list[Callable[[], None]] = []
        self.on_down: list[Callable[[], None]] = []

    @property
    def up(self) -> bool:
        """Stanzas can be sent now."""
        return self._stream is not None

    @property
    def unsent(self) -> int:
        """Characters and octets that wait to be sent."""
        return self._stream.unsent if self._stream is not None else 0

    def send(self, xml: str) -> None:
        """Send a stanza now or not at all; raises LinkDown or LinkFull."""
        stream = self._stream
        if stream is None:
            raise LinkDown("no link to the XMPP server")
        if stream.unsent > MAX_UNSENT:
            raise LinkFull("the XMPP server does not keep up")
        stream.send(xml)

    async def run(self) -> None:
        """Stay connected until cancelled."""
        backoff = Backoff(RETRY)
        clock = asyncio.get_running_loop().time
        while True:
            stream = ComponentStream(self._domain, self._secret, self._take, self._recall)
            since = clock()
            try:
                reason = await self._session(stream)
            finally:
                stream.discard()
                self._gone()
            delay = backoff.after_loss(clock() - since, random.random())  # noqa: S311  # spreads retries, no secret
            log.warning("link to the XMPP server is down", reason=reason, retry_in_s=round(delay, 1))
            await asyncio.sleep(delay)

    async def _session(self, stream: ComponentStream) -> str:
        try:
            async with asyncio.timeout(LOGIN_TIMEOUT):
                loop = asyncio.get_running_loop()
                await loop.create_connection(lambda: stream, self._host, self._port)
                await stream.opened
        except (LinkDown, OSError) as down:
            return f"{self._host}:{self._port}: {down}"
        except TimeoutError:
            return f"{self._host}:{self._port} did not take the component within {LOGIN_TIMEOUT:.0f} s"
        self._stream = stream
        log.info("link to the XMPP server is up", domain=self._domain, host=self._host, port=self._port)
        for callback in self.on_up:
            callback()
        return await self._until_lost(stream)

    async def _until_lost(self, stream: ComponentStream) -> str:
        clock = asyncio.get_running_loop().time
        while True:
            silent = clock() - stream.heard
            if silent >= SILENT:
                return f"the server said nothing for {SILENT:.0f} s"
            if silent >= QUIET:
                stream.send(self._question)
            await asyncio.wait({stream.closed}, timeout=max(QUIET - silent, ASK_EVERY))
            if stream.closed.done():
                return stream.closed.result()

    def _take(self, stanza: Stanza) -> None:
        if stanza.sender != self._domain:
            self._on_stanza(stanza)

    def _gone(self) -> None:
        if self._stream is not None:
            self._stream = None
            for callback in self.on_down:
                callback()
