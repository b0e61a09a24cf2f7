"""One request to many, by a message to their group; each answers by a message with its id."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias
from xml.etree.ElementTree import Element

from iec61850_model.mms.carrier import Carrier, carriers, is_request
from iec61850_model.mms.pdu import Payload
from iec61850_model.mms.xer import MalformedPdu, decode_payload, encode_payload
from iec61850_model.xmpp.channel import SECRET_OCTETS
from iec61850_model.xmpp.connection import Connection
from iec61850_model.xmpp.errors import NotConnected, RequestTimeout, StanzaError
from iec61850_model.xmpp.markup import attribute
from iec61850_model.xmpp.settings import normalized
from iec61850_model.xmpp.stanza import payload_of, stanza_error

log = logging.getLogger(__name__)

MAX_WAITING = 50_000
"""Answers that wait to be taken; more are dropped. Twice as many as a group of the hub has members."""
_MESSAGE = "{jabber:client}message"

Answer: TypeAlias = Payload | StanzaError | MalformedPdu


class ManyAnswers:
    """The answers to one request, as they come."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[tuple[str, Answer] | NotConnected] = asyncio.Queue(MAX_WAITING)

    async def next(self, timeout: float) -> tuple[str, Answer]:
        """The next answer and who gave it: a member, or the group's address for all.

        Raises RequestTimeout after ``timeout`` seconds without one, NotConnected when the link is lost.
        """
        try:
            async with asyncio.timeout(timeout):
                found = await self._waiting.get()
        except TimeoutError:
            raise RequestTimeout(f"no answer for {timeout:g} s") from None
        if isinstance(found, NotConnected):
            raise found
        return found

    def put(self, found: tuple[str, Answer] | NotConnected) -> None:
        """Take in an answer, or that there will be none any more."""
        if self._waiting.full():
            log.warning("an answer to a group's request was dropped: %d wait already", MAX_WAITING)
            return
        self._waiting.put_nowait(found)


class Many:
    """Asks groups over a connection. ``accepts(peer)`` says whose answers are taken.

    Make it before a Channel on the same connection, which drops messages that it does not know.
    """

    def __init__(self, connection: Connection, accepts: Callable[[str], bool]) -> None:
        self._connection = connection
        self._accepts = accepts
        self._prefix = f"many-{secrets.token_hex(SECRET_OCTETS)}-"
        self._count = 0
        self._open: dict[str, ManyAnswers] = {}
        connection.stanza_handlers.append(self._take)
        connection.on_offline.append(self._lost)

    @contextmanager
    def ask(self, group: str, payload: Payload) -> Iterator[ManyAnswers]:
        """Send a request PDU to the address of a group; its answers are taken until the block ends.

        Raises NotConnected, UnencodableValue, ValueError (a PDU that does not travel to many).
        """
        if not is_request(payload.pdu) or Carrier.MESSAGE not in carriers(payload.pdu):
            raise ValueError(f"a {type(payload.pdu).__name__} of this kind is not sent to many")
        self._count += 1
        identity = f"{self._prefix}{self._count}"
        address, body = normalized(group), encode_payload(payload)
        answers = self._open[identity] = ManyAnswers()
        try:
            self._connection.send(
                f'<message type="normal" id="{identity}" to="{attribute(address)}">{body}</message>'
            )
            yield answers
        finally:
            del self._open[identity]

    def _lost(self, reason: str) -> None:
        for answers in self._open.values():
            answers.put(
                NotConnected(f"the link was lost ({reason}); the request may have been carried out or not")
            )

    def _take(self, element: Element) -> bool:
        identity = element.get("id", "")
        if element.tag != _MESSAGE or not identity.startswith(self._prefix):
            return False
        sender, answers = element.get("from", ""), self._open.get(identity)
        mine = element.get("to") in (None, self._connection.jid)
        if answers is None or not mine or not self._accepts(sender):
            log.info("an answer from %s to a group's request was dropped", sender)
        elif element.get("type") == "error":
            answers.put((sender, stanza_error(element)))
        else:
            answers.put((sender, _answer_in(element)))
        return True


def _answer_in(element: Element) -> Answer:
    body = payload_of(element)
    try:
        if body is None:
            raise MalformedPdu("the answer holds no PDU of 8-2")
        payload = decode_payload(body)
        if is_request(payload.pdu):
            raise MalformedPdu("the answer is a request")
    except MalformedPdu as malformed:
        return malformed
    return payload
