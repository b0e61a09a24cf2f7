"""The way of a request to a group of heat pumps (DESIGN section 4, point to multipoint).

It travels as a message to ``<group id>@<hub domain>``, for an iq has one answer (RFC 6120, 8.2.3). Each
member is judged when its turn comes, as if it had been asked alone, and gets it as a message from the
provider's alias with the same id; its answer comes back as a message. Still nothing is remembered of what has
left.
"""

from __future__ import annotations

from hub.addresses import Jid
from hub.audit.entry import AuditKind
from hub.group_request import GroupRequest
from hub.judge import judge
from hub.listing import RouterWithLists
from hub.names import variable
from hub.needs import HISTORY_DEVICE
from hub.payloads import payload_in, speaks_82
from hub.router import UNREADABLE, Outcome, Routed, Way, asker
from hub.stanzas import Condition, Stanza, stanza
from iec61850_model.mms import xer
from iec61850_model.mms.carrier import Carrier, carriers, is_request
from iec61850_model.mms.pdu import (
    ConfirmedRequest,
    ObjectName,
    Pdu,
    ReadRequest,
    VariableList,
    VariableListName,
    WriteRequest,
)
from iec61850_model.values import FunctionalConstraint

FC = FunctionalConstraint
_FOR_ALL = frozenset({"Oper", "Cancel"})
"""What may be written of a control object for many: a selection is one client's with one device."""


class RouterWithGroups(RouterWithLists):
    """The router's rules, and those for groups before them."""

    def route(self, incoming: Stanza, now: float) -> Routed:
        """Decide on an iq or a message. ``now``: seconds since 1970 UTC."""
        asks = incoming.kind == "message" and incoming.type in ("", "normal") and "/" not in incoming.to
        if asks and speaks_82(incoming):
            sender, to = Jid.parse(incoming.sender), Jid.parse(incoming.to)
            if to.local and self.roster.heat_pump_of_box(sender.bare) is None:
                return self._to_group(incoming, sender, to, now)
        return super().route(incoming, now)

    # --- requests -----------------------------------------------------------------------------------

    def _to_group(self, incoming: Stanza, sender: Jid, to: Jid, now: float) -> Routed:
        provider = self.roster.provider_of_jid(sender.bare)
        provider_id = provider.id if provider else ""
        way = Way(incoming, now, provider_id, asker(incoming, provider), to.local)
        try:
            carried = _request_in(incoming)
        except xer.MalformedPdu as malformed:
            return way.refuse(Condition.BAD_REQUEST, UNREADABLE, str(malformed))
        members = self.roster.reached(provider_id, to.local, now)
        if not members:
            judged = judge(carried.pdu, (), now)
            return way.refuse(Condition.ITEM_NOT_FOUND, judged, "no such group, or no grant for any in it")
        return Routed(
            Outcome.SPREAD,
            group=GroupRequest(
                incoming.sender,
                self.addresses.alias(provider_id, sender.resource),
                incoming.id,
                provider_id,
                members,
                carried.pdu,
                carried.xml,
                now,
            ),
            heat_pump=to.local,
            provider=provider_id,
        )

    def for_member(self, asked: GroupRequest, member: str, now: float) -> tuple[Stanza, Routed] | None:
        """A group's request as if ``member`` had been asked alone, and what to do with it.

        None: the provider holds no grant for it (any more), so it is not spoken of.
        """
        account = self.roster.provider_of_jid(asked.sender.partition("/")[0])
        if account is None or account.id != asked.provider:
            return None  # shut out meanwhile
        grants = self.roster.grants(asked.provider, member, now)
        known = self.roster.heat_pumps.get(member)
        if not grants or known is None:
            return None
        slots = self.roster.slots(member)
        key = (self.roster.revision, tuple([(grant.key, slots.get(grant.key, 0)) for grant in grants]))
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


def _request_in(incoming: Stanza) -> xer.Carried:
    """The request that a message to a group carries; raises MalformedPdu."""
    if not incoming.id:
        raise xer.MalformedPdu("a message with an id is wanted: its answers have the same")
    carried = payload_in(incoming)
    if not is_request(carried.pdu) or Carrier.MESSAGE not in carriers(carried.pdu):
        raise xer.MalformedPdu("this PDU does not travel in a message to a group")
    if carried.payload.association is not None:
        raise xer.MalformedPdu("an association is with one heat pump, not with a group")
    if not _for_many(carried.pdu):
        raise xer.MalformedPdu("to a group: reading, direct operate, cancel, and writing of settings only")
    return carried


def _for_many(pdu: Pdu) -> bool:
    """Nothing in it needs an association, which is with one: no selection, block or data set of one's own.

    The history of many at once would be a flood, and it is the collector's to answer.
    """
    match pdu:
        case ConfirmedRequest(_, ReadRequest(VariableListName(name))):
            return not name.aa_specific and name.domain != HISTORY_DEVICE
        case ConfirmedRequest(_, ReadRequest(VariableList(names))):
            return all(_fc(name) is not FC.CO and name.domain != HISTORY_DEVICE for name in names)
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
