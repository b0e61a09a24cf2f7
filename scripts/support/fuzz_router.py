"""The router's promise: it never fails, lets through only what a grant covers, and tells no real address."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError, XMLParser, fromstring
from xml.sax.saxutils import escape, quoteattr

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from hub.addresses import Addresses
from hub.listing import INFO_NS, ITEMS_NS, RSM_NS
from hub.ops_way import RouterWithOperations
from hub.roster import Changes, Grant, HeatPump, Member, Provider, Right, Roster, SlotChange
from hub.router import Outcome, Routed
from hub.stanza_text import recalled
from hub.stanzas import Stanza
from iec61850_model.mms.carrier import Carrier, carriers, is_request
from iec61850_model.mms.pdu import InformationReport, ObjectName, Payload, Pdu, Unconfirmed, VariableList
from iec61850_model.mms.xer import MalformedPdu, decode_payload, encode_payload
from support.fuzz_case import Broken, Step
from support.fuzz_codec import comparable
from support.fuzz_mutations import damaged
from support.fuzz_permissions import permitted
from support.fuzz_seeds import NOW, answer, request, valid

HUB = "hub.example.org"
ALL = frozenset(Right)
HEAT_PUMPS = {f"hp{number:04d}": f"box{number:04d}@boxes.example.org" for number in range(4)}
PROVIDERS = {
    "agg7": "control@aggregator.example",
    "heat": "heat@seller.example",
    "mon": "reader@monitor.example",
    "none": "nobody@stranger.example",
}
GRANTS = (
    Grant(1, "agg7", "hp0000", ALL),
    Grant(2, "agg7", "hp0001", frozenset({Right.READ}), ("MET/*",)),
    Grant(3, "agg7", "hp0001", frozenset({Right.CONTROL}), ("HP/EvuGGIO1.SPCSO1",), 0.0, NOW + 30),
    Grant(4, "heat", "hp0000", frozenset({Right.READ}), ("HP/RlyGGIO1.*",)),
    Grant(5, "heat", "hp0001", frozenset({Right.SETTINGS}), valid_from=NOW - 10, until=NOW + 10),
    Grant(6, "heat", "hp0002", ALL, valid_from=0.0, until=NOW),
    Grant(7, "mon", "hp0003", frozenset({Right.READ})),
    Grant(8, "mon", "hp0002", frozenset({Right.FILES, Right.HISTORY, Right.SCHEDULE})),
    Grant(9, "mon", "hp0000", ALL, valid_from=NOW + 1),
)
SLOTS = {"hp0000": {1: 2}, "hp0002": {8: 1}}
"""Of each heat pump the slot that is ready for a grant."""
GROUP_GRANTS = (
    Grant(20, "agg7", "", ALL, group="north"),
    Grant(21, "mon", "", frozenset({Right.CONTROL}), ("HP/*",), 0.0, NOW + 5, "north"),
    Grant(22, "heat", "", ALL, valid_from=0.0, until=NOW, group="south"),
)
GROUPS = {"north": ("hp0002", "hp0003"), "south": ("hp0000", "hp0001", "hp0002"), "empty": ()}
OWNED = "hp0003"
"""What the person owns who asks the hub what it lists."""
RESOURCES = (
    *(
        "desk1",
        "IEC",
        "",
        "a/b",
        "a@b",
        "<&>\"'",
        "é" * 500,
        "\U0001f525",
        "x" * 1023,
        "hp0000@" + HUB,
        " ",
        "~ops",
        "~withdrawn",
    ),
)
IDS = ("1", "", "a-2", "<&>\"'", "\n", "x" * 5_000, "é", "hp0000")
TYPES = ("get", "set", "result", "error", "normal", "", "chat", "headline", "groupchat", "GET", "odd", "<")
CONDITIONS = ("item-not-found", "gone", "redirect", "odd", "text", "service-unavailable")
ODD_SENDERS = (
    *("", HUB, "evil@elsewhere.example/x", "box9999@boxes.example.org/IEC", "box0000@boxes.example.org"),
    *(
        "box0000@boxes.example.org/other",
        "control@aggregator.example",
        "agg7@hub.example.org/desk1",
        f"control@ops.{HUB}/agg7",
        "@/",
        "/",
    ),
)
ODD_RECEIVERS = (
    *("", HUB, f"{HUB}/x", f"@{HUB}", f"hp9999@{HUB}/IEC", f"hp0000@{HUB}", f"hp0000@{HUB}/other"),
    *(
        f"HP0000@{HUB}/IEC",
        f"agg7@{HUB}/desk1",
        f"agg7@{HUB}/~ops",
        f"agg7@{HUB}/~withdrawn",
        f"hp0000@{HUB}/IEC/IEC",
        f"other@{HUB}/desk1",
        "hp0000@x/IEC",
    ),
)
NS = "jabber:component:accept"
STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"


class HubRouter:
    """``Router.route`` over a roster with several providers, heat pumps, groups and grants."""

    name = "router"

    def __init__(self) -> None:
        roster = Roster()
        roster.apply(
            Changes(
                1,
                tuple(HeatPump(id_, box) for id_, box in HEAT_PUMPS.items()),
                tuple(Provider(id_, jid) for id_, jid in PROVIDERS.items()),
                (*GRANTS, *GROUP_GRANTS),
                members=tuple(Member(group, one) for group, ones in GROUPS.items() for one in ones),
                slots=tuple(
                    SlotChange(grant, heat_pump, slot)
                    for heat_pump, slots in SLOTS.items()
                    for grant, slot in slots.items()
                ),
            )
        )
        self._router = RouterWithOperations(Addresses(HUB), roster)

    def episode(self, random: Random) -> list[Step]:
        """One stanza; addresses, payload and the stanza itself are odd now and then."""
        octets = _stanza(random)
        return [Step.of(damaged(random, octets) if random.random() < 0.1 else octets)]

    def run(self, steps: Sequence[Step]) -> None:
        """Route; raises Broken, or what the router must not raise."""
        for step in steps:
            element = _received(step.octets)
            if element is None:
                continue
            stanza = Stanza.of(element)
            if stanza.kind in ("iq", "message"):
                self._check(stanza, self._router.route(stanza, NOW))
            self._check_recalled(
                step.octets.decode(errors="replace").replace(f' xmlns="{NS}"', "", 1).replace('"', "'")
            )

    def _check_recalled(self, text: str) -> None:
        """What is read from its text alone is what is parsed, and the same becomes of it."""
        whole = _received(f"<stream xmlns='{NS}'>{text}</stream>".encode())
        if whole is None or len(whole) != 1:
            if recalled(text) is not None:
                raise Broken("recalled what is no stanza", text[:150])
            return
        parsed = Stanza.of(whole[0], text)
        routed = self._router.route(parsed, NOW) if parsed.kind in ("iq", "message") else None
        found = recalled(text)
        if found is None:
            return
        again = self._router.route(found, NOW)
        if routed is None or found[:5] != parsed[:5] or _became(again) != _became(routed):
            raise Broken("recalled something else than is parsed", f"{found[:5]}: {again!r:.150}")

    def _check(self, stanza: Stanza, routed: Routed) -> None:
        """Judge what was done with a stanza; of a request to a group, with each of its members."""
        if routed.lookup is not None:
            self._check_lookup(stanza, routed)
            return
        if routed.group is None:
            check(stanza, routed)
            return
        if routed.outcome is not Outcome.SPREAD or routed.xml or routed.instead or stanza.kind != "message":
            raise Broken("a request to a group is more than that", f"{routed.outcome} {routed.xml[:100]}")
        members = GROUPS.get(stanza.to.partition("@")[0], ())
        if not routed.group.members or not set(routed.group.members) <= set(members):
            raise Broken("a request goes to others than the group's members", str(routed.group.members)[:150])
        for member in routed.group.members:
            decided = self._router.for_member(routed.group, member, NOW)
            if decided is None:
                raise Broken("a member without a grant was to be asked", member)
            alone, one = decided
            if (alone.sender, alone.id) != (stanza.sender, stanza.id):
                raise Broken("another sender or id than that of the message", f"{alone.sender} {alone.id}")
            check(alone._replace(children=stanza.children), one)

    def _check_lookup(self, stanza: Stanza, routed: Routed) -> None:
        """Only who is no provider is looked up, only when he asks the hub itself; he is told what is his."""
        asks = (stanza.kind, stanza.type, stanza.to) == ("iq", "get", HUB) and routed.lookup is stanza
        if not asks or routed.xml or stanza.sender.partition("/")[0] in PROVIDERS.values():
            raise Broken("what the registry is asked for is something else", f"{stanza.sender} {stanza.to}")
        sent = _sent(self._router.list_for(stanza, frozenset({OWNED, "hp9999"}), False))
        if sent.type == "result" and _told(sent) - {f"{OWNED}@{HUB}/IEC"}:
            raise Broken("a person is told of what is not his", str(_told(sent)))


def _became(routed: Routed) -> tuple[object, ...]:
    """All but the stanza itself."""
    asked = routed.group and (routed.group.members, routed.group.inner)
    return (*routed._replace(request=None, group=None), routed.instead, asked)


def _received(octets: bytes) -> Element | None:
    """A stanza as it comes out of a stream's parser, or None: then the stream would have ended."""
    parser: XMLParser = DefusedXMLParser(forbid_dtd=True)
    try:
        parser.feed(octets)
        element: Element = parser.close()
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return None
    return element


# --- stanzas --------------------------------------------------------------------------------------


def _stanza(random: Random) -> bytes:
    """A stanza that is in order, but for one or two things now and then."""
    pair = random.choice(GRANTS)
    stanza = _from_box(random, pair) if random.random() < 0.35 else _from_provider(random, pair)
    inner = b"".join(stanza.inner * random.choice((1, 2))) if random.random() < 0.03 else stanza.inner[0]
    odd = {"type": TYPES, "id": IDS, "from": ODD_SENDERS, "to": ODD_RECEIVERS}
    attributes = {"type": stanza.type, "id": "a-1", "from": stanza.sender, "to": stanza.to}
    for name in random.choices([*odd], k=random.choice((0, 0, 1, 2))):
        attributes[name] = random.choice(odd[name])
    if random.random() < 0.03:
        del attributes[random.choice([*attributes])]
    head = "".join(f" {name}={quoteattr(text)}" for name, text in attributes.items())
    return f'<{stanza.kind} xmlns="{NS}"{head}>'.encode() + inner + f"</{stanza.kind}>".encode()


class _Made(NamedTuple):
    kind: str
    type: str
    sender: str
    to: str
    inner: list[bytes]


def _from_provider(random: Random, pair: Grant) -> _Made:
    sender = f"{PROVIDERS[pair.provider]}/{random.choice(RESOURCES)}"
    to = f"{pair.heat_pump}@{HUB}/IEC"
    if random.random() < 0.1:
        return _Made("message", "error", sender, to, [_error(random, [*PROVIDERS.values()])])
    asked = request(random)
    if random.random() < 0.3:
        group = f"{random.choice([*GROUPS])}@{HUB}"
        if random.random() < 0.2:
            where = random.choice((group, group, HUB, to, f"{pair.heat_pump}@{HUB}"))
            who = random.choice((sender, sender, sender, "kim@home.example/phone"))
            return _Made("iq", "get", who, where, [_page(random), _page(random)])
        alone = encode_payload(Payload(asked)).encode()
        return _Made("message", "normal", sender, group, [alone, _written(random, asked)])
    inner = _written(random, asked)
    return _Made("iq", carriers(asked)[0].value, sender, to, [inner, valid(random)])


def _from_box(random: Random, pair: Grant) -> _Made:
    sender = f"{HEAT_PUMPS[pair.heat_pump]}/IEC"
    to = f"{pair.provider}@{HUB}/{random.choice(RESOURCES)}"
    if random.random() < 0.3:
        kind = random.choice(("iq", "message"))
        return _Made(kind, "error", sender, to, [_error(random, [*HEAT_PUMPS.values()])])
    said = answer(random)
    kind, type_ = ("message", "normal") if carriers(said)[0] is Carrier.MESSAGE else ("iq", "result")
    return _Made(kind, type_, sender, to, [_written(random, said), valid(random)])


def _written(random: Random, pdu: Pdu) -> bytes:
    if random.random() < 0.05:
        return random.choice((b'<ping xmlns="urn:xmpp:ping"/>', b'<query xmlns="urn:x"/>', b"text", b""))
    octets = encode_payload(Payload(pdu, random.choice((None, None, "1:1", "1")))).encode()
    return damaged(random, octets) if random.random() < 0.35 else octets


def _page(random: Random) -> bytes:
    """A question for the members of a group, or for what the hub lists; or for what an address is."""
    if random.random() < 0.2:
        return f'<query xmlns="{INFO_NS}"/>'.encode()
    parts = {
        "max": ("1", "500", "0", "x", "9" * 30), "after": ("hp0001", "", "<"), "before": ("", "hp0001"),
        "index": ("0", "1", "99"),
    }  # fmt: skip
    names = random.sample([*parts], k=random.choice((0, 1, 1, 2)))
    inside = "".join(f"<{name}>{escape(random.choice(parts[name]))}</{name}>" for name in names)
    page = f'<set xmlns="{RSM_NS}">{inside}</set>' if random.random() < 0.8 else ""
    octets = f'<query xmlns="{ITEMS_NS}">{page}</query>'.encode()
    return damaged(random, octets) if random.random() < 0.3 else octets


def _error(random: Random, addresses: Sequence[str]) -> bytes:
    """An error that says where it was made, as servers write them."""
    address, condition = random.choice(addresses), random.choice(CONDITIONS)
    inside = f'<{condition} xmlns="{STANZAS}">{address}</{condition}>'
    text = f'<text xmlns="{STANZAS}">{address} is away</text>'
    echo = encode_payload(Payload(request(random))) if random.random() < 0.3 else ""
    error = f'<error by="{address}" type="{random.choice(TYPES[:6])}">{inside}{text}</error>'
    return (echo + error).encode()


# --- what must hold -------------------------------------------------------------------------------


def check(asked: Stanza, routed: Routed) -> None:
    """Judge what the router did with a stanza; raises Broken."""
    outcome = routed.outcome
    if outcome is Outcome.DROPPED:
        if routed.xml or routed.instead:
            raise Broken("something dropped is sent", routed.xml[:150])
        return
    if not routed.xml:
        raise Broken("nothing is sent", outcome)
    for xml in filter(None, (routed.xml, routed.instead)):
        sent = _sent(xml)
        if sent.kind != asked.kind or sent.id != asked.id:
            raise Broken("kind or id is not the one asked", xml[:150])
        if sent.to == asked.sender and sent.sender == asked.to:
            _check_back(asked, sent, outcome, forwards=xml is routed.xml)
        elif outcome is not Outcome.FORWARDED:
            raise Broken("an answer goes to somebody else", f"{sent.to} instead of {asked.sender}")
        else:
            _check_forwarded(asked, sent)


def _sent(xml: str) -> Stanza:
    try:
        element = fromstring(xml)  # noqa: S314  # the router wrote it
    except ParseError as error:
        raise Broken("what is sent is not XML", f"{error}: {xml[:150]}") from None
    if set(element.attrib) - {"type", "id", "from", "to"} or (element.text or "").strip():
        raise Broken("what is sent holds more than was judged", xml[:150])
    return Stanza.of(element)


def _check_back(asked: Stanza, sent: Stanza, outcome: Outcome, *, forwards: bool) -> None:
    """An answer of the hub itself."""
    if forwards and outcome is Outcome.FORWARDED:
        raise Broken("something is forwarded to its sender", asked.sender)
    if asked.type in ("result", "error"):
        raise Broken("an answer is answered", f"{asked.type} from {asked.sender}")
    if outcome is Outcome.ANSWERED:
        _check_own_answer(asked, sent)
        return
    _check_bare_error(sent)


def _check_own_answer(asked: Stanza, sent: Stanza) -> None:
    """Nothing, or what the provider holds a grant for: of a group, or all; and what that is."""
    bare, local = asked.sender.partition("/")[0], asked.to.partition("/")[0].rpartition("@")[0]
    provider = next((id_ for id_, jid in PROVIDERS.items() if jid == bare), "")
    among = GROUPS.get(local, ()) if local else HEAT_PUMPS
    reached: set[str | None] = {f"{one}@{HUB}/IEC" for one in among if _live(provider, one)}
    if not local:
        reached |= {
            f"{one.group}@{HUB}" for one in GROUP_GRANTS if one.provider == provider and one.live(NOW)
        }
    told = _told(sent)
    described = any(True for child in sent.children for _ in child.iter(f"{{{INFO_NS}}}identity"))
    if local and described and not (_live(provider, local) or any(_live(provider, one) for one in among)):
        raise Broken("it is said what an address is that is not his", asked.to)
    if sent.type != "result" or len(sent.children) > 1 or not told <= reached:
        raise Broken("the hub's own answer tells what it must not", f"{sent.type}, {told - reached}")


def _told(sent: Stanza) -> set[str | None]:
    """The addresses that an answer lists."""
    return {item.get("jid") for child in sent.children for item in child.iter(f"{{{ITEMS_NS}}}item")}


def _live(provider: str, heat_pump: str) -> list[Grant]:
    """The grants in force, by looking at all."""
    return [
        one
        for one in (*GRANTS, *GROUP_GRANTS)
        if one.provider == provider
        and (one.heat_pump == heat_pump or heat_pump in GROUPS.get(one.group, ()))
        and one.live(NOW)
    ]


def _check_bare_error(sent: Stanza) -> None:
    if sent.type != "error" or len(sent.children) != 1:
        raise Broken("an error holds more than its error", f"{sent.type}, {len(sent.children)} children")
    error = sent.children[0]
    inside = list(error)
    plain = error.tag == "error" and set(error.attrib) == {"type"} and len(inside) == 1
    if not plain or not inside[0].tag.startswith(f"{{{STANZAS}}}") or len(inside[0]) or inside[0].attrib:
        raise Broken("an error says more than its condition", sent.sender)
    if any((one.text or one.tail or "").strip() for one in (error, inside[0])):
        raise Broken("an error says more than its condition", sent.sender)


def _check_forwarded(asked: Stanza, sent: Stanza) -> None:
    bare, _, resource = asked.sender.partition("/")
    local = asked.to.partition("/")[0].rpartition("@")[0]
    boxes = {box: id_ for id_, box in HEAT_PUMPS.items()}
    from_box = bare in boxes
    provider = local if from_box else next((id_ for id_, jid in PROVIDERS.items() if jid == bare), "")
    heat_pump = boxes[bare] if from_box else local
    if from_box and asked.to.partition("/")[2] == "~ops":
        _check_for_operations(asked, sent, f"{heat_pump}@{HUB}/IEC", local)
        return
    live = _live(provider, heat_pump)
    if not live:
        raise Broken("forwarded without a grant", f"{asked.sender} to {asked.to}")
    if from_box:
        _, _, far = asked.to.partition("/")
        expected = (f"{heat_pump}@{HUB}/IEC", PROVIDERS[provider] + (f"/{far}" if far else ""))
    else:
        alias = f"{provider}@{HUB}" + (f"/{resource}" if resource else "")
        expected = (alias, f"{HEAT_PUMPS[heat_pump]}/IEC")
    if (sent.sender, sent.to) != expected:
        raise Broken("a wrong address is shown", f"{(sent.sender, sent.to)} instead of {expected}")
    if sent.type == "error":
        _check_bare_error(sent)
        return
    payload = _judged(asked, sent)
    if is_request(payload.pdu) == from_box:
        raise Broken("a request from a box, or an answer to one", type(payload.pdu).__name__)
    if Carrier(sent.type or "normal") not in carriers(payload.pdu):
        raise Broken("a PDU in the wrong stanza", f"{type(payload.pdu).__name__} in {sent.type}")
    if not from_box and not permitted(payload.pdu, live, SLOTS.get(heat_pump, {})):
        raise Broken("forwarded although no grant covers it", f"{payload.pdu!r:.200}")


def _check_for_operations(asked: Stanza, sent: Stanza, public: str, local: str) -> None:
    """What a box answers to an alias of operations reaches operations, whoever it is the alias of."""
    target = f"ops.{HUB}" + ("" if local == "ops" else f"/{local}")
    if (sent.sender, sent.to) != (public, target):
        raise Broken("a wrong address is shown", f"{(sent.sender, sent.to)} instead of {(public, target)}")
    if sent.type == "error":
        _check_bare_error(sent)
        return
    pdu = _judged(asked, sent).pdu
    if is_request(pdu) or (asked.kind != "iq" and not _says_why(pdu)):
        raise Broken("operations is told what is no answer", f"{asked.kind} {asked.type}")


def _says_why(pdu: Pdu) -> bool:
    """It is a LastApplError, which goes before the answer to a refused command (8-2, 20.8)."""
    match pdu:
        case Unconfirmed(InformationReport(VariableList((ObjectName("LastApplError"),)))):
            return True
    return False


def _judged(asked: Stanza, sent: Stanza) -> Payload:
    """The one payload, the same strictly read before and after, and written without anything else."""
    if len(sent.children) != 1 or len(asked.children) != 1:
        raise Broken("not one payload", f"{len(asked.children)} in, {len(sent.children)} out")
    try:
        before, after = (decode_payload(one.children[0], strict=True) for one in (asked, sent))
    except MalformedPdu as malformed:
        raise Broken("forwarded although it is malformed", str(malformed)) from None
    if comparable(before) != comparable(after):
        raise Broken("forwarded something else than it judged", f"{before!r:.100} {after!r:.100}")
    plain = fromstring(encode_payload(before))  # noqa: S314  # the codec wrote it
    if sum(1 for _ in plain.iter()) != sum(1 for _ in sent.children[0].iter()):
        raise Broken("forwarded more than it judged", f"{before!r:.100}")
    return before
