"""The way back from the collector, which answers for ``HIST`` of every heat pump (DESIGN section 8).

There a request goes as to the box, by the same judgement (``hub/router.py``), but to
``hp0042@history.<hub>/IEC``. What comes from there looks to the provider as if the heat pump had said it.
That the sender is the collector the XMPP server has seen to: the domain is that of a component with a secret
of its own.
"""

from __future__ import annotations

from hub.addresses import HEAT_PUMP_RESOURCE, Jid, full
from hub.roster import Right
from hub.router import Outcome, Routed, Router, Way, said_in
from hub.stanzas import Stanza, error, stanza


class RouterWithHistory(Router):
    """The rules for single heat pumps, and those for what the collector answers in their name."""

    def _answer_of_no_box(self, incoming: Stanza, to: Jid, now: float) -> Routed:
        """Only answers come from there, and only to who may read the history now."""
        sender = Jid.parse(incoming.sender)
        if incoming.kind != "iq" or sender.domain != self.addresses.collector:
            return super()._answer_of_no_box(incoming, to, now)
        provider = self.roster.providers.get(to.local)
        if provider is None or sender.resource != HEAT_PUMP_RESOURCE:
            return Routed(Outcome.DROPPED, reason="history that nobody asked for")
        grants = self.roster.grants(provider.id, sender.local, now)
        if not any(Right.HISTORY in grant.rights for grant in grants):
            return Routed(Outcome.DROPPED, reason="the provider holds no grant to the history")
        target, public = full(provider.jid, to.resource), self.addresses.heat_pump(sender.local)
        way = Way(incoming, now, provider.id, target, sender.local)
        said = said_in(incoming)
        if said.condition is None:
            xml = stanza("iq", "result", incoming.id, public, target, said.inner)
        else:
            xml = error("iq", incoming.id, public, target, said.condition)
        return way.forward(xml, "")
