"""The box's link to its hub: whom it serves, and how the hub learns that it is there (DESIGN section 3)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from xml.etree.ElementTree import Element

import structlog

from device_agent.config import BoxConfig
from iec61850_model.mms.pdu import Payload
from iec61850_model.mms.xer import MalformedPdu
from iec61850_model.xmpp import Channel, Connection, ConnectionFailed, NotConnected, XmppError
from iec61850_model.xmpp.markup import attribute

log = structlog.get_logger()

ANNOUNCE_AGAIN = 5.0
"""Seconds until the presence is sent to the hub again after it bounced: the hub is restarting. The collector
asks by itself when it is back."""
MAX_ANNOUNCE_AGAIN = 60.0
"""Longest time between two attempts, seconds."""
WITHDRAWN = "~withdrawn"
"""Resource of the alias by which the hub says that a provider is withdrawn; no provider can have it. Presence
`unsubscribed` would not do: no server delivers it to an account that never subscribed."""

PING_ID = "is-the-hub-there"
"""Id of the pings; one answer is as good as another. Requests of the channel have ids of their own."""
_IQ = "{jabber:client}iq"

Handler = Callable[[str, Payload | MalformedPdu, int], Awaitable[list[Payload]]]


class Link:
    """The XMPP connection of a box. Serves its hub's domain and its collector, nobody else.

    ``on_gone`` (a JID): a client is gone; ``on_withdrawn`` (a bare JID): it may command no more; ``on_lost``:
    our own link is lost.
    """

    def __init__(
        self,
        config: BoxConfig,
        on_request: Handler,
        on_gone: Callable[[str], None],
        on_withdrawn: Callable[[str], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._hub = config.hub
        self._collector = config.collector_domain
        self._on_gone = on_gone
        self._on_withdrawn = on_withdrawn
        self._on_lost = on_lost
        self._again: asyncio.TimerHandle | None = None
        self._delay = ANNOUNCE_AGAIN
        self.on_heartbeat: Callable[[], None] = lambda: None
        """Called for every sign of life of the hub (``device_agent.lost_hub``)."""
        self.connection = Connection(config.connection())
        self.connection.on_online.append(self._online)
        self.connection.on_offline.append(self._offline)
        self.connection.on_presence.append(self._presence)
        self.connection.on_refused.append(self._refused)
        self.connection.stanza_handlers.append(self._heard)
        self.channel = Channel(
            self.connection, accepts=self._accepts, on_request=on_request, on_error=on_gone
        )

    @property
    def online(self) -> bool:
        """The box is logged in."""
        return self.connection.online

    def start(self) -> None:
        """Connect now and whenever the link is lost; returns at once."""
        self.connection.begin()

    async def stop(self) -> None:
        """Log out."""
        self._cancel_again()
        await self.connection.stop()

    def send(self, peer: str, payload: Payload) -> None:
        """Send an unconfirmed PDU; what cannot be sent now is dropped."""
        try:
            self.channel.send(peer, payload)
        except XmppError as error:
            log.info("not sent", peer=peer, reason=str(error))

    def ask_hub(self) -> None:
        """Ping the hub, so that it gives a sign of life (XEP-0199); without a link there is nobody to ask."""
        with contextlib.suppress(NotConnected):
            self.connection.send(
                f'<iq type="get" id="{PING_ID}" to="{attribute(self._hub)}">'
                '<ping xmlns="urn:xmpp:ping"/></iq>'
            )

    def _heard(self, element: Element) -> bool:
        """Any stanza of the hub's domain is a sign of life, but for errors: these its server sends for it.

        Returns whether it was the answer to a ping of ours, which concerns nobody else.
        """
        if element.get("type") != "error" and _domain(element.get("from", "")) == self._hub:
            self.on_heartbeat()
        return element.tag == _IQ and element.get("id") == PING_ID

    def _accepts(self, peer: str) -> bool:
        return _domain(peer) in (self._hub, self._collector)

    def _online(self) -> None:
        log.info("link is up", jid=self.connection.jid)
        self._delay = ANNOUNCE_AGAIN
        self._announce(self._hub)
        self._announce(self._collector)

    def _offline(self, reason: str) -> None:
        log.warning("link is down", reason=reason)
        self._cancel_again()
        self._on_lost()

    def _refused(self, failed: ConnectionFailed) -> None:
        log.error("cannot log in", reason=str(failed))

    def _presence(self, sender: str, type_: str) -> None:
        if not self._accepts(sender):
            return
        if type_ not in ("error", "unavailable") and _domain(sender) == self._hub:
            self.on_heartbeat()
        if sender in (self._hub, self._collector):
            if type_ == "available":
                self._cancel_again()
                self._delay = ANNOUNCE_AGAIN
                self._announce(sender)
            elif type_ == "error" and sender == self._hub:
                self._announce_later()
            elif type_ == "unavailable":
                # It was away: what its providers did meanwhile nobody has told us.
                self._on_gone(sender)
        elif type_ == "unavailable" and _domain(sender) == self._hub and _resource(sender) == WITHDRAWN:
            # The hub's word that a provider's grant has ended; it speaks in the provider's alias.
            self._on_withdrawn(sender.partition("/")[0])
        elif type_ in ("unavailable", "error"):
            self._on_gone(sender)

    def _announce(self, to: str) -> None:
        """Directed presence: the hub needs no subscription to know that the box is there."""
        try:
            self.connection.send_presence(to)
        except NotConnected as error:
            log.info("presence not sent", to=to, reason=str(error))

    def _announce_later(self) -> None:
        self._cancel_again()
        self._again = asyncio.get_running_loop().call_later(self._delay, self._announce, self._hub)
        self._delay = min(2 * self._delay, MAX_ANNOUNCE_AGAIN)

    def _cancel_again(self) -> None:
        if self._again is not None:
            self._again.cancel()
            self._again = None


def _resource(jid: str) -> str:
    return jid.partition("/")[2]


def _domain(jid: str) -> str:
    return jid.partition("/")[0].rpartition("@")[2]
