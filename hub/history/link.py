"""The collector's stanzas: requests with their answers, reports, presence (DESIGN section 3).

It speaks to boxes as ``collector@history.<hub domain>/<token>``; the token is new with each start, so that
nothing meant for an earlier process is taken for its own. Presence goes out from the domain: boxes know that.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from xml.etree.ElementTree import Element

import structlog

from hub.component import ComponentLink, LinkDown, LinkFull
from hub.stanzas import Condition, Stanza, error, stanza
from iec61850_model.client.errors import BadAnswer, ClientError, NoAnswer
from iec61850_model.mms.carrier import carriers
from iec61850_model.mms.pdu import Payload
from iec61850_model.mms.xer import NS82, MalformedPdu, decode_payload, encode_payload

log = structlog.get_logger()

NAME = "collector"
REQUEST_TIMEOUT = 20.0
"""Seconds for an answer: a box on a slow mobile link that is sending its backlog takes some."""
MAX_OUTSTANDING = 512
"""Requests without an answer; more wait for their turn."""
TOKEN_OCTETS = 4

_PAYLOAD = f"{{{NS82}}}"


class CollectorLink:
    """A Transport (iec61850_model.client) over the collector's component.

    ``on_report(stanza, payload)`` takes what comes by message; ``on_presence(box, type)`` a full JID and the
    type of its presence, ``error`` if a message or presence to it bounced.
    """

    def __init__(self, domain: str, secret: str, server: tuple[str, int]) -> None:
        self.address = f"{NAME}@{domain}/{secrets.token_hex(TOKEN_OCTETS)}"
        self.on_report: Callable[[Stanza, Payload], None] = lambda _stanza, _payload: None
        self.on_presence: Callable[[str, str], None] = lambda _box, _type: None
        self._link = link = ComponentLink(domain, secret, server, self.take)
        self._domain = domain
        self._count = 0
        self._window = asyncio.Semaphore(MAX_OUTSTANDING)
        self._pending: dict[tuple[str, str], asyncio.Future[Payload]] = {}
        link.on_down.append(self._lost)
        self.on_up, self.on_down, self.run = link.on_up, link.on_down, link.run

    @property
    def up(self) -> bool:
        """Stanzas can be sent now."""
        return self._link.up

    # --- out --------------------------------------------------------------------------------------

    async def request(self, peer: str, payload: Payload) -> Payload:
        """Send a request PDU to a box and return the answer; raises ClientError."""
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT), self._window:
                return await self._exchange(peer, payload)
        except TimeoutError:
            raise NoAnswer(f"no answer within {REQUEST_TIMEOUT:.0f} s") from None

    async def _exchange(self, peer: str, payload: Payload) -> Payload:
        self._count += 1
        key = (f"{self._count}", peer)
        answer: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
        self._pending[key] = answer
        try:
            carrier = carriers(payload.pdu)[0]
            self._link.send(stanza("iq", carrier, key[0], self.address, peer, encode_payload(payload)))
            return await answer
        except (LinkDown, LinkFull) as down:
            raise NoAnswer(str(down)) from None
        finally:
            del self._pending[key]

    def tell_presence(self, box: str, *, away: bool = False) -> bool:
        """Tell a box that the collector is here; ``away``: and that it had gone. False: not now."""
        gone = stanza("presence", "unavailable", "", self._domain, box) if away else ""
        return self._send(gone + stanza("presence", "", "", self._domain, box))

    def abort(self, box: str) -> None:
        """Abort: the box ends what it holds with this address and disables its reports."""
        self._send(stanza("presence", "unavailable", "", self.address, box))

    def give_back(self, report: Stanza) -> None:
        """Bounce a report: its box keeps the entry."""
        self._bounce(report, Condition.RESOURCE_CONSTRAINT)

    def refuse(self, report: Stanza) -> None:
        """Bounce a report that nobody waits for: they keep an association, so its box would never end it."""
        self._bounce(report, Condition.ITEM_NOT_FOUND)

    def _bounce(self, one: Stanza, condition: Condition) -> None:
        self._send(error("message", one.id, one.to, one.sender, condition))

    def _send(self, xml: str) -> bool:
        try:
            self._link.send(xml)
        except LinkFull:
            return False
        except LinkDown:
            return True  # when it is up again, everybody is asked and told anew
        return True

    def _lost(self) -> None:
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(NoAnswer("the link was lost; it may have been done or not"))

    # --- in ---------------------------------------------------------------------------------------

    def take(self, element: Element) -> None:
        """A stanza came."""
        one = Stanza.of(element)
        if one.kind == "presence":
            if one.type in ("", "unavailable", "error"):
                self.on_presence(one.sender, one.type)
        elif one.kind == "iq":
            self._take_iq(one)
        elif one.type == "error":
            self.on_presence(one.sender, "error")
        elif one.to == self.address:
            self._take_message(one)
        elif _payload_of(one) is not None:
            self.refuse(one)  # for an earlier process, whose end its box has not heard of

    def _take_iq(self, one: Stanza) -> None:
        if one.type in ("get", "set"):
            self._send(error("iq", one.id, one.to, one.sender, Condition.SERVICE_UNAVAILABLE))
            return
        waiting = self._pending.get((one.id, one.sender)) if one.to == self.address else None
        if waiting is None or waiting.done():
            return
        result = _answer(one)
        if isinstance(result, Payload):
            waiting.set_result(result)
        else:
            waiting.set_exception(result)

    def _take_message(self, one: Stanza) -> None:
        body = _payload_of(one)
        if body is None:
            return
        try:
            payload = decode_payload(body)
        except MalformedPdu as malformed:
            log.info("a message that is no PDU was dropped", box=one.sender, reason=str(malformed))
            return
        self.on_report(one, payload)


def _answer(one: Stanza) -> Payload | ClientError:
    if one.type == "error":
        return NoAnswer(f"the XMPP server answers {one.error_condition}")
    body = _payload_of(one)
    if body is None:
        return BadAnswer("the answer holds no PDU of 8-2")
    try:
        return decode_payload(body)
    except MalformedPdu as malformed:
        return BadAnswer(f"the answer is no PDU of 8-2: {malformed}")


def _payload_of(one: Stanza) -> Element | None:
    return next((child for child in one.children if child.tag.startswith(_PAYLOAD)), None)
