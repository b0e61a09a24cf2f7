"""Questions other than PDUs, asked by iq (RFC 6120, 8.2.3), each with its answer."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from xml.etree.ElementTree import Element

from iec61850_model.xmpp.errors import NotConnected, RequestTimeout
from iec61850_model.xmpp.markup import attribute
from iec61850_model.xmpp.stanza import stanza_error

SECRET_OCTETS = 6
"""Randomness in our stanza ids: nobody else can guess them."""

_CLIENT = "{jabber:client}"


class Questions:
    """``send`` takes a finished stanza; hand incoming elements to ``take``, and say when the link is lost."""

    def __init__(self, send: Callable[[str], None]) -> None:
        self._send = send
        self._prefix = secrets.token_hex(SECRET_OCTETS)
        self._count = 0
        self._pending: dict[tuple[str, str], asyncio.Future[Sequence[Element]]] = {}

    async def ask(self, to: str, type_: str, inner: str, timeout: float) -> Sequence[Element]:
        """The children of the result. ``type_``: get or set; ``inner``: XML; ``timeout`` in seconds.

        Raises NotConnected, RequestTimeout, StanzaError.
        """
        self._count += 1
        key = (f"{self._prefix}-{self._count}", to)
        answer: asyncio.Future[Sequence[Element]] = asyncio.get_running_loop().create_future()
        self._pending[key] = answer
        try:
            self._send(f'<iq type="{type_}" id="{key[0]}" to="{attribute(to)}">{inner}</iq>')
            async with asyncio.timeout(timeout):
                return await answer
        except TimeoutError:
            raise RequestTimeout(f"no answer from {to} within {timeout:g} s") from None
        finally:
            del self._pending[key]

    def take(self, element: Element) -> bool:
        """A stanza came; whether it was an answer of ours."""
        if element.tag != f"{_CLIENT}iq" or element.get("type") not in ("result", "error"):
            return False
        waiting = self._pending.get((element.get("id", ""), element.get("from", "")))
        if waiting is None or waiting.done():
            return element.get("id", "").startswith(self._prefix)
        if element.get("type") == "error":
            waiting.set_exception(stanza_error(element))
        else:
            waiting.set_result(tuple(element))
        return True

    def lost(self, reason: str) -> None:
        """The link is gone: no answer will come."""
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(NotConnected(f"the link was lost ({reason}) before the answer"))
