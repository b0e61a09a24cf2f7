"""One attempt at a component's stream (XEP-0114): connect, shake hands, stanzas in, text out.

No library object is made for a stanza: one costs as much as everything the router does with it.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias, cast
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

import structlog

from hub.stanzas import Stanza, escape

log = structlog.get_logger()

COMPONENT_NS = "jabber:component:accept"
STREAMS_NS = "http://etherx.jabber.org/streams"
STREAM_ERRORS_NS = "urn:ietf:params:xml:ns:xmpp-streams"

KEEPALIVE_IDLE = 10
"""Seconds without a word after which the other side's system is asked whether it is still there."""
KEEPALIVE_INTERVAL = 5
"""Seconds between two such questions."""
KEEPALIVE_COUNT = 3
"""Questions without an answer after which the link is dead: 25 s in all, known within 30 s."""

_STANZAS = frozenset(f"{{{COMPONENT_NS}}}{kind}" for kind in ("iq", "message", "presence"))
_HANDSHAKE = f"{{{COMPONENT_NS}}}handshake"
_STREAM_ERROR = f"{{{STREAMS_NS}}}error"
_IQ_ENDS = b"</iq>"
_ENDS = {b"<iq": _IQ_ENDS, b"<me": b"</message>"}
"""How a stanza that begins so ends."""
_NO_ELEMENTS = (b"<!", b"<?")
"""How comments, character data and instructions begin, in which an end tag is none; XMPP has no such."""

Recall: TypeAlias = Callable[[str], Stanza | None]
"""Reads an iq or a message from its text without parsing; None if it cannot."""


class LinkDown(Exception):
    """There is no link to the XMPP server."""


class ComponentStream(asyncio.Protocol):
    """``opened`` is done when the server has taken the component, ``closed`` gives the reason of the end.

    With ``recall`` what can be is read without parsing, and of what cannot ``take`` is told the text.
    """

    def __init__(
        self, domain: str, secret: str, take: Callable[[Stanza], None], recall: Recall | None = None
    ) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[str] = loop.create_future()
        self._loop = loop
        self._domain = domain
        self._secret = secret
        self._take = take
        self._recall = recall
        self._between = False
        """The parser is behind one stanza and before the next, and waits for nothing."""
        self._transport: asyncio.Transport | None = None
        self._builder = TreeBuilder()
        self._parser = XMLParser(target=self._builder)  # noqa: S314  the XMPP server has read it all before
        self._latest: deque[tuple[str, Element]] = deque(maxlen=1)
        """The element that ended last. XMLPullParser has an event for each of them, of which few matter here:
        a fifth of the whole parsing."""
        cast("Any", self._parser)._setevents(self._latest, ("end",))
        self._root: Element | None = None
        self._out: list[str] = []
        self._unsent = 0
        self._receiving = False
        self._reason = ""
        self.heard = self._loop.time()
        """When an element came last, or the stream was made; seconds of the loop's clock."""

    # --- out --------------------------------------------------------------------------------------

    @property
    def unsent(self) -> int:
        """Characters and octets that wait to be sent."""
        return self._unsent + (self._transport.get_write_buffer_size() if self._transport else 0)

    def send(self, xml: str) -> None:
        """Send in one write with what else comes up now: a system call costs as much as a stanza."""
        if not self._out and not self._receiving:
            self._loop.call_soon(self._flush)
        self._out.append(xml)
        self._unsent += len(xml)

    def _flush(self) -> None:
        if self._out and self._transport is not None:
            self._transport.write("".join(self._out).encode())
        self._out.clear()
        self._unsent = 0

    def discard(self) -> None:
        """Drop the link at once."""
        if self._transport is not None:
            self._transport.abort()
        self._ended("dropped")

    # --- in ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected: open the stream."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        _keep_alive(transport.get_extra_info("socket"))
        head = f'<stream:stream xmlns="{COMPONENT_NS}" xmlns:stream="{STREAMS_NS}"'
        transport.write(f'{head} to="{escape(self._domain)}">'.encode())

    def data_received(self, data: bytes) -> None:
        """Octets from the server: hand on each stanza that is complete."""
        self._receiving = True
        try:
            if self._recall is None:
                self._parse(data)
                return
            at = 0
            while at < len(data):
                at = self._one(data, at, self._recall)
        except ParseError as error:
            log.error("the XMPP server sent no XML", reason=str(error))
            self._end("the server sent no XML")
        finally:
            self._receiving = False
            self._flush()

    def _one(self, data: bytes, at: int, recall: Recall) -> int:
        """Read up to where a stanza may end, without parsing if possible; returns where that is."""
        tag = _ENDS.get(data[at : at + 3], _IQ_ENDS)
        found = data.find(tag, at)
        end = len(data) if found < 0 else found + len(tag)
        piece = data[at:end]
        text = piece.decode() if self._between and found >= 0 and piece.isascii() else ""
        stanza = recall(text) if text else None
        if stanza is not None:
            self.heard = self._loop.time()
            self._hand_on(stanza)
            return end
        plain = found >= 0 and not any(one in piece for one in _NO_ELEMENTS)
        ended = self._parse(piece, text if plain else "")
        self._between = ended and plain
        return end

    def _parse(self, octets: bytes, text: str = "") -> bool:
        """Returns whether the last thing that ended is a stanza; raises ParseError, when all before is read.

        ``text``: the octets, if they begin with a stanza.
        """
        try:
            self._parser.feed(octets)
        finally:
            ended = self._read(text)
        return ended

    def _read(self, text: str) -> bool:
        """Stanzas are the children of the stream's element, taken out when they have ended: all but the last
        one have, and that one if it is the element that ended last.
        """
        root = self._root
        if root is None:
            begun: Element | None = self._builder.close()  # the element so far
            if begun is None:
                return False
            root = self._root = begun
            self._shake_hands(root)
        latest = self._latest[0][1] if self._latest else None
        ended = False
        if len(root):
            self.heard = self._loop.time()
            ended = latest is root[-1]
            whole = len(root) if ended or latest is root else len(root) - 1
            stanzas = root[:whole]
            del root[:whole]
            for stanza in stanzas:
                self._element(stanza, text if ended and whole == 1 else "")
        if latest is root:
            self._end(self._reason or "the server ended the stream")
        return ended

    def _hand_on(self, stanza: Stanza) -> None:
        try:
            self._take(stanza)
        except Exception:  # a defect met by one stanza must not end the link of all
            log.exception("a stanza could not be handled")

    def _element(self, element: Element, text: str) -> None:
        if element.tag in _STANZAS:
            self._hand_on(Stanza.of(element, text))
        elif element.tag == _HANDSHAKE:
            if not self.opened.done():
                self.opened.set_result(None)
        elif element.tag == _STREAM_ERROR:
            names = [one.tag.rpartition("}")[2] for one in element if STREAM_ERRORS_NS in one.tag]
            self._reason = f"the server ended the stream: {', '.join(names[:1]) or 'no reason given'}"

    def _shake_hands(self, root: Element) -> None:
        proof = f"{root.get('id', '')}{self._secret}".encode()
        # SHA-1 is what XEP-0114 says; the secret never crosses the network itself.
        digest = hashlib.sha1(proof, usedforsecurity=False).hexdigest()
        self._out.append(f"<handshake>{digest}</handshake>")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._ended(self._reason or str(exc or "the server closed the connection"))

    def _end(self, reason: str) -> None:
        self._reason = reason
        if self._transport is not None:
            self._transport.close()

    def _ended(self, reason: str) -> None:
        if not self.opened.done():
            self.opened.set_exception(LinkDown(reason))
            self.opened.exception()  # somebody may have given up waiting: then it is nobody's error
        if not self.closed.done():
            self.closed.set_result(reason)


def _keep_alive(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_COUNT)
    # What was sent and is not acknowledged counts too: keepalive alone waits until all of it is.
    limit = KEEPALIVE_IDLE + KEEPALIVE_COUNT * KEEPALIVE_INTERVAL
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit * 1000)
