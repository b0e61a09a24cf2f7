"""A connection that comes back by itself, and says when it is gone (RFC 6120, XEP-0198, XEP-0199)."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar
from xml.etree.ElementTree import Element

from iec61850_model.xmpp.errors import ConnectionFailed, FailureKind, NotConnected
from iec61850_model.xmpp.markup import attribute
from iec61850_model.xmpp.settings import ConnectionSettings, LinkProfile, normalized
from iec61850_model.xmpp.stream import Stream, tls_context

log = logging.getLogger(__name__)

LOGIN_TIMEOUT = 20.0
"""Seconds for one attempt to connect and log in; some seconds on a Pi whose server hashes slowly. TCP sends
its first packet again after 1, 3, 7 and 15 s: with the longest pause between attempts of a wired link one
of these comes within 30 s after a cut has ended."""
PERMANENT_RETRY = 300.0
"""Seconds between attempts when the server refuses password or certificate: a person has to act, and servers
lock out who tries often."""
PRESENCE_TYPES = ("unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed")
_PRESENCE = "{jabber:client}presence"
_random = secrets.SystemRandom()
_T = TypeVar("_T")


class Backoff:
    """How long to wait before the next attempt: doubling, with jitter, so that 10,000 boxes do not return at
    once."""

    def __init__(self, profile: LinkProfile) -> None:
        self._profile = profile
        self._next = profile.first_retry

    def after_failure(self, random: float) -> float:
        """Seconds to wait; ``random`` in 0..1 spreads them over half of the interval."""
        delay = self._next * (0.5 + 0.5 * random)
        self._next = min(2 * self._next, self._profile.last_retry)
        return delay

    def after_loss(self, online_for: float, random: float) -> float:
        """Seconds to wait after a link that lasted ``online_for`` seconds; only a lasting link starts
        anew."""
        if online_for >= self._profile.last_retry:
            self._next = self._profile.first_retry
        return self.after_failure(random)


class Connection:
    """An XMPP account that is online whenever it can be.

    Append callables to ``on_online``, ``on_offline`` (reason), ``on_presence`` (from, type; an available
    presence has type ``available``), ``on_refused`` (ConnectionFailed of an attempt) and ``stanza_handlers``
    (element; True: taken). All are called in the event loop and must not block.
    """

    def __init__(self, settings: ConnectionSettings) -> None:
        self.settings = settings
        self.on_online: list[Callable[[], None]] = []
        self.on_offline: list[Callable[[str], None]] = []
        self.on_presence: list[Callable[[str, str], None]] = []
        self.on_refused: list[Callable[[ConnectionFailed], None]] = []
        self.stanza_handlers: list[Callable[[Element], bool]] = []
        self._stream: Stream | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def online(self) -> bool:
        """Stanzas can be sent now."""
        return self._stream is not None

    @property
    def jid(self) -> str:
        """The full JID while online, else the configured one."""
        return self._stream.boundjid.full if self._stream else normalized(self.settings.jid)

    async def start(self) -> None:
        """Connect, then stay connected until ``stop``.

        Raises ConnectionFailed if the first attempt fails (nothing goes on in the background then).
        """
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._begin(first)
        try:
            await first
        except BaseException:
            await self.stop()
            raise

    def begin(self) -> None:
        """Start trying and return at once; for a box, which must come up without a network too."""
        self._begin(None)

    async def stop(self) -> None:
        """Log out and stay offline."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        stream = self._stream
        if stream is not None:
            self._went_offline("stopped")
            await stream.close()

    def send(self, stanza: str) -> None:
        """Send a finished stanza at once or not at all; raises NotConnected."""
        if self._stream is None:
            raise NotConnected("not connected to the XMPP server: nothing was sent")
        self._stream.transmit(stanza)

    def send_presence(self, to: str | None = None, type_: str | None = None) -> None:
        """Send presence, broadcast or directed ``to`` a JID; raises NotConnected."""
        if type_ is not None and type_ not in PRESENCE_TYPES:
            raise ValueError(f"{type_!r} is not a presence type: use one of {', '.join(PRESENCE_TYPES)}")
        attributes = "".join(
            f' {name}="{attribute(value)}"'
            for name, value in (("to", to), ("type", type_))
            if value is not None
        )
        self.send(f"<presence{attributes}/>")

    # --- staying online -----------------------------------------------------------------------------

    def _begin(self, first: asyncio.Future[None] | None) -> None:
        if self._task is not None:
            raise RuntimeError("this connection was started already")
        self._task = asyncio.create_task(self._stay_online(first), name=f"xmpp {self.settings.jid}")

    async def _stay_online(self, first: asyncio.Future[None] | None) -> None:
        backoff = Backoff(self.settings.profile)
        clock = asyncio.get_running_loop().time
        while True:
            try:
                stream = await self._opened()
            except ConnectionFailed as failed:
                if first is not None and not first.done():
                    first.set_exception(failed)
                    return
                delay = PERMANENT_RETRY if failed.permanent else backoff.after_failure(_random.random())
                log.warning("%s; next attempt in %.0f s", failed, delay)
                self._tell(self.on_refused, failed)
            else:
                since = clock()
                self._went_online(stream)
                if first is not None and not first.done():
                    first.set_result(None)
                reason = await self._until_lost(stream)
                stream.discard()
                self._went_offline(reason)
                delay = backoff.after_loss(clock() - since, _random.random())
                log.warning("the link was lost: %s; next attempt in %.1f s", reason, delay)
            await asyncio.sleep(delay)

    async def _opened(self) -> Stream:
        """A stream that is logged in; raises ConnectionFailed, and nothing else may end the attempts."""
        try:
            stream = Stream(
                self.settings, tls_context(self.settings.ca_file, self.settings.identity_file), self._take
            )
            await stream.open(LOGIN_TIMEOUT)
        except ConnectionFailed:
            raise
        except Exception as error:
            log.exception("an attempt to connect failed unexpectedly")
            raise ConnectionFailed(FailureKind.REFUSED, f"connecting failed: {error!r:.200}") from error
        return stream

    async def _until_lost(self, stream: Stream) -> str:
        profile = self.settings.profile
        while True:
            await asyncio.wait({stream.closed}, timeout=profile.ping_interval)
            if stream.closed.done():
                return stream.closed.result()
            ping = asyncio.create_task(stream.answers_ping(profile.ping_timeout))
            try:
                await _first_of(ping, stream.closed)
                if not stream.closed.done() and not ping.result():
                    return f"the server did not answer a ping within {profile.ping_timeout:.0f} s"
            finally:
                ping.cancel()

    def _went_online(self, stream: Stream) -> None:
        self._stream = stream
        for callback in self.on_online:
            self._call(callback)

    def _went_offline(self, reason: str) -> None:
        self._stream = None
        self._tell(self.on_offline, reason)

    # --- incoming -----------------------------------------------------------------------------------

    def _take(self, element: Element) -> bool:
        # Whatever goes wrong here is ours: the stream must live on.
        try:
            if element.tag == _PRESENCE:
                type_ = element.get("type", "available")
                for callback in self.on_presence:
                    callback(element.get("from", ""), type_)
                return True
            return any(handler(element) for handler in self.stanza_handlers)
        except Exception:
            log.exception("a stanza could not be handled")
            return True

    def _tell(self, callbacks: list[Callable[[_T], None]], what: _T) -> None:
        for callback in callbacks:
            self._call(partial(callback, what))

    @staticmethod
    def _call(callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception:
            log.exception("a callback of the connection failed")


async def _first_of(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
