"""What the hub and its addresses are, and what they list (XEP-0030), page by page (XEP-0059).

At the hub's own address everybody is told what he may know of and nothing else: a provider the heat pumps and
groups that he holds a grant for, an owner what is his, an operator all. A list may be empty. At a heat pump's
or a group's address whoever holds no grant is answered as if nobody had that name.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

from hub.addresses import HEAT_PUMP_RESOURCE, Jid
from hub.history_way import RouterWithHistory
from hub.router import PING_NS, Outcome, Routed, refuse
from hub.stanzas import Condition, Stanza, escape, stanza
from iec61850_model.mms import xer

INFO_NS = "http://jabber.org/protocol/disco#info"
ITEMS_NS = "http://jabber.org/protocol/disco#items"
RSM_NS = "http://jabber.org/protocol/rsm"
MAX_PAGE = 500
"""Items told in one stanza: some 30 kB; with the longest ids and domain 175 kB, which servers still take."""

_INFO, _ITEMS = f"{{{INFO_NS}}}query", f"{{{ITEMS_NS}}}query"
_SET, _MAX, _AFTER, _BEFORE, _INDEX = (
    f"{{{RSM_NS}}}{name}" for name in ("set", "max", "after", "before", "index")
)
_HUB = ("component", "generic", "Heat pump hub", (INFO_NS, ITEMS_NS, RSM_NS, PING_NS))
_HEAT_PUMP = ("hierarchy", "leaf", "Heat pump", (INFO_NS, xer.NS82))
_GROUP = ("hierarchy", "branch", "Heat pump group", (INFO_NS, ITEMS_NS, RSM_NS, xer.NS82))


class Page(NamedTuple):
    """What part of a list is asked for: the items after or before one (empty: the last ones), or from an
    index on.
    """

    most: int = MAX_PAGE
    after: str = ""
    before: str | None = None
    start: int = 0


class BadPage(Exception):
    """It is not asked for as XEP-0059 says."""


class NoSuchItem(Exception):
    """The list has no such item, or not so many (XEP-0059, 2.2 and 2.6)."""


class RouterWithLists(RouterWithHistory):
    """The router's rules, and those for service discovery before them."""

    def route(self, incoming: Stanza, now: float) -> Routed:
        """Decide on an iq or a message. ``now``: seconds since 1970 UTC."""
        asks = incoming.type == "get" and incoming.kind == "iq" and bool(incoming.sender)
        if asks and len(incoming.children) == 1:
            tag = incoming.children[0].tag
            if tag in (_INFO, _ITEMS) and self.roster.heat_pump_of_box(_bare(incoming)) is None:
                listed = (self._items if tag == _ITEMS else self._info)(incoming, Jid.parse(incoming.to), now)
                if listed is not None:
                    return listed
        return super().route(incoming, now)

    def list_for(self, incoming: Stanza, owned: Collection[str], operator: bool) -> str:
        """The answer to a person who asks the hub for what it lists, and owns these heat pumps now."""
        known = self.roster.everything() if operator else sorted(self.roster.heat_pumps.keys() & set(owned))
        return self._listed(incoming, known, self._address).xml

    # --- what there is ------------------------------------------------------------------------------

    def _items(self, incoming: Stanza, to: Jid, now: float) -> Routed | None:
        if to.resource or not (to.local or self._is_hub(incoming)):
            return None
        provider = self.roster.provider_of_jid(_bare(incoming))
        id_ = provider.id if provider else ""
        if to.local:
            members = self.roster.reached(id_, to.local, now)
            return self._listed(incoming, members, self.addresses.heat_pump, absent=not members)
        if provider is None and not _wrong(incoming):
            return Routed(Outcome.LOOKED_UP, lookup=incoming)
        return self._listed(incoming, self.roster.seen(id_, now), self._address)

    def _listed(
        self, incoming: Stanza, ids: Sequence[str], address: Callable[[str], str], *, absent: bool = False
    ) -> Routed:
        """One page. ``absent``: there is no such list for him, however he asks."""
        (query,) = incoming.children
        try:
            page = page_in(query)
            if absent or "node" in query.attrib:
                raise NoSuchItem
            start, shown = part_of(ids, page)
        except BadPage as bad:
            return refuse(incoming, Condition.BAD_REQUEST, str(bad))
        except NoSuchItem:
            return refuse(incoming, Condition.ITEM_NOT_FOUND, "no such list, or no such item in it")
        items = "".join([f'<item jid="{escape(address(one))}"/>' for one in shown])
        ends = f'<first index="{start}">{shown[0]}</first><last>{shown[-1]}</last>' if shown else ""
        count = f'<set xmlns="{RSM_NS}">{ends}<count>{len(ids)}</count></set>'
        return _answered(incoming, f'<query xmlns="{ITEMS_NS}">{items}{count}</query>')

    def _is_hub(self, incoming: Stanza) -> bool:
        return incoming.to == self.addresses.domain

    def _address(self, id_: str) -> str:
        """A heat pump is reached at a full JID, a group at a bare one: that tells them apart."""
        if id_ in self.roster.heat_pumps:
            return self.addresses.heat_pump(id_)
        return self.addresses.heat_pump_bare(id_)

    # --- what it is ---------------------------------------------------------------------------------

    def _info(self, incoming: Stanza, to: Jid, now: float) -> Routed | None:
        (query,) = incoming.children
        if "node" in query.attrib or to.resource not in ("", HEAT_PUMP_RESOURCE):
            return None
        if self._is_hub(incoming):
            return _described(incoming, *_HUB)
        provider = self.roster.provider_of_jid(_bare(incoming))
        if provider is None:
            return None
        if self.roster.grants(provider.id, to.local, now):
            return _described(incoming, *_HEAT_PUMP)
        if not to.resource and self.roster.reached(provider.id, to.local, now):
            return _described(incoming, *_GROUP)
        return None


def part_of(ids: Sequence[str], page: Page) -> tuple[int, Sequence[str]]:
    """A page of ``ids``, which are in order, and the index of its first; raises NoSuchItem."""
    if page.after:
        start = _place(ids, page.after) + 1
    elif page.before is not None:
        end = _place(ids, page.before) if page.before else len(ids)
        start = max(0, end - page.most)
        return start, ids[start:end]
    else:
        start = page.start
        if start and start >= len(ids):
            raise NoSuchItem
    return start, ids[start : start + page.most]


def page_in(query: Element) -> Page:
    """What part of a list a disco query asks for; raises BadPage."""
    sets = list(query)
    if not sets:
        return Page()
    if len(sets) != 1 or sets[0].tag != _SET:
        raise BadPage("a list is asked for as XEP-0030 and XEP-0059 say")
    parts = {one.tag: one.text or "" for one in sets[0]}
    begins = parts.keys() - {_MAX}
    if len(parts) != len(sets[0]) or len(begins) > 1 or not begins <= {_AFTER, _BEFORE, _INDEX}:
        raise BadPage("a page has a max, and is after or before an item or begins at an index")
    most = _number(parts.get(_MAX, str(MAX_PAGE)))
    index = _number(parts.get(_INDEX, "0"))
    return Page(min(most, MAX_PAGE), parts.get(_AFTER, ""), parts.get(_BEFORE), index)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadPage("max and index are numbers")
    return int(text)


def _place(ids: Sequence[str], id_: str) -> int:
    """Where an item is; raises NoSuchItem: what others have is not in the list, so it is not told apart."""
    at = bisect_left(ids, id_)
    if at == len(ids) or ids[at] != id_:
        raise NoSuchItem
    return at


def _wrong(incoming: Stanza) -> bool:
    """What can never be answered by a list is not looked up."""
    (query,) = incoming.children
    try:
        page_in(query)
    except BadPage:
        return True
    return "node" in query.attrib


def _described(incoming: Stanza, category: str, type_: str, name: str, features: Sequence[str]) -> Routed:
    identity = f'<identity category="{category}" type="{type_}" name="{name}"/>'
    listed = "".join([f'<feature var="{one}"/>' for one in features])
    return _answered(incoming, f'<query xmlns="{INFO_NS}">{identity}{listed}</query>')


def _answered(incoming: Stanza, inner: str) -> Routed:
    xml = stanza("iq", "result", incoming.id, incoming.to, incoming.sender, inner)
    return Routed(Outcome.ANSWERED, xml)


def _bare(incoming: Stanza) -> str:
    return incoming.sender.partition("/")[0]
