"""The way of a request to a group of heat pumps (DESIGN section 4, point to multipoint).

It travels as a message to ``<group id>@<hub domain>``, for an iq has one answer (RFC 6120, 8.2.3). Each
member is judged when its turn comes, as if it had been asked alone, and gets it as a message from the
provider's alias with the same id; its answer comes back as a message. Still nothing is remembered of what has
left.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple
from xml.etree.ElementTree import Element

from hub.addresses import Jid
from hub.audit.entry import AuditKind
from hub.group_request import GroupRequest
from hub.judge import judge
from hub.names import variable
from hub.router import ANSWERS, UNREADABLE, Outcome, Routed, Router, Way, asker, payload_in, refuse
from hub.stanzas import Condition, Stanza, escape, stanza
from iec61850_model.mms import xer
from iec61850_model.mms.carrier import Carrier, carriers, is_request
from iec61850_model.mms.pdu import (
    ConfirmedRequest,
    ObjectName,
    Payload,
    Pdu,
    ReadRequest,
    VariableList,
    VariableListName,
    WriteRequest,
)
from iec61850_model.values import FunctionalConstraint

ITEMS_NS = "http://jabber.org/protocol/disco#items"
RSM_NS = "http://jabber.org/protocol/rsm"
MAX_PAGE = 500
"""Members of a group told in one stanza: some 30 kB, half of what servers take."""

FC = FunctionalConstraint
_ITEMS = f"{{{ITEMS_NS}}}query"
_SET, _MAX, _AFTER = (f"{{{RSM_NS}}}{name}" for name in ("set", "max", "after"))
_IN_NS82 = f"{{{xer.NS82}}}"
_FOR_ALL = frozenset({"Oper", "Cancel"})
"""What may be written of a control object for many: a selection is one client's with one device."""


class _Page(NamedTuple):
    """What part of a list is asked for (XEP-0059)."""

    most: int = MAX_PAGE
    after: str = ""


class _BadPage(Exception):
    """It is not asked for as XEP-0059 says, or not from the beginning on."""


class RouterWithGroups(Router):
    """The router's rules, and those for groups before them."""

    def route(self, incoming: Stanza, now: float) -> Routed:
        """Decide on an iq or a message. ``now``: seconds since 1970 UTC."""
        if "/" not in incoming.to and incoming.type not in ANSWERS:
            sender, to = Jid.parse(incoming.sender), Jid.parse(incoming.to)
            if to.local and self.roster.heat_pump_of_box(sender.bare) is None:
                if incoming.kind == "message" and _speaks_82(incoming):
                    return self._to_group(incoming, sender, to, now)
                if incoming.type == "get" and [one.tag for one in incoming.children] == [_ITEMS]:
                    return self._items(incoming, sender, to, now)
        return super().route(incoming, now)

    # --- requests -----------------------------------------------------------------------------------

    def _to_group(self, incoming: Stanza, sender: Jid, to: Jid, now: float) -> Routed:
        provider = self.roster.provider_of_jid(sender.bare)
        provider_id = provider.id if provider else ""
        way = Way(incoming, now, provider_id, asker(incoming, provider), to.local)
        try:
            payload = _request_in(incoming)
        except xer.MalformedPdu as malformed:
            return way.refuse(Condition.BAD_REQUEST, UNREADABLE, str(malformed))
        members = self.roster.reached(provider_id, to.local, now)
        if not members:
            judged = judge(payload.pdu, (), now)
            return way.refuse(Condition.ITEM_NOT_FOUND, judged, "no such group, or no grant for any in it")
        return Routed(
            Outcome.SPREAD,
            group=GroupRequest(
                incoming.sender,
                self.addresses.alias(provider_id, sender.resource),
                incoming.id,
                provider_id,
                members,
                payload.pdu,
                xer.encode_payload(payload),
                now,
            ),
            heat_pump=to.local,
            provider=provider_id,
        )

    def for_member(self, asked: GroupRequest, member: str, now: float) -> tuple[Stanza, Routed] | None:
        """A group's request as if ``member`` had been asked alone, and what to do with it.

        None: the provider holds no grant for it (any more), so it is not spoken of.
        """
        grants = self.roster.grants(asked.provider, member, now)
        known = self.roster.heat_pumps.get(member)
        if not grants or known is None:
            return None
        slots = self.roster.slots(member)
        key = tuple([(grant.key, slots.get(grant.key, 0)) for grant in grants])
        judged = asked.judged.get(key)
        if judged is None:
            judged = asked.judged[key] = judge(asked.pdu, grants, now, slots)
        alone = Stanza("message", "", asked.id, asked.sender, self.addresses.heat_pump(member))
        way = Way(alone, now, asked.provider, asked.sender, member, known.box)
        if not judged.allowed:
            return alone, way.refuse(Condition.FORBIDDEN, judged, judged.reason)
        xml = stanza("message", "normal", asked.id, asked.alias, self.addresses.box(known.box), asked.inner)
        if not judged.steers:
            return alone, way.forward(xml, judged.service)
        audit = way.entry(AuditKind.REQUEST, judged, judged.detail)
        return alone, way.forward(xml, judged.service, audit, alone)

    # --- who is in it -------------------------------------------------------------------------------

    def _items(self, incoming: Stanza, sender: Jid, to: Jid, now: float) -> Routed:
        """The members that the provider may address, page by page (XEP-0030, XEP-0059)."""
        (query,) = incoming.children
        try:
            page = _page_in(query)
        except _BadPage as bad:
            return refuse(incoming, Condition.BAD_REQUEST, str(bad))
        provider = self.roster.provider_of_jid(sender.bare)
        members = self.roster.reached(provider.id if provider else "", to.local, now)
        if not members or "node" in query.attrib:
            return refuse(incoming, Condition.ITEM_NOT_FOUND, "no such group, or no grant for any in it")
        start = bisect_right(members, page.after)
        shown = members[start : start + page.most]
        items = "".join(f'<item jid="{escape(self.addresses.heat_pump(one))}"/>' for one in shown)
        ends = f'<first index="{start}">{shown[0]}</first><last>{shown[-1]}</last>' if shown else ""
        count = f'<set xmlns="{RSM_NS}">{ends}<count>{len(members)}</count></set>'
        inner = f'<query xmlns="{ITEMS_NS}">{items}{count}</query>'
        return Routed(
            Outcome.ANSWERED, stanza("iq", "result", incoming.id, incoming.to, incoming.sender, inner)
        )


def _speaks_82(incoming: Stanza) -> bool:
    return incoming.type in ("", "normal") and any(one.tag.startswith(_IN_NS82) for one in incoming.children)


def _request_in(incoming: Stanza) -> Payload:
    """The request that a message to a group carries; raises MalformedPdu."""
    if not incoming.id:
        raise xer.MalformedPdu("a message with an id is wanted: its answers have the same")
    payload = payload_in(incoming)
    if not is_request(payload.pdu) or Carrier.MESSAGE not in carriers(payload.pdu):
        raise xer.MalformedPdu("this PDU does not travel in a message to a group")
    if payload.association is not None:
        raise xer.MalformedPdu("an association is with one heat pump, not with a group")
    if not _for_many(payload.pdu):
        raise xer.MalformedPdu("to a group: reading, direct operate, cancel, and writing of settings only")
    return payload


def _for_many(pdu: Pdu) -> bool:
    """Nothing in it needs an association, which is with one: no selection, block or data set of one's own."""
    match pdu:
        case ConfirmedRequest(_, ReadRequest(VariableListName(name))):
            return not name.aa_specific
        case ConfirmedRequest(_, ReadRequest(VariableList(names))):
            return all(_fc(name) is not FC.CO for name in names)
        case ConfirmedRequest(_, WriteRequest(VariableList(names))):
            return all(_written_for_many(name) for name in names)
    return False


def _written_for_many(name: ObjectName) -> bool:
    fc = _fc(name)
    if fc is FC.CO:
        return name.item.rpartition("$")[2] in _FOR_ALL
    return fc not in (FC.BR, FC.RP, FC.LG)


def _fc(name: ObjectName) -> FunctionalConstraint | None:
    parsed = variable(name.domain or "", name.item)
    return parsed[0].fc if parsed else None


def _page_in(query: Element) -> _Page:
    """Raises _BadPage."""
    sets = list(query)
    if not sets:
        return _Page()
    if len(sets) != 1 or sets[0].tag != _SET:
        raise _BadPage("a list of members is asked for as XEP-0030 and XEP-0059 say")
    parts = {one.tag: one.text or "" for one in sets[0]}
    if not parts.keys() <= {_MAX, _AFTER}:
        raise _BadPage("a list of members is read from its beginning on")
    most = parts.get(_MAX, str(MAX_PAGE))
    if not (most.isascii() and most.isdigit() and len(most) < 10):
        raise _BadPage("max is a number")
    return _Page(min(int(most), MAX_PAGE), parts.get(_AFTER, ""))
