"""Stanzas said to a running hub, and what comes back exactly: the table of test_way_through.py.

The roles are those of that test: desk1 is a session of provider agg, who holds a grant for hp0001 and hp0002;
other holds one for hp0001 only; stranger is no provider; box is the account of hp0002.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from raw_party import NS82

from iec61850_model.mms.pdu import InitiateRequest, Payload
from iec61850_model.mms.xer import encode_payload
from support.scene import HUB, PROVIDER_JID, box_jid

OTHER_JID = "other@aggregator.example"
STRANGER_JID = "stranger@aggregator.example"
DESK1, OTHER, STRANGER = f"{PROVIDER_JID}/desk1", f"{OTHER_JID}/desk1", f"{STRANGER_JID}/desk1"
REAL_BOX, BOX = f"{box_jid(1)}/IEC", f"{box_jid(2)}/IEC"
HP1, HP2, NOBODY = f"hp0001@{HUB}/IEC", f"hp0002@{HUB}/IEC", f"nobody@{HUB}/IEC"
ALIAS, OTHER_ALIAS = f"agg@{HUB}/desk1", f"other@{HUB}/desk1"

STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
PING = '<ping xmlns="urn:xmpp:ping"/>'
DISCO = '<query xmlns="http://jabber.org/protocol/disco#info"/>'
TEXT = "<body>hi</body>"


def _name(domain: str, item: str) -> str:
    return (
        "<variableAccessSpecification><listOfVariable><SEQUENCE><variableSpecification><name>"
        f"<domain-specific><domainId>{domain}</domainId><itemId>{item}</itemId></domain-specific></name>"
        "</variableSpecification></SEQUENCE></listOfVariable></variableAccessSpecification>"
    )


def _request(inner: str, invoke_id: int) -> str:
    return (
        f'<confirmed-RequestPDU xmlns="{NS82}"><invokeID>{invoke_id}</invokeID>'
        f"<ConfirmedServiceRequest>{inner}</ConfirmedServiceRequest></confirmed-RequestPDU>"
    )


def read(invoke_id: int = 1) -> str:
    """A read of what every box has."""
    return _request(f"<read>{_name('HP', 'HpGGIO1$ST$Ind1')}</read>", invoke_id)


READ = read()
WRITE = _request(
    f"<write>{_name('HP', 'RlyGGIO1$CO$SPCSO1$Oper')}<listOfData><Data><boolean>true</boolean></Data>"
    "</listOfData></write>",
    1,
)
"""A command that the hub lets through and a box refuses, for it is not complete."""
ASSOCIATE = encode_payload(Payload(InitiateRequest(), "1"))
ANSWER = (
    f'<confirmed-ResponsePDU xmlns="{NS82}"><invokeID>1</invokeID><ConfirmedServiceResponse><read>'
    "<listOfAccessResult><AccessResult><success><boolean>true</boolean></success></AccessResult>"
    "</listOfAccessResult></read></ConfirmedServiceResponse></confirmed-ResponsePDU>"
)
REPORT = (
    f'<unconfirmed-PDU xmlns="{NS82}"><UnconfirmedService><informationReport><variableAccessSpecification>'
    "<variableListName><vmd-specific>RPT</vmd-specific></variableListName></variableAccessSpecification>"
    "<listOfAccessResult><AccessResult><success><visible-string>x</visible-string></success></AccessResult>"
    "</listOfAccessResult></informationReport></UnconfirmedService></unconfirmed-PDU>"
)


@dataclass(frozen=True)
class Said:
    """``speaker`` says ``stanza``: exactly ``comes`` arrives at the parties named, nothing anywhere else."""

    speaker: str
    stanza: str
    comes: dict[str, str]


def error(condition: str, type_: str = "cancel", more: str = "") -> str:
    """The error element of a stanza."""
    return f'<error type="{type_}"><{condition} xmlns="{STANZAS}"/>{more}</error>'


def iq(type_: str, to: str, inner: str, sender: str = "") -> str:
    """An iq with id x."""
    return _stanza("iq", type_, to, inner, sender)


def message(to: str, inner: str, type_: str = "", sender: str = "") -> str:
    """A message with id x."""
    return _stanza("message", type_, to, inner, sender)


def _stanza(kind: str, type_: str, to: str, inner: str, sender: str) -> str:
    type_part = f' type="{type_}"' if type_ else ""
    from_part = f' from="{sender}"' if sender else ""
    return f'<{kind}{type_part} id="x"{from_part} to="{to}">{inner}</{kind}>'


_JID_OF = {"desk1": DESK1, "other": OTHER, "stranger": STRANGER, "box": BOX}


def _refused(speaker: str, said: str, condition: str, to: str, type_: str = "cancel") -> Said:
    kind = said[1:].partition(" ")[0]
    return Said(
        speaker, said, {speaker: _stanza(kind, "error", _JID_OF[speaker], error(condition, type_), to)}
    )


def _refused_by_server(said: str, to: str) -> Said:
    """A server itself wants exactly one child in a request (RFC 6120, 8.2.3): the hub never sees it."""
    text = f'<text xmlns="{STANZAS}">Incorrect number of children for IQ stanza</text>'
    inner = error("bad-request", "modify", text)
    return Said("desk1", said, {"desk1": f'<iq type="error" id="x" from="{to}">{inner}</iq>'})


def _passed_on(said: str, arrives: str) -> Said:
    return Said("box", said, {"desk1": arrives})


def _answers_nobody_asked_for() -> Iterator[Said]:
    """The hub keeps no state, so who holds a grant hears them, as from the heat pump they come from; nobody
    else does. A client matches id and sender.
    """
    heard = iq("result", DESK1, ANSWER, HP2)
    yield _passed_on(iq("result", ALIAS, ANSWER), heard)
    yield _passed_on(iq("error", ALIAS, error("conflict")), iq("error", DESK1, error("conflict"), HP2))
    for to in (OTHER_ALIAS, f"nobody@{HUB}/desk1", HP1, HP2, HUB):
        yield Said("box", iq("result", to, ANSWER), {})
        yield Said("box", iq("error", to, error("gone")), {})
    for to in (HP1, HP2, NOBODY, HUB, ALIAS, OTHER_ALIAS):
        for speaker in ("desk1", "other", "stranger"):
            yield Said(speaker, iq("result", to, ANSWER), {})
            yield Said(speaker, iq("error", to, error("gone")), {})
    bounce = message(HP2, error("gone") + READ, "error")
    yield Said("desk1", bounce, {"box": message(BOX, error("gone"), "error", ALIAS)})
    yield Said("other", bounce, {})
    yield Said("stranger", bounce, {})
    # A spoofed address: the server writes the true one.
    yield _passed_on(iq("result", ALIAS, ANSWER, REAL_BOX), heard)
    yield _passed_on(iq("result", ALIAS, ANSWER, HP1), heard)
    yield Said("desk1", iq("result", ALIAS, ANSWER, BOX), {})
    yield _refused("other", iq("get", HP2, READ, DESK1), "item-not-found", HP2)


def _what_a_box_may_not_send() -> Iterator[Said]:
    for to in (ALIAS, HP2, HP1, f"hp0001@{HUB}", f"nobody@{HUB}/x", HUB):
        for type_, inner in (("get", READ), ("set", WRITE), ("get", PING)):
            yield _refused("box", iq(type_, to, inner), "not-allowed", to)
    for to in (ALIAS, f"agg@{HUB}", HP1):
        for type_ in (
            "subscribe",
            "subscribed",
            "unsubscribe",
            "unsubscribed",
            "probe",
            "unavailable",
            "error",
        ):
            yield Said("box", f'<presence type="{type_}" to="{to}"/>', {})
        yield Said("box", f'<presence to="{to}"/>', {})
    yield _passed_on(message(ALIAS, REPORT), message(DESK1, REPORT, sender=HP2))
    for to in (OTHER_ALIAS, HP1, f"nobody@{HUB}/x"):
        yield _refused("box", message(to, REPORT), "item-not-found", to)
    for type_ in ("chat", "headline", "groupchat"):
        yield _refused("box", message(ALIAS, REPORT, type_), "not-allowed", ALIAS)
    delay = f'<delay xmlns="urn:xmpp:delay" from="{BOX}"/>'
    for inner in (TEXT, READ, "", REPORT + REPORT, REPORT + TEXT, REPORT + delay):
        yield _refused("box", message(ALIAS, inner), "bad-request", ALIAS, "modify")


def _two_payloads() -> Iterator[Said]:
    for inner in (READ + READ, READ + PING, PING + READ, ""):
        yield _refused_by_server(iq("get", HP2, inner), HP2)
    yield _refused_by_server(iq("get", HUB, PING + PING), HUB)
    for inner in (ANSWER + ANSWER, ANSWER + PING, PING + ANSWER, READ, ""):
        yield _passed_on(iq("result", ALIAS, inner), iq("error", DESK1, error("internal-server-error"), HP2))


def _real_addresses_in_errors() -> Iterator[Said]:
    condition, app = f'<conflict xmlns="{STANZAS}"/>', f'<app xmlns="urn:example:app">{BOX}</app>'
    text = f'<text xmlns="{STANZAS}">{BOX} is away</text>'
    plain = error("conflict")
    unknown = error("undefined-condition")
    for inner, arrives in (
        (f'<error type="cancel" by="{BOX}">{condition}</error>', plain),
        (f'<error type="wait">{condition}{text}</error>', plain),
        (f'<error type="wait">{text}{condition}</error>', plain),
        (f'<error type="cancel">{condition}{app}</error>', plain),
        (f'<error type="{BOX}">{condition}</error>', plain),
        (f'<error type="cancel"><gone xmlns="{STANZAS}">xmpp:{BOX}</gone></error>', error("gone")),
        (
            f'<error type="modify"><redirect xmlns="{STANZAS}">xmpp:{BOX}</redirect></error>',
            error("redirect", "modify"),
        ),
        (READ + plain, plain),
        (plain + error("gone"), plain),
        (f'<error type="cancel"><box0002 xmlns="{STANZAS}"/></error>', unknown),
        (f'<error type="cancel">{app}</error>', unknown),
        ('<error type="cancel"/>', unknown),
    ):
        yield _passed_on(iq("error", ALIAS, inner), iq("error", DESK1, arrives, HP2))
        yield _passed_on(message(ALIAS, inner, "error"), message(DESK1, arrives, "error", HP2))
    yield Said("box", iq("error", ALIAS, ""), {})  # the server drops it


def _where_a_provider_has_nothing_to_look_for() -> Iterator[Said]:
    for to in (
        f"hp0001@{HUB}", f"hp0001@{HUB}/iec", f"hp0001@{HUB}/IEC/IEC", f"hp0001@{HUB}/I", OTHER_ALIAS, ALIAS,
        f"agg@{HUB}/IEC", f"ops@{HUB}/IEC", f"history@{HUB}/IEC", NOBODY,
    ):  # fmt: skip
        for type_, inner in (("get", READ), ("set", WRITE), ("set", ASSOCIATE)):
            yield _refused("desk1", iq(type_, to, inner), "item-not-found", to)
    for type_, inner in (("get", READ), ("set", WRITE), ("set", PING), ("set", DISCO)):
        yield _refused("desk1", iq(type_, HUB, inner), "service-unavailable", HUB)
    for who, to in (("desk1", NOBODY), ("other", HP2), ("other", NOBODY), ("stranger", HP1)):
        yield _refused(who, iq("get", to, DISCO), "service-unavailable", to)
    yield Said("desk1", iq("get", HUB, PING), {"desk1": iq("result", DESK1, "", HUB)})
    yield _refused("desk1", iq("get", HP1, PING), "service-unavailable", HP1)
    bare = f"hp0001@{HUB}"
    for to in (HP1, HP2, bare, HUB):
        for type_, inner in (("", READ), ("normal", REPORT), ("chat", TEXT), ("headline", READ), ("", "")):
            if to != bare or inner not in (READ, REPORT) or type_ == "headline":
                yield _refused("desk1", message(to, inner, type_), "service-unavailable", to)
    # A bare JID may be a group's: a heat pump's is none that he may ask.
    yield _refused("desk1", message(bare, READ, ""), "item-not-found", bare)
    yield _refused("desk1", message(bare, REPORT, "normal"), "bad-request", bare, "modify")
    for type_, inner in (("get", ANSWER), ("set", REPORT), ("set", READ), ("get", WRITE), ("get", ASSOCIATE)):
        yield _refused("desk1", iq(type_, HP2, inner), "bad-request", HP2, "modify")
    # A box's own address, if somebody knows it: the box serves its hub only.
    yield _refused("stranger", iq("get", REAL_BOX, READ), "service-unavailable", REAL_BOX)


TABLE = {
    "answers nobody asked for": tuple(_answers_nobody_asked_for()),
    "what a box may not send": tuple(_what_a_box_may_not_send()),
    "two payloads": tuple(_two_payloads()),
    "real addresses in errors": tuple(_real_addresses_in_errors()),
    "where a provider has nothing to look for": tuple(_where_a_provider_has_nothing_to_look_for()),
}
