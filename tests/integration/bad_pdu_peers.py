"""Plain slixmpp streams that say anything, and what they hear put into words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element

from bad_pdus import HEAT_PUMP, POWER, read
from slixmpp import ClientXMPP, ComponentXMPP

from iec61850_model.mms.pdu import (
    CancelError,
    ConcludeResponse,
    ConfirmedError,
    ConfirmedResponse,
    Data,
    InitiateError,
    InitiateResponse,
    Payload,
    ReadResponse,
    Reject,
    Unconfirmed,
    WriteResponse,
)
from iec61850_model.mms.xer import decode_payload
from support.ports import LOOPBACK
from support.scene import HUB, PROVIDER_JID, Scene, box_jid

ALIAS = f"agg@{HUB}/raw"
PATIENCE = 20.0
"""Seconds until a test gives up waiting; never the measure of anything."""


# --- what comes back, in words ---------------------------------------------------------------------


def told(element: Element) -> str:
    """One stanza in words."""
    kind, type_ = element.tag.rpartition("}")[2], element.get("type", "normal")
    if type_ == "error":
        error = next(child for child in element if child.tag.endswith("}error"))
        return f"{error[0].tag.rpartition('}')[2]} ({error.get('type')})"
    if not len(element):
        return f"empty {kind} {type_}"
    said = _pdu_told(decode_payload(element[0], strict=True))
    return said if kind == "iq" else f"message: {said}"


def _pdu_told(payload: Payload) -> str:
    match payload.pdu:
        case Reject(reason, number):
            return f"reject {reason.name.lower()} {'' if number is None else number}".strip()
        case ConfirmedError(_, error) | InitiateError(error) | CancelError(_, error):
            return f"{type(payload.pdu).__name__} {error.text}"
        case ConfirmedResponse(_, WriteResponse(results)):
            return "write " + ", ".join("done" if one is None else one.text for one in results)
        case ConfirmedResponse(_, ReadResponse(results)):
            return "read " + ", ".join("value" if isinstance(one, Data) else one.text for one in results)
        case ConfirmedResponse(_, service):
            return type(service).__name__
        case Unconfirmed(report):
            first = report.results[0]
            assert isinstance(first, Data) and isinstance(first.value, tuple)
            cause = first.value[-1]
            assert isinstance(cause, Data)
            return f"AddCause {cause.value}"
        case InitiateResponse(size):
            return f"associated {size}"
        case ConcludeResponse():
            return "released"
    return type(payload.pdu).__name__


# --- clients ---------------------------------------------------------------------------------------


@dataclass
class Raw:
    """A plain slixmpp stream that sends text; what comes in from ``peer`` is kept."""

    stream: ClientXMPP | ComponentXMPP
    peer: str
    sender: str = ""
    seen: list[Element] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    _count: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self, host: str, port: int) -> None:
        self.stream.add_filter("in", self._take)
        self.stream.add_event_handler("stream_error", lambda error: self.ended.append(error["condition"]))
        self.stream.add_event_handler("session_start", lambda _: self._news.set())
        self.stream.connect(host, port)

    def _take(self, stanza: Any) -> Any:
        element: Element = stanza.xml
        kind = element.tag.rpartition("}")[2]
        if kind in ("iq", "message") and element.get("from") == self.peer:
            self.seen.append(element)
            self._news.set()
            return None
        return stanza

    async def ready(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._news.wait()

    async def ask(self, type_: str, inner: str, kind: str = "iq") -> str:
        """Send a stanza; in words what comes back up to its answer."""
        self._count += 1
        id_ = f"bad-{self._count}"
        self.seen.clear()
        sender = f' from="{self.sender}"' if self.sender else ""
        self.stream.send_raw(f'<{kind} type="{type_}" id="{id_}" to="{self.peer}"{sender}>{inner}</{kind}>')
        async with asyncio.timeout(PATIENCE):
            while not self.seen or (kind == "iq" and self.seen[-1].get("id") != id_):
                self._news.clear()
                await self._news.wait()
        return " + ".join(told(element) for element in self.seen)

    async def silent_after(self, type_: str, inner: str, kind: str) -> bool:
        """Send a stanza that gets no answer; whether there is indeed none before the next one's."""
        sender = f' from="{self.sender}"' if self.sender else ""
        self.stream.send_raw(f'<{kind} type="{type_}" id="silent" to="{self.peer}"{sender}>{inner}</{kind}>')
        await self.ask("get", read(POWER))
        return len(self.seen) == 1


def provider_stream(scene: Scene, resource: str) -> Raw:
    stream = ClientXMPP(
        f"{PROVIDER_JID}/{resource}", scene.passwords[PROVIDER_JID], sasl_mech="SCRAM-SHA-256"
    )
    stream.ca_certs = scene.prosody.ca_file
    stream.enable_direct_tls = False
    raw = Raw(stream, HEAT_PUMP)
    raw.start(LOOPBACK, scene.prosody.c2s_port)
    return raw


def hub_stream(scene: Scene) -> Raw:
    """A component in the hub's place."""
    stream = ComponentXMPP(HUB, scene.prosody.component_secrets[HUB])
    raw = Raw(stream, f"{box_jid(1)}/IEC", ALIAS)
    raw.start(LOOPBACK, scene.prosody.component_port)
    return raw


@asynccontextmanager
async def used(raw: Raw) -> AsyncIterator[Raw]:
    try:
        await raw.ready()
        yield raw
    finally:
        await raw.stream.disconnect()
