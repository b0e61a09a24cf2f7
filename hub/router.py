"""The router: a stanza in, a stanza, a refusal or nothing out (DESIGN sections 3 and 4).

Pure and without state per request. It decodes strictly and builds anew what it passes on: only the PDU and
the association context that were judged.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple

from hub.addresses import HEAT_PUMP_RESOURCE, NOBODY, Addresses, Jid, full
from hub.audit.entry import AuditEntry, AuditKind
from hub.group_request import GroupRequest
from hub.judge import Judgement, judge, permitted
from hub.payloads import payload_in, request_in, speaks_82
from hub.roster import HeatPump, Provider, Roster, domain_of
from hub.sayings import Saying, saying
from hub.stanzas import Condition, Stanza, error, stanza
from iec61850_model.mms import xer
from iec61850_model.mms.carrier import Carrier, carriers, is_request
from iec61850_model.mms.pdu import ConfirmedError, ConfirmedResponse

PING_NS = "urn:xmpp:ping"
ANSWERS = ("result", "error")


class Outcome(enum.StrEnum):
    """What became of a stanza."""

    FORWARDED = "forwarded"
    REFUSED = "refused"
    ANSWERED = "answered"
    DROPPED = "dropped"
    SPREAD = "spread"
    """A request to a group: it goes to one member after the other."""
    LOOKED_UP = "looked up"
    """It is answered when the registry has said what is the sender's."""


class Routed(NamedTuple):
    """What to do with a stanza: first write ``audit``, then send ``xml``.

    ``request``: the one that must not be passed on without audit. The rest is for the log.
    """

    outcome: Outcome
    xml: str = ""
    audit: AuditEntry | None = None
    request: Stanza | None = None
    reason: str = ""
    service: str = ""
    heat_pump: str = ""
    provider: str = ""
    group: GroupRequest | None = None
    lookup: Stanza | None = None

    @property
    def instead(self) -> str:
        """What is sent if the audit cannot be written."""
        return self.xml if self.request is None else error_to(self.request, Condition.RESOURCE_CONSTRAINT)


class Way(NamedTuple):
    """A stanza on its way between a provider's session and a heat pump."""

    incoming: Stanza
    now: float
    provider: str
    provider_jid: str
    heat_pump: str
    box: str = ""

    def entry(self, kind: AuditKind, judged: Judgement, detail: str) -> AuditEntry:
        incoming, now, provider, provider_jid, heat_pump, box = self
        return AuditEntry(
            now, kind, provider, provider_jid, heat_pump, box,
            incoming.id, judged.service, judged.references, detail,
        )  # fmt: skip

    def forward(
        self, xml: str, service: str, audit: AuditEntry | None = None, request: Stanza | None = None
    ) -> Routed:
        return Routed(
            Outcome.FORWARDED,
            xml,
            audit,
            request,
            service=service,
            heat_pump=self.heat_pump,
            provider=self.provider,
        )

    def refuse(self, condition: Condition, judged: Judgement, reason: str) -> Routed:
        xml = error_to(self.incoming, condition)
        return Routed(
            Outcome.REFUSED,
            xml,
            self.entry(AuditKind.REFUSAL, judged, f"{condition}: {reason}"),
            reason=reason,
            service=judged.service,
            heat_pump=self.heat_pump,
            provider=self.provider,
        )


@dataclass(slots=True)
class Router:
    """The rules, for one hub domain and one roster."""

    addresses: Addresses
    roster: Roster

    def route(self, incoming: Stanza, now: float) -> Routed:
        """Decide on an iq or a message. ``now``: seconds since 1970 UTC."""
        sender, to = incoming.sender.partition("/"), Jid.parse(incoming.to)
        heat_pump = self.roster.heat_pump_of_box(sender[0])
        if heat_pump is not None:
            return self._from_box(incoming, sender[2], to, heat_pump, now)
        if incoming.kind == "message":
            return self._message_from_provider(incoming, to, now)
        if incoming.type in ANSWERS:
            return self._answer_of_no_box(incoming, to, now)
        if not to.local:
            return _answer_hub(incoming)
        return self._request(incoming, to, now)

    # --- provider to heat pump --------------------------------------------------------------------

    def _request(self, incoming: Stanza, to: Jid, now: float) -> Routed:
        if not speaks_82(incoming):
            condition = Condition.SERVICE_UNAVAILABLE if incoming.children else Condition.BAD_REQUEST
            return refuse(incoming, condition, "a heat pump offers the services of 8-2 only")
        bare, _, resource = incoming.sender.partition("/")
        provider = self.roster.provider_of_jid(bare)
        provider_id = provider.id if provider else ""
        grants = self.roster.grants(provider_id, to.local, now)
        box = self.roster.heat_pumps[to.local].box if grants else ""
        way = Way(incoming, now, provider_id, asker(incoming, provider), to.local, box)
        try:
            carried = request_in(incoming)
        except xer.MalformedPdu as malformed:
            return way.refuse(Condition.BAD_REQUEST, UNREADABLE, str(malformed))
        judged = judge(carried.pdu, grants, now, self.roster.slots(to.local))
        if not grants or to.resource != HEAT_PUMP_RESOURCE:
            return way.refuse(Condition.ITEM_NOT_FOUND, judged, "no grant")
        if not judged.allowed:
            return way.refuse(Condition.FORBIDDEN, judged, judged.reason)
        if judged.history:
            target = self.addresses.history(to.local)
        elif box.endswith(NOBODY):
            return way.refuse(Condition.RECIPIENT_UNAVAILABLE, judged, "its box is shut out")
        else:
            target = self.addresses.box(box)
        alias = self.addresses.alias(provider_id, resource)
        xml = stanza("iq", incoming.type, incoming.id, alias, target, carried.xml)
        if not judged.steers:
            return way.forward(xml, judged.service)
        audit = way.entry(AuditKind.REQUEST, judged, judged.detail)
        return way.forward(xml, judged.service, audit, incoming)

    def _message_from_provider(self, incoming: Stanza, to: Jid, now: float) -> Routed:
        """Only the bounce of a report goes to one box; requests by message are for groups."""
        if incoming.type != "error":
            return refuse(incoming, Condition.SERVICE_UNAVAILABLE, "messages to a heat pump are not taken")
        bare, _, resource = incoming.sender.partition("/")
        provider = self.roster.provider_of_jid(bare)
        granted = provider is not None and self.roster.grants(provider.id, to.local, now)
        if provider is None or not granted or to.resource != HEAT_PUMP_RESOURCE:
            return Routed(Outcome.DROPPED, reason="a bounce without a grant")
        box = self.addresses.box(self.roster.heat_pumps[to.local].box)
        alias = self.addresses.alias(provider.id, resource)
        xml = error("message", incoming.id, alias, box, incoming.error_condition)
        way = Way(incoming, now, provider.id, incoming.sender, to.local)
        return way.forward(xml, "bounce")

    def _answer_of_no_box(self, incoming: Stanza, to: Jid, now: float) -> Routed:
        return Routed(Outcome.DROPPED, reason="an answer nobody asked for")

    # --- box to provider --------------------------------------------------------------------------

    def _from_box(self, incoming: Stanza, resource: str, to: Jid, heat_pump: HeatPump, now: float) -> Routed:
        answers = incoming.kind == "iq" and incoming.type in ANSWERS
        reports = incoming.kind == "message" and incoming.type in ("", "normal", "error")
        if not (answers or reports) or resource != HEAT_PUMP_RESOURCE or not to.local:
            return refuse(incoming, Condition.NOT_ALLOWED, "a box sends answers and reports only")
        provider = self.roster.providers.get(to.local)
        if provider is None:
            return refuse(incoming, Condition.ITEM_NOT_FOUND, "there is no such provider")
        target = full(provider.jid, to.resource)
        public = self.addresses.heat_pump(heat_pump.id)
        way = Way(incoming, now, provider.id, target, heat_pump.id, heat_pump.box)
        said = said_in(incoming)
        heard = Judgement(True, said.saying.service, said.saying.references)
        grants = self.roster.grants(provider.id, heat_pump.id, now)
        if not grants:
            if (incoming.type in ANSWERS or said.answers) and said.result:
                ended = way.entry(AuditKind.RESULT, heard, f"{said.result}; {_ENDED}")
                return Routed(Outcome.DROPPED, audit=ended, reason=_ENDED)
            return refuse(incoming, Condition.ITEM_NOT_FOUND, "the provider holds no grant")
        need = said.saying.need
        if need is not None and not permitted(need, grants, now, self.roster.slots(heat_pump.id)):
            return refuse(incoming, Condition.ITEM_NOT_FOUND, f"the provider holds no grant to {need.right}")
        if said.condition is None:
            xml = stanza(incoming.kind, incoming.type, incoming.id, public, target, said.inner)
        elif answers or incoming.type == "error":
            xml = error(incoming.kind, incoming.id, public, target, said.condition)
        else:
            return refuse(incoming, Condition.BAD_REQUEST, "not a PDU that a box sends")
        audit = way.entry(AuditKind.RESULT, heard, said.result) if said.result else None
        return way.forward(xml, said.saying.service, audit)


def asker(incoming: Stanza, provider: Provider | None) -> str:
    """Who is audited to have asked: of whom the roster does not know only the domain, for he may be a person,
    an owner for instance, and the audit names none.
    """
    return incoming.sender if provider else domain_of(incoming.sender.partition("/")[0])


UNREADABLE = Judgement(False, "")
_ENDED = "not passed on: the provider holds no grant"


class Said(NamedTuple):
    """What a box says: the PDU written anew, what of it matters, whether it answers a request; or the
    condition if it is no PDU."""

    inner: str = ""
    saying: Saying = Saying()
    answers: bool = False
    condition: Condition | None = None

    @property
    def result(self) -> str:
        """What the audit is told."""
        return self.saying.result if self.condition is None else self.condition


def said_in(incoming: Stanza) -> Said:
    if incoming.type == "error":
        return Said(condition=incoming.error_condition)
    carrier = Carrier.IQ_RESULT if incoming.kind == "iq" else Carrier.MESSAGE
    try:
        carried = payload_in(incoming)
        pdu = carried.pdu
        if is_request(pdu) or carrier not in carriers(pdu):
            raise xer.MalformedPdu("this PDU does not travel in such a stanza")
        answers = isinstance(pdu, ConfirmedResponse | ConfirmedError)
        if answers and carrier is Carrier.MESSAGE and not incoming.id:
            raise xer.MalformedPdu("the answer to a group's request has the id of that")
        return Said(carried.xml, saying(pdu), answers)
    except xer.CodecError:
        return Said(condition=Condition.INTERNAL_SERVER_ERROR)


def _answer_hub(incoming: Stanza) -> Routed:
    """An iq for the hub itself: a ping is answered (XEP-0199), nothing else is offered here."""
    if incoming.type == "get" and len(incoming.children) == 1:
        namespace, _, name = incoming.children[0].tag.rpartition("}")
        if (namespace, name) == ("{" + PING_NS, "ping"):
            return Routed(Outcome.ANSWERED, stanza("iq", "result", incoming.id, incoming.to, incoming.sender))
    return refuse(incoming, Condition.SERVICE_UNAVAILABLE, "the hub's own address offers no such service")


def refuse(incoming: Stanza, condition: Condition, reason: str) -> Routed:
    """An error back to the sender; an answer is never answered (RFC 6120, 8.3.1)."""
    if incoming.type in ANSWERS or not incoming.sender:
        return Routed(Outcome.DROPPED, reason=reason)
    return Routed(Outcome.REFUSED, error_to(incoming, condition), reason=reason)


def error_to(incoming: Stanza, condition: Condition) -> str:
    return error(incoming.kind, incoming.id, incoming.to, incoming.sender, condition)
