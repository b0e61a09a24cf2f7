"""A plain XMPP client that says what a test wants and keeps all it hears, for tests of a running hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from slixmpp import ClientXMPP

from support.ports import LOOPBACK
from support.scene import HUB, Scene

NS82 = "http://www.iec.ch/61850/2018/SCSM_8_2"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
PATIENCE = 20.0
"""Seconds until a test gives up waiting; never the measure of anything."""


def canonical(stanza: str | Element) -> str:
    """The same text for the same stanza, however it was written down; slixmpp's own xml:lang left out."""
    if isinstance(stanza, str):
        stanza = ElementTree.fromstring(f'<x xmlns="jabber:client">{stanza}</x>')[0]
    bare = Element(stanza.tag, {name: value for name, value in stanza.attrib.items() if name != LANG})
    bare.extend(stanza)
    return ElementTree.canonicalize(ElementTree.tostring(bare, encoding="unicode"), rewrite_prefixes=True)


async def until(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Wait until the condition holds; raises TimeoutError."""
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - what is waited for may be anything
            await asyncio.sleep(0.01)


class RawParty:
    """One session. ``heard``: stanzas that came, without the hub's presence and answers to ``ask``."""

    def __init__(
        self, jid: str, password: str, scene: Scene, port: int | None = None, *, ca_file: Path | None = None
    ) -> None:
        self._stream = ClientXMPP(jid, password, sasl_mech="SCRAM-SHA-256")
        self._stream.ca_certs = ca_file or scene.xmpp_server.ca_file
        self._stream.enable_direct_tls = False
        self._stream.add_filter("in", self._take)
        self._port = port or scene.xmpp_server.c2s_port
        self._waiting: dict[str, asyncio.Future[Element]] = {}
        self._count = 0
        self.heard: list[Element] = []
        self.everything: list[str] = []
        self.answer_with: dict[str, str] = {}
        """Result for a request, by the type of its iq; a request of another type is only heard."""

    @property
    def jid(self) -> str:
        """The full JID that the server has bound."""
        return str(self._stream.boundjid.full)

    def send(self, xml: str) -> None:
        """Send exactly this."""
        self._stream.send_raw(xml)

    async def ask(self, type_: str, inner: str, to: str) -> Element:
        """Send an iq with an id of its own; returns the answer to it."""
        self._count += 1
        id_ = f"ask-{id(self)}-{self._count}"
        waiting = self._waiting[id_] = asyncio.get_running_loop().create_future()
        self.send(f'<iq type="{type_}" id="{id_}" to="{to}">{inner}</iq>')
        async with asyncio.timeout(PATIENCE):
            return await waiting

    async def next_with(self, id_: str) -> Element:
        """Wait for the stanza of this id and take it out of ``heard``."""
        await until(lambda: any(one.get("id") == id_ for one in self.heard))
        found = next(one for one in self.heard if one.get("id") == id_)
        self.heard.remove(found)
        return found

    def _take(self, stanza: Any) -> Any:
        element: Element = stanza.xml
        kind, type_, sender = element.tag.rpartition("}")[2], element.get("type", ""), element.get("from", "")
        if kind not in ("iq", "message", "presence") or not self._stream.sessionstarted:
            return stanza
        self.everything.append(ElementTree.tostring(element, encoding="unicode"))
        if kind == "presence" and sender == HUB and not type_:
            self.send(f'<presence to="{HUB}"/>')
            return None
        if kind == "presence" and sender.partition("/")[0] == self.jid.partition("/")[0]:
            return None  # the server tells the sessions of one account of each other
        if element.get("id", "") in self._waiting:
            self._waiting.pop(element.get("id", "")).set_result(element)
            return None
        if kind == "iq" and type_ in self.answer_with:
            inner = self.answer_with[type_]
            # Quotes and markup in a provider's resource must not break what we write.
            answer = Element("iq", {"type": "result", "id": element.get("id", ""), "to": sender})
            text = ElementTree.tostring(answer, encoding="unicode").removesuffix(" />")
            self.send(f"{text}>{inner}</iq>")
            return None
        self.heard.append(element)
        return None

    @asynccontextmanager
    async def logged_in(self) -> AsyncIterator[RawParty]:
        """Log in, say to the server and to the hub that we are there."""
        ready = asyncio.Event()
        self._stream.add_event_handler("session_start", lambda _: ready.set())
        self._stream.connect(LOOPBACK, self._port)
        try:
            async with asyncio.timeout(PATIENCE):
                await ready.wait()
            self.send("<presence/>")
            self.send(f'<presence to="{HUB}"/>')
            yield self
        finally:
            await self._stream.disconnect()
