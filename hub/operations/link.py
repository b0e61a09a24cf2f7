"""Operations' stanzas: requests to heat pumps in the hub's name or a provider's, and the answers."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from hub.addresses import Addresses, full
from hub.component import ComponentLink, LinkDown, LinkFull
from hub.requests import Requests, payload_of
from hub.stanzas import Condition, Stanza, error, stanza
from iec61850_model.client.errors import NoAnswer
from iec61850_model.mms.pdu import Payload
from iec61850_model.mms.xer import MalformedPdu, decode_payload

TOKEN_OCTETS = 4


class OperationsLink:
    """What reaches it comes through the router: it knows heat pumps by their public addresses only."""

    def __init__(self, addresses: Addresses, secret: str, server: tuple[str, int]) -> None:
        self.addresses = addresses
        self._link = link = ComponentLink(addresses.operations, secret, server, self.take)
        self._token = secrets.token_hex(TOKEN_OCTETS)
        self._requests = Requests(link.send, f"{self._token}-")
        self._told: dict[str, bool] = {}
        self._count = 0
        self.on_saying: Callable[[str, str, Payload], None] | None = None
        """Takes what a heat pump says by itself: to whom (a provider's id, or empty), from where, what."""
        self.on_request: Callable[[Stanza], None] | None = None
        """Takes an iq get or set from anybody but the hub."""
        link.on_down.append(self._requests.lost)
        self.on_up, self.on_down, self.run = link.on_up, link.on_down, link.run

    @property
    def up(self) -> bool:
        """Stanzas can be sent now."""
        return self._link.up

    # --- out --------------------------------------------------------------------------------------

    def speaking_for(self, provider: str = "") -> SpeakingFor:
        """A Transport (iec61850_model.client) in a provider's name, or (empty) in the hub's own."""
        return SpeakingFor(self._requests, full(self.addresses.operations, provider))

    def tell_withdrawn(self, heat_pump: str, provider: str) -> str:
        """Tell a box that a provider is withdrawn; give the key to ``bounced``. Raises NoAnswer."""
        self._count += 1
        key = f"{self._token}-w{self._count}"
        sender = full(self.addresses.operations, provider)
        self._told[key] = False
        try:
            to = self.addresses.heat_pump(heat_pump)
            self._link.send(stanza("presence", "unavailable", key, sender, to))
        except (LinkDown, LinkFull) as down:
            del self._told[key]
            raise NoAnswer(str(down)) from None
        return key

    def bounced(self, key: str) -> bool:
        """Whether the router has not passed it on; ask once, after an answer to a later request has come."""
        return self._told.pop(key, False)

    # --- in ---------------------------------------------------------------------------------------

    def take(self, one: Stanza) -> None:
        """A stanza came."""
        if one.kind == "presence":
            if one.type == "error" and one.id in self._told:
                self._told[one.id] = True
        elif one.kind == "iq" and one.type in ("get", "set"):
            self._asked(one)
        elif one.kind == "iq":
            self._requests.answered(one)
        else:
            self._said(one)

    def _said(self, one: Stanza) -> None:
        """Only from the router: whatever else comes by message is from strangers."""
        if self.on_saying is None or one.sender.partition("/")[0].rpartition("@")[2] != self.addresses.domain:
            return
        body = payload_of(one)
        try:
            payload = None if body is None else decode_payload(body)
        except MalformedPdu:
            return
        if payload is not None:
            self.on_saying(one.to.partition("/")[2], one.sender, payload)

    def _asked(self, one: Stanza) -> None:
        """With a resource the address is what it speaks from to boxes: nobody else is served there."""
        if self.on_request is None or one.to != self.addresses.operations:
            self.answer(error("iq", one.id, one.to, one.sender, Condition.SERVICE_UNAVAILABLE))
        else:
            self.on_request(one)

    def answer(self, xml: str) -> None:
        """Answer an iq; what cannot be sent now is not: who asked has gone with the link."""
        try:
            self._link.send(xml)
        except (LinkDown, LinkFull):
            return


@dataclass(frozen=True, slots=True)
class SpeakingFor:
    """Asks in one name."""

    requests: Requests
    sender: str

    async def request(self, peer: str, payload: Payload) -> Payload:
        """Send a request PDU to a heat pump's public address; raises ClientError."""
        return await self.requests.ask(self.sender, peer, payload)
