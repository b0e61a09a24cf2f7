"""Requests of the client over XMPP, to one and to groups, their errors in a provider's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from iec61850_model.client import ClientError
from iec61850_model.mms.pdu import Payload
from iec61850_model.mms.xer import CodecError
from iec61850_model.xmpp import Channel, Items, Many, ManyAnswers, XmppError
from service_provider.errors import of_group, translated


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


class XmppGroupTransport(XmppTransport):
    """What groups are asked through."""

    def __init__(self, channel: Channel, many: Many, items: Items, timeout: float) -> None:
        super().__init__(channel, timeout)
        self._many = many
        self._items = items

    async def members(self, group: str) -> list[str]:
        """The addresses of those in a group that may be asked; raises ClientError."""
        try:
            return await self._items.of(group, self._timeout)
        except XmppError as error:
            raise of_group(group.partition("@")[0], error) from error

    @contextmanager
    def ask(self, group: str, payload: Payload) -> Iterator[XmppAnswers]:
        """Ask all in a group at once; raises ClientError."""
        try:
            with self._many.ask(group, payload) as answers:
                yield XmppAnswers(group, answers, self._timeout)
        except (XmppError, CodecError) as error:
            raise of_group(group.partition("@")[0], error) from error


class XmppAnswers:
    """The answers to a request to a group."""

    def __init__(self, group: str, answers: ManyAnswers, timeout: float) -> None:
        self._group = group
        self._answers = answers
        self._timeout = timeout

    async def next(self) -> tuple[str, Payload | ClientError]:
        """An answer and the address it came from; raises NoAnswer, CannotConnect."""
        name = self._group.partition("@")[0]
        try:
            peer, answer = await self._answers.next(self._timeout)
        except XmppError as error:
            raise of_group(name, error) from error
        if isinstance(answer, Payload):
            return peer, answer
        if peer == self._group:
            return peer, of_group(name, answer)
        return peer, translated(peer.partition("@")[0], answer)
