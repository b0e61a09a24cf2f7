"""What an address lists: disco items, page by page (XEP-0030, XEP-0059)."""

from __future__ import annotations

import asyncio
import secrets
from xml.etree.ElementTree import Element

from iec61850_model.xmpp.channel import SECRET_OCTETS
from iec61850_model.xmpp.connection import Connection
from iec61850_model.xmpp.errors import NotConnected, RequestTimeout, StanzaError, XmppError
from iec61850_model.xmpp.markup import attribute
from iec61850_model.xmpp.settings import normalized
from iec61850_model.xmpp.stanza import stanza_error

PAGE = 500
"""Items asked for at once."""
MAX_ITEMS = 100_000
"""Items taken of one list; whoever gives more is not believed."""
ATTEMPTS = 3
"""How often a list is read that changes meanwhile."""
_ITEMS_NS = "http://jabber.org/protocol/disco#items"
_RSM_NS = "http://jabber.org/protocol/rsm"
_IQ = "{jabber:client}iq"
_QUERY, _ITEM, _LAST = f"{{{_ITEMS_NS}}}query", f"{{{_ITEMS_NS}}}item", f"{{{_RSM_NS}}}last"


class _LeftMeanwhile(StanzaError):
    """The last item of a page is no longer in the list (XEP-0059, 2.2)."""


class Items:
    """Asks for lists over a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._prefix = f"items-{secrets.token_hex(SECRET_OCTETS)}-"
        self._count = 0
        self._pending: dict[tuple[str, str], asyncio.Future[Element]] = {}
        connection.stanza_handlers.append(self._take)
        connection.on_offline.append(self._lost)

    async def of(self, address: str, timeout: float) -> list[str]:
        """The JIDs that ``address`` lists, all pages; read anew if it changes at the end of a page meanwhile.

        Raises StanzaError, RequestTimeout (after ``timeout`` seconds for one page), NotConnected, XmppError
        for a list without end.
        """
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._whole(address, timeout)
            except _LeftMeanwhile:
                continue
        return await self._whole(address, timeout)

    async def _whole(self, address: str, timeout: float) -> list[str]:
        found: dict[str, None] = {}
        after = ""
        while True:
            try:
                query = await self._page(normalized(address), after, timeout)
            except StanzaError as error:
                if after and error.condition == "item-not-found":
                    raise _LeftMeanwhile(error.condition, error.type) from error
                raise
            found |= dict.fromkeys(item.get("jid", "") for item in query.iter(_ITEM))
            last = query.find(f".//{_LAST}")
            if last is None or not last.text or last.text == after:
                return list(found)
            if len(found) > MAX_ITEMS:
                raise XmppError(f"{address} lists more than {MAX_ITEMS} items")
            after = last.text

    async def _page(self, address: str, after: str, timeout: float) -> Element:
        self._count += 1
        key = (f"{self._prefix}{self._count}", address)
        answer: asyncio.Future[Element] = asyncio.get_running_loop().create_future()
        self._pending[key] = answer
        behind = f"<after>{attribute(after)}</after>" if after else ""
        try:
            self._connection.send(
                f'<iq type="get" id="{key[0]}" to="{attribute(address)}"><query xmlns="{_ITEMS_NS}">'
                f'<set xmlns="{_RSM_NS}"><max>{PAGE}</max>{behind}</set></query></iq>'
            )
            async with asyncio.timeout(timeout):
                return await answer
        except TimeoutError:
            raise RequestTimeout(f"no answer from {address} within {timeout:g} s") from None
        finally:
            del self._pending[key]

    def _take(self, element: Element) -> bool:
        identity = element.get("id", "")
        if element.tag != _IQ or not identity.startswith(self._prefix):
            return False
        waiting = self._pending.get((identity, element.get("from", "")))
        if waiting is None or waiting.done():
            return True
        query = element.find(_QUERY)
        if element.get("type") == "result" and query is not None:
            waiting.set_result(query)
        else:
            waiting.set_exception(stanza_error(element))
        return True

    def _lost(self, reason: str) -> None:
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(NotConnected(f"the link was lost: {reason}"))
