"""PDUs over a connection: requests with their answers, and the serving of requests (8-2 Annex D, Table
D.1)."""

from __future__ import annotations

import asyncio
import inspect
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple, TypeAlias
from xml.etree.ElementTree import Element

from iec61850_model.mms.carrier import Carrier, carriers, is_request
from iec61850_model.mms.pdu import Payload
from iec61850_model.mms.xer import MalformedPdu, UnencodableValue, decode_payload, encode_payload
from iec61850_model.xmpp.connection import Connection
from iec61850_model.xmpp.errors import NotConnected, RequestTimeout
from iec61850_model.xmpp.markup import attribute, octets
from iec61850_model.xmpp.settings import normalized
from iec61850_model.xmpp.stanza import STANZAS_NS, payload_of, stanza_error

log = logging.getLogger(__name__)

SEND_WINDOW = 256
"""Requests without an answer at any time; more wait for their turn. Bounds memory and what one peer must
queue."""
MAX_SERVED = 64
"""Requests of others being worked on; more are refused with resource-constraint. Bounds a box's memory."""
REQUEST_TIMEOUT = 10.0
"""Seconds for an answer: a box on a slow mobile link takes 2 s for a large read."""
SECRET_OCTETS = 6
"""Randomness in our stanza ids: a peer cannot guess the id of a request that it was not sent."""

_IQ, _MESSAGE = "{jabber:client}iq", "{jabber:client}message"
_DELAY = "{urn:xmpp:delay}delay"

Answers: TypeAlias = Iterable[Payload]
RequestHandler: TypeAlias = Callable[[str, Payload | MalformedPdu, int], Answers | Awaitable[Answers]]
MessageHandler: TypeAlias = Callable[[str, Payload], None]


class _Asked(NamedTuple):
    """Who asked, under which id, and whether by iq or, as one of many, by message."""

    peer: str
    id: str
    kind: str = "iq"


class Channel:
    """The PDU traffic of one connection, both as the one who asks and as the one who serves.

    ``on_request(peer, payload, octets)`` gives what to answer, in this order: PDUs that travel as messages
    are sent as such, any other is the iq's result, or a message with the id of the message that asked. It
    may return an awaitable. ``octets`` is the length of the received PDU. ``accepts(peer)`` says whom to
    serve and listen to; others get service-unavailable.
    ``on_message(peer, payload)`` takes reports and what else comes by message, before any answer that was
    sent after it. ``on_error(peer)`` says that a message to the peer bounced.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        accepts: Callable[[str], bool] | None = None,
        on_request: RequestHandler | None = None,
        on_message: MessageHandler | None = None,
        on_error: Callable[[str], None] | None = None,
    ) -> None:
        self._connection = connection
        self._accepts = accepts or (lambda peer: True)
        self._on_request = on_request
        self._on_message = on_message
        self._on_error = on_error
        self._prefix = secrets.token_hex(SECRET_OCTETS)
        self._count = 0
        self._window = asyncio.Semaphore(SEND_WINDOW)
        self._pending: dict[tuple[str, str], asyncio.Future[Payload]] = {}
        self._serving: set[asyncio.Task[None]] = set()
        connection.stanza_handlers.append(self._take)
        connection.on_offline.append(self._lost)

    # --- asking -------------------------------------------------------------------------------------

    async def request(self, peer: str, payload: Payload, timeout: float = REQUEST_TIMEOUT) -> Payload:
        """Send a request PDU to a full JID and return the answer.

        Raises NotConnected, RequestTimeout (after ``timeout`` seconds, waiting for the send window included),
        StanzaError, MalformedPdu if the answer is none, UnencodableValue, ValueError (peer is no JID, PDU is
        none that is answered).
        """
        carrier = carriers(payload.pdu)[0]
        if not is_request(payload.pdu):
            raise ValueError(f"a {type(payload.pdu).__name__} is not a request")
        address, body = normalized(peer), encode_payload(payload)
        try:
            async with asyncio.timeout(timeout), self._window:
                return await self._exchange(address, carrier, body)
        except TimeoutError:
            raise RequestTimeout(f"no answer from {peer} within {timeout:g} s") from None

    async def _exchange(self, peer: str, carrier: Carrier, body: str) -> Payload:
        key = (self._next_id(), peer)
        answer: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
        self._pending[key] = answer
        try:
            self._connection.send(f'<iq type="{carrier}" id="{key[0]}" to="{attribute(peer)}">{body}</iq>')
            return await answer
        finally:
            del self._pending[key]

    def send(self, peer: str, payload: Payload) -> None:
        """Send a PDU by message, e.g. a report; raises NotConnected, UnencodableValue, ValueError."""
        self._send_message(normalized(peer), payload, self._next_id())

    def _send_message(self, peer: str, payload: Payload, identity: str) -> None:
        body = encode_payload(payload)
        self._connection.send(
            f'<message type="normal" id="{attribute(identity)}" to="{attribute(peer)}">{body}</message>'
        )

    def _next_id(self) -> str:
        self._count += 1
        return f"{self._prefix}-{self._count}"

    def _lost(self, reason: str) -> None:
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(
                    NotConnected(
                        f"the link was lost ({reason}); the request may have been carried out or not"
                    )
                )

    # --- listening ----------------------------------------------------------------------------------

    def _take(self, element: Element) -> bool:
        sender, type_ = element.get("from", ""), element.get("type", "normal")
        if element.tag == _IQ:
            if type_ in ("result", "error"):
                return self._take_answer(element, sender, type_)
            body = payload_of(element)
            if body is None or self._on_request is None:
                return False
            self._take_request(element, sender, type_, body)
            return True
        if element.tag != _MESSAGE:
            return False
        if type_ == "error":
            return self._take_bounce(element, sender)
        body = payload_of(element)
        if body is None:
            return False
        self._take_message(element, sender, body)
        return True

    def _take_answer(self, element: Element, sender: str, type_: str) -> bool:
        waiting = self._pending.get((element.get("id", ""), sender))
        if waiting is None:
            # Too late, or from somebody who was not asked. What is not ours may be slixmpp's.
            return element.get("id", "").startswith(self._prefix)
        if waiting.done():
            return True
        if type_ == "error":
            waiting.set_exception(stanza_error(element))
            return True
        body = payload_of(element)
        try:
            if body is None:
                raise MalformedPdu("the answer holds no PDU of 8-2")
            waiting.set_result(decode_payload(body))
        except MalformedPdu as malformed:
            waiting.set_exception(malformed)
        return True

    def _take_bounce(self, element: Element, sender: str) -> bool:
        if not element.get("id", "").startswith(self._prefix):
            return False
        if self._on_error is not None:
            self._on_error(sender)
        return True

    def _take_message(self, element: Element, sender: str, body: Element) -> None:
        late = element.find(_DELAY) is not None
        misdirected = element.get("to") not in (None, self._connection.jid)
        if late or misdirected or not self._accepts(sender):
            log.info(
                "a message from %s was dropped (late: %s, for somebody else: %s)", sender, late, misdirected
            )
            return
        decoded = _decoded(body)
        if isinstance(decoded, MalformedPdu) or is_request(decoded.pdu):
            asked = _Asked(sender, element.get("id", ""), "message")
            if self._on_request is None:
                return
            if isinstance(decoded, Payload) and Carrier.MESSAGE not in carriers(decoded.pdu):
                self._refuse(asked, "modify", "bad-request")
                return
            self._serve(asked, decoded, octets(body))
        elif self._on_message is not None:
            self._on_message(sender, decoded)

    # --- serving ------------------------------------------------------------------------------------

    def _take_request(self, element: Element, sender: str, type_: str, body: Element) -> None:
        asked = _Asked(sender, element.get("id", ""))
        if not self._accepts(sender):
            self._refuse(asked, "cancel", "service-unavailable")
            return
        if len(element) != 1:
            # An iq carries one payload (RFC 6120, 8.2.3): of two there is no saying which one is meant.
            self._refuse(asked, "modify", "bad-request")
            return
        decoded = _decoded(body)
        if isinstance(decoded, Payload) and not (
            is_request(decoded.pdu) and any(carrier == type_ for carrier in carriers(decoded.pdu))
        ):
            self._refuse(asked, "modify", "bad-request")
            return
        self._serve(asked, decoded, octets(body))

    def _serve(self, asked: _Asked, decoded: Payload | MalformedPdu, size: int) -> None:
        assert self._on_request is not None
        if len(self._serving) >= MAX_SERVED:
            self._refuse(asked, "wait", "resource-constraint")
            return
        try:
            answers = self._on_request(asked.peer, decoded, size)
        except Exception:
            self._failed(asked)
            return
        if inspect.isawaitable(answers):
            task = asyncio.ensure_future(self._answer_later(asked, answers))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        else:
            self._answer(asked, answers)

    async def _answer_later(self, asked: _Asked, answers: Awaitable[Answers]) -> None:
        try:
            ready = await answers
        except Exception:
            self._failed(asked)
            return
        self._answer(asked, ready)

    def _answer(self, asked: _Asked, answers: Answers) -> None:
        """Send what is to be sent; a request gets exactly one answer (RFC 6120, 8.2.3)."""
        answered = False
        try:
            for payload in answers:
                if carriers(payload.pdu)[0] is Carrier.MESSAGE:
                    self._send_message(asked.peer, payload, self._next_id())
                elif answered:
                    log.error("a second answer to one request of %s was dropped", asked.peer)
                else:
                    self._send_answer(asked, payload)
                    answered = True
        except UnencodableValue:
            log.exception("an answer to %s has no 8-2 form", asked.peer)
        except NotConnected as lost:
            log.info("an answer to %s was dropped: %s", asked.peer, lost)
            return
        if not answered:
            self._refuse(asked, "cancel", "internal-server-error")

    def _send_answer(self, asked: _Asked, payload: Payload) -> None:
        if asked.kind == "message":
            self._send_message(asked.peer, payload, asked.id or self._next_id())
            return
        body = encode_payload(payload)
        self._connection.send(
            f'<iq type="result" id="{attribute(asked.id)}" to="{attribute(asked.peer)}">{body}</iq>'
        )

    def _failed(self, asked: _Asked) -> None:
        log.exception("a request of %s could not be served", asked.peer)
        self._refuse(asked, "cancel", "internal-server-error")

    def _refuse(self, asked: _Asked, type_: str, condition: str) -> None:
        kind = asked.kind
        if kind == "message" and not asked.id:
            return
        try:
            self._connection.send(
                f'<{kind} type="error" id="{attribute(asked.id)}" to="{attribute(asked.peer)}">'
                f'<error type="{type_}"><{condition} xmlns="{STANZAS_NS}"/></error></{kind}>'
            )
        except NotConnected as lost:
            log.info("a refusal to %s was dropped: %s", asked.peer, lost)


def _decoded(body: Element) -> Payload | MalformedPdu:
    try:
        return decode_payload(body)
    except MalformedPdu as malformed:
        return malformed
