"""Requests of the hub's own to boxes, and the answers that belong to them: by id, asker and asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from xml.etree.ElementTree import Element

from hub.component import LinkDown, LinkFull
from hub.stanzas import Stanza, stanza
from iec61850_model.client.errors import BadAnswer, ClientError, NoAnswer
from iec61850_model.mms.carrier import carriers
from iec61850_model.mms.pdu import Payload
from iec61850_model.mms.xer import NS82, MalformedPdu, decode_payload, encode_payload

REQUEST_TIMEOUT = 20.0
"""Seconds for an answer: a box on a slow mobile link that is sending its backlog takes some."""
MAX_OUTSTANDING = 512
"""Requests without an answer; more wait for their turn."""

_PAYLOAD = f"{{{NS82}}}"


class Requests:
    """``send`` raises LinkDown or LinkFull. ``prefix``: of each id, so that an answer to an earlier process
    is not taken for one to this.
    """

    def __init__(self, send: Callable[[str], None], prefix: str = "") -> None:
        self._send = send
        self._prefix = prefix
        self._count = 0
        self._window = asyncio.Semaphore(MAX_OUTSTANDING)
        self._pending: dict[tuple[str, str, str], asyncio.Future[Payload]] = {}

    async def ask(self, sender: str, peer: str, payload: Payload) -> Payload:
        """Send a request PDU and return the answer; raises ClientError."""
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT), self._window:
                return await self._exchange(sender, peer, payload)
        except TimeoutError:
            raise NoAnswer(f"no answer within {REQUEST_TIMEOUT:.0f} s") from None

    async def _exchange(self, sender: str, peer: str, payload: Payload) -> Payload:
        self._count += 1
        key = (f"{self._prefix}{self._count}", sender, peer)
        answer: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
        self._pending[key] = answer
        try:
            carrier = carriers(payload.pdu)[0]
            self._send(stanza("iq", carrier, key[0], sender, peer, encode_payload(payload)))
            return await answer
        except (LinkDown, LinkFull) as down:
            raise NoAnswer(str(down)) from None
        finally:
            del self._pending[key]

    def answered(self, one: Stanza) -> None:
        """An iq result or error came; what nobody waits for is dropped."""
        waiting = self._pending.get((one.id, one.to, one.sender))
        if waiting is None or waiting.done():
            return
        result = _answer(one)
        if isinstance(result, Payload):
            waiting.set_result(result)
        else:
            waiting.set_exception(result)

    def lost(self) -> None:
        """The link is down: nothing that was asked will be answered."""
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(NoAnswer("the link was lost; it may have been done or not"))


def payload_of(one: Stanza) -> Element | None:
    """The element of 8-2 in a stanza."""
    return next((child for child in one.children if child.tag.startswith(_PAYLOAD)), None)


def _answer(one: Stanza) -> Payload | ClientError:
    if one.type == "error":
        return NoAnswer(f"the XMPP server answers {one.error_condition}")
    body = payload_of(one)
    if body is None:
        return BadAnswer("the answer holds no PDU of 8-2")
    try:
        return decode_payload(body)
    except MalformedPdu as malformed:
        return BadAnswer(f"the answer is no PDU of 8-2: {malformed}")
