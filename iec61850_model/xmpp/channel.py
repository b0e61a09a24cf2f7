"""PDUs over a connection: requests with their answers, and the serving of requests (8-2 Annex D, Table
D.1)."""

from __future__ import annotations

import asyncio
import inspect
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias
from xml.etree.ElementTree import Element

from iec61850_model.mms.carrier import Carrier, carriers, is_request
from iec61850_model.mms.pdu import Payload
from iec61850_model.mms.xer import NS82, MalformedPdu, UnencodableValue, decode_payload, encode_payload
from iec61850_model.xmpp.connection import Connection
from iec61850_model.xmpp.errors import NotConnected, RequestTimeout, stanza_error
from iec61850_model.xmpp.markup import attribute, octets
from iec61850_model.xmpp.settings import normalized

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

_CLIENT = "{jabber:client}"
_IQ, _MESSAGE, _ERROR = f"{_CLIENT}iq", f"{_CLIENT}message", f"{_CLIENT}error"
_CONDITION = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
_DELAY = "{urn:xmpp:delay}delay"
_PAYLOAD = f"{{{NS82}}}"

Answers: TypeAlias = Iterable[Payload]
RequestHandler: TypeAlias = Callable[[str, Payload | MalformedPdu, int], Answers | Awaitable[Answers]]
MessageHandler: TypeAlias = Callable[[str, Payload], None]


class Channel:
    """The PDU traffic of one connection, both as the one who asks and as the one who serves.

    ``on_request(peer, payload, octets)`` gives what to answer, in this order: PDUs that travel as messages
    are sent as such, any other is the iq's result. It may return an awaitable. ``octets`` is the length of
    the received PDU. ``accepts(peer)`` says whom to serve and listen to; others get service-unavailable.
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
        self._send_message(normalized(peer), payload)

    def _send_message(self, peer: str, payload: Payload) -> None:
        body = encode_payload(payload)
        self._connection.send(
            f'<message type="normal" id="{self._next_id()}" to="{attribute(peer)}">{body}</message>'
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
            body = _payload_of(element)
            if body is None or self._on_request is None:
                return False
            self._take_request(element, sender, type_, body)
            return True
        if element.tag != _MESSAGE:
            return False
        if type_ == "error":
            return self._take_bounce(element, sender)
        body = _payload_of(element)
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
        body = _payload_of(element)
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
            if self._on_request is not None:
                self._serve(sender, None, decoded, octets(body))
        elif self._on_message is not None:
            self._on_message(sender, decoded)

    # --- serving ------------------------------------------------------------------------------------

    def _take_request(self, element: Element, sender: str, type_: str, body: Element) -> None:
        identity = element.get("id", "")
        if not self._accepts(sender):
            self._refuse(sender, identity, "cancel", "service-unavailable")
            return
        if len(element) != 1:
            # An iq carries one payload (RFC 6120, 8.2.3): of two there is no saying which one is meant.
            self._refuse(sender, identity, "modify", "bad-request")
            return
        decoded = _decoded(body)
        if isinstance(decoded, Payload) and not (
            is_request(decoded.pdu) and any(carrier == type_ for carrier in carriers(decoded.pdu))
        ):
            self._refuse(sender, identity, "modify", "bad-request")
            return
        self._serve(sender, identity, decoded, octets(body))

    def _serve(self, peer: str, identity: str | None, decoded: Payload | MalformedPdu, size: int) -> None:
        assert self._on_request is not None
        if len(self._serving) >= MAX_SERVED:
            self._refuse(peer, identity, "wait", "resource-constraint")
            return
        try:
            answers = self._on_request(peer, decoded, size)
        except Exception:
            self._failed(peer, identity)
            return
        if inspect.isawaitable(answers):
            task = asyncio.ensure_future(self._answer_later(peer, identity, answers))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        else:
            self._answer(peer, identity, answers)

    async def _answer_later(self, peer: str, identity: str | None, answers: Awaitable[Answers]) -> None:
        try:
            ready = await answers
        except Exception:
            self._failed(peer, identity)
            return
        self._answer(peer, identity, ready)

    def _answer(self, peer: str, identity: str | None, answers: Answers) -> None:
        """Send what is to be sent; an iq gets exactly one answer (RFC 6120, 8.2.3)."""
        open_iq = identity
        try:
            for payload in answers:
                if identity is None or carriers(payload.pdu)[0] is Carrier.MESSAGE:
                    self._send_message(peer, payload)
                elif open_iq is not None:
                    body = encode_payload(payload)
                    self._connection.send(
                        f'<iq type="result" id="{attribute(open_iq)}" to="{attribute(peer)}">{body}</iq>'
                    )
                    open_iq = None
                else:
                    log.error("a second answer to one iq of %s was dropped", peer)
        except UnencodableValue:
            log.exception("an answer to %s has no 8-2 form", peer)
        except NotConnected as lost:
            log.info("an answer to %s was dropped: %s", peer, lost)
            return
        if open_iq is not None:
            self._refuse(peer, open_iq, "cancel", "internal-server-error")

    def _failed(self, peer: str, identity: str | None) -> None:
        log.exception("a request of %s could not be served", peer)
        self._refuse(peer, identity, "cancel", "internal-server-error")

    def _refuse(self, peer: str, identity: str | None, type_: str, condition: str) -> None:
        if identity is None:
            return
        try:
            self._connection.send(
                f'<iq type="error" id="{attribute(identity)}" to="{attribute(peer)}"><error type="{type_}">'
                f'<{condition} xmlns="{_CONDITION[1:-1]}"/></error></iq>'
            )
        except NotConnected as lost:
            log.info("a refusal to %s was dropped: %s", peer, lost)


def _payload_of(element: Element) -> Element | None:
    for child in element:
        if child.tag.startswith(_PAYLOAD):
            return child
    return None


def _decoded(body: Element) -> Payload | MalformedPdu:
    try:
        return decode_payload(body)
    except MalformedPdu as malformed:
        return malformed
