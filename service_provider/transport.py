"""Requests of the client over XMPP, their errors in a provider's words."""

from __future__ import annotations

from iec61850_model.mms.pdu import Payload
from iec61850_model.mms.xer import CodecError
from iec61850_model.xmpp import Channel, XmppError
from service_provider.errors import translated


class XmppTransport:
    """What ``iec61850_model.client.Client`` asks through."""

    def __init__(self, channel: Channel, timeout: float) -> None:
        self._channel = channel
        self._timeout = timeout

    async def request(self, peer: str, payload: Payload) -> Payload:
        """One request; raises ClientError."""
        try:
            return await self._channel.request(peer, payload, self._timeout)
        except (XmppError, CodecError) as error:
            raise translated(peer.partition("@")[0], error) from error
