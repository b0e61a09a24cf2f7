"""The way between operations and the boxes: it speaks in providers' aliases (DESIGN sections 3 and 4).

From ``ops.<hub>/agg7`` to a heat pump's public address a request leaves as from ``agg7@hub/~ops``, from
``ops.<hub>`` itself as from ``ops@hub/~ops``; what the box says to these goes back to operations. Both are
computed from the addresses, as all else the router does. That the sender is operations the XMPP server has
seen to: the domain is that of a component with a secret of its own. No provider may use a resource that
begins with ``~``, so no other stanza looks to a box as if operations had sent it.
"""

from __future__ import annotations

from hub.addresses import HEAT_PUMP_RESOURCE, OPERATIONS, OPERATIONS_RESOURCE, RESERVED, Jid, full
from hub.audit.entry import AuditEntry, AuditKind
from hub.group_way import RouterWithGroups
from hub.judge import Judgement
from hub.payloads import request_in
from hub.roster import HeatPump
from hub.router import ANSWERS, Outcome, Routed, Way, refuse, said_in
from hub.sayings import LAST_ERROR
from hub.stanzas import Condition, Stanza, error, stanza
from hub.wording import STEERING, describe
from iec61850_model.mms import xer

_NOTHING = Judgement(True, "")
WITHDRAWAL = "Withdraw"
"""What the audit calls it when a box is told that a provider's grant has ended."""


class RouterWithOperations(RouterWithGroups):
    """All the rules of a router: those for operations before those for groups and for single heat pumps."""

    def route(self, incoming: Stanza, now: float) -> Routed:
        """Decide on an iq, a message, or a presence of operations. ``now``: seconds since 1970 UTC."""
        if self.of_operations(incoming):
            return self._from_operations(incoming, now)
        bare, _, resource = incoming.sender.partition("/")
        if incoming.to.partition("/")[2].startswith(RESERVED):
            box_of = self.roster.heat_pump_of_box(bare) or self.roster.leaving_of_box(bare)
            if box_of is not None:
                return self._to_operations(incoming, resource, box_of, now)
        if resource.startswith(RESERVED) and self.roster.heat_pump_of_box(bare) is None:
            return refuse(incoming, Condition.NOT_ALLOWED, f"resources with {RESERVED} are kept for the hub")
        return super().route(incoming, now)

    def of_operations(self, incoming: Stanza) -> bool:
        """Operations has sent it."""
        return incoming.sender.partition("/")[0] == self.addresses.operations

    # --- operations to box ------------------------------------------------------------------------

    def _from_operations(self, incoming: Stanza, now: float) -> Routed:
        sender, to = Jid.parse(incoming.sender), Jid.parse(incoming.to)
        if incoming.type in ANSWERS or incoming.kind == "message":
            return Routed(Outcome.DROPPED, reason="operations asks only")
        box = self.roster.box_of(to.local)
        way = self._way(incoming, sender.resource, to.local, box or "", now)
        if box is None or to.resource != HEAT_PUMP_RESOURCE:
            return way.refuse(Condition.ITEM_NOT_FOUND, _NOTHING, "there is no such heat pump")
        if incoming.kind == "presence":
            return self._withdraw(incoming, sender.resource, box, way)
        try:
            carried = request_in(incoming)
        except xer.MalformedPdu as malformed:
            return way.refuse(Condition.BAD_REQUEST, _NOTHING, str(malformed))
        service, references, detail = describe(carried.pdu)
        xml = stanza(
            "iq",
            incoming.type,
            incoming.id,
            self.addresses.operations_alias(sender.resource),
            self.addresses.box(box),
            carried.xml,
        )
        if service not in STEERING:
            return way.forward(xml, service)
        audit = self._entry(way, service, references, detail)
        return way.forward(xml, service, audit, incoming)

    def _withdraw(self, incoming: Stanza, provider: str, box: str, way: Way) -> Routed:
        if incoming.type != "unavailable" or not provider:
            return way.refuse(Condition.BAD_REQUEST, _NOTHING, "boxes are told only that a provider is gone")
        alias, to = self.addresses.withdrawn_alias(provider), self.addresses.box(box)
        xml = stanza("presence", "unavailable", incoming.id, alias, to)
        audit = self._entry(way, WITHDRAWAL, (), "pending commands of this provider are to end")
        return way.forward(xml, WITHDRAWAL, audit, incoming)

    # --- box to operations ------------------------------------------------------------------------

    def _to_operations(self, incoming: Stanza, resource: str, heat_pump: HeatPump, now: float) -> Routed:
        """What answers a request, and why a command was refused (LastApplError); operations reads no reports,
        and believes none.
        """
        to = Jid.parse(incoming.to)
        if to.resource != OPERATIONS_RESOURCE or not to.local:
            return refuse(incoming, Condition.ITEM_NOT_FOUND, "an alias that nobody has")
        answers = incoming.kind == "iq" and incoming.type in ANSWERS
        explains = incoming.kind == "message" and incoming.type in ("", "normal")
        if not (answers or explains) or resource != HEAT_PUMP_RESOURCE:
            return refuse(incoming, Condition.SERVICE_UNAVAILABLE, "operations takes answers only")
        provider = "" if to.local == OPERATIONS else to.local
        way = self._way(incoming, provider, heat_pump.id, heat_pump.box, now)
        told = said_in(incoming)
        if explains and told.saying.service != LAST_ERROR:
            return refuse(incoming, Condition.SERVICE_UNAVAILABLE, "operations takes no reports")
        target = full(self.addresses.operations, provider)
        public = self.addresses.heat_pump(heat_pump.id)
        if told.condition is None:
            xml = stanza(incoming.kind, incoming.type, incoming.id, public, target, told.inner)
        else:
            xml = error("iq", incoming.id, public, target, told.condition)
        named = way._replace(provider=provider or OPERATIONS)
        heard = Judgement(True, told.saying.service, told.saying.references)
        audit = named.entry(AuditKind.RESULT, heard, told.result) if told.result else None
        return way.forward(xml, "", audit)

    def _way(self, incoming: Stanza, provider: str, heat_pump: str, box: str, now: float) -> Way:
        """As of a provider called ops: what operations asks for is not counted as another's."""
        asker = full(self.addresses.operations, provider)
        return Way(incoming, now, OPERATIONS, asker, heat_pump, box)

    @staticmethod
    def _entry(way: Way, service: str, references: tuple[str, ...], detail: str) -> AuditEntry:
        """In the audit it is among what concerns the provider; who asked shows in the address."""
        named = way._replace(provider=Jid.parse(way.provider_jid).resource or OPERATIONS)
        return named.entry(AuditKind.REQUEST, Judgement(True, service, references), detail)
