"""Is a component still there? Nobody tells when one goes (measured): who must know asks (XEP-0199)."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from xml.etree.ElementTree import Element

from iec61850_model.xmpp.connection import Connection
from iec61850_model.xmpp.errors import NotConnected
from iec61850_model.xmpp.markup import attribute

log = logging.getLogger(__name__)

ASK_EVERY = 8.0
"""Seconds between two questions, and for an answer: that a component is gone is known within 16 s."""
_IQ = "{jabber:client}iq"
_CONDITION = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
_THERE = frozenset({f"{_CONDITION}resource-constraint", f"{_CONDITION}feature-not-implemented"})
"""Errors that only the component itself gives; all others may be its server's."""


class Aliveness:
    """Asks a component again and again while we are online.

    ``on_gone()`` is called when it does not answer any more, ``on_back()`` when it answers again.
    """

    def __init__(
        self,
        connection: Connection,
        component: str,
        *,
        on_gone: Callable[[], None],
        on_back: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._component = component
        self._on_gone = on_gone
        self._on_back = on_back
        self._prefix = f"alive-{secrets.token_hex(6)}-"
        self._count = 0
        self._answered = True
        self._there = True
        self._next: asyncio.TimerHandle | None = None
        connection.on_online.append(self._online)
        connection.on_offline.append(lambda reason: self._stop())
        connection.stanza_handlers.append(self._take)

    def _online(self) -> None:
        self._stop()
        self._there = self._answered = True
        self._again()

    def _stop(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _again(self) -> None:
        self._next = asyncio.get_running_loop().call_later(ASK_EVERY, self._ask)

    def _ask(self) -> None:
        if not self._answered:
            self._is(there=False)
        self._count += 1
        self._answered = False
        try:
            self._connection.send(
                f'<iq type="get" id="{self._prefix}{self._count}" to="{attribute(self._component)}">'
                '<ping xmlns="urn:xmpp:ping"/></iq>'
            )
        except NotConnected as lost:
            log.info("%s was not asked whether it is there: %s", self._component, lost)
            return
        self._again()

    def _take(self, element: Element) -> bool:
        identity = element.get("id", "")
        if element.tag != _IQ or element.get("type") not in ("result", "error"):
            return False
        if not identity.startswith(self._prefix) or element.get("from") != self._component:
            return False
        if identity == f"{self._prefix}{self._count}":
            self._answered = True
            self._is(
                there=element.get("type") == "result" or any(one.tag in _THERE for one in element.iter())
            )
        return True

    def _is(self, *, there: bool) -> None:
        if there is self._there:
            return
        self._there = there
        (self._on_back if there else self._on_gone)()
