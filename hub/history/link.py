"""The collector's stanzas: requests with their answers, reports, presence (DESIGN section 3).

It speaks to boxes as ``collector@history.<hub domain>/<token>``; the token is new with each start, so that
nothing meant for an earlier process is taken for its own. Presence goes out from the domain: boxes know that.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import structlog

from hub.component import ComponentLink, LinkDown, LinkFull
from hub.requests import Requests, payload_of
from hub.stanzas import Condition, Stanza, error, stanza
from iec61850_model.mms.pdu import Payload
from iec61850_model.mms.xer import MalformedPdu, decode_payload

log = structlog.get_logger()

NAME = "collector"
TOKEN_OCTETS = 4


class CollectorLink:
    """A Transport (iec61850_model.client) over the collector's component.

    ``on_report(stanza, payload)`` takes what comes by message; ``on_presence(box, type)`` a full JID and the
    type of its presence, ``error`` if a message or presence to it bounced. ``on_request(stanza)`` takes what
    asks for an answer.
    """

    def __init__(self, domain: str, secret: str, server: tuple[str, int]) -> None:
        self.address = f"{NAME}@{domain}/{secrets.token_hex(TOKEN_OCTETS)}"
        self.on_report: Callable[[Stanza, Payload], None] = lambda _stanza, _payload: None
        self.on_presence: Callable[[str, str], None] = lambda _box, _type: None
        self.on_request: Callable[[Stanza], None] = self.unavailable
        self._link = link = ComponentLink(domain, secret, server, self.take)
        self._domain = domain
        self._requests = Requests(link.send)
        link.on_down.append(self._requests.lost)
        self.on_up, self.on_down, self.run = link.on_up, link.on_down, link.run

    @property
    def up(self) -> bool:
        """Stanzas can be sent now."""
        return self._link.up

    # --- out --------------------------------------------------------------------------------------

    async def request(self, peer: str, payload: Payload) -> Payload:
        """Send a request PDU to a box and return the answer; raises ClientError."""
        return await self._requests.ask(self.address, peer, payload)

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

    def unavailable(self, request: Stanza) -> None:
        """Answer who may not ask here, or asks for what is not here."""
        self.answer(error("iq", request.id, request.to, request.sender, Condition.SERVICE_UNAVAILABLE))

    def answer(self, xml: str) -> bool:
        """Send the answer to a request; False if that cannot be: who asked will ask again."""
        try:
            self._link.send(xml)
        except (LinkDown, LinkFull):
            return False
        return True

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

    # --- in ---------------------------------------------------------------------------------------

    def take(self, one: Stanza) -> None:
        """A stanza came."""
        if one.kind == "presence":
            if one.type in ("", "unavailable", "error"):
                self.on_presence(one.sender, one.type)
        elif one.kind == "iq":
            self._take_iq(one)
        elif one.type == "error":
            self.on_presence(one.sender, "error")
        elif one.to == self.address:
            self._take_message(one)
        elif payload_of(one) is not None:
            self.refuse(one)  # for an earlier process, whose end its box has not heard of

    def _take_iq(self, one: Stanza) -> None:
        if one.type in ("get", "set"):
            self.on_request(one)
            return
        self._requests.answered(one)

    def _take_message(self, one: Stanza) -> None:
        body = payload_of(one)
        if body is None:
            return
        try:
            payload = decode_payload(body)
        except MalformedPdu as malformed:
            log.info("a message that is no PDU was dropped", box=one.sender, reason=str(malformed))
            return
        self.on_report(one, payload)
