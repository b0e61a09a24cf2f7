"""The router as dialogues: a stanza's text in, the stanza's text out, and what the audit is told."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hub.addresses import Addresses
from hub.audit.entry import AuditEntry, AuditKind
from hub.roster import Changes, Grant, HeatPump, Provider, Right, Roster, SlotChange
from hub.router import Outcome, Routed, Router
from hub.stanzas import Condition, Stanza, escape
from iec61850_model.mms.xer import NS82

NOW = 1_800_000_000.0
NS = f'xmlns="{NS82}"'
ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
SP = "control@aggregator.example/desk1"
GOLDEN = Path(__file__).parents[1] / "iec61850_model" / "golden"
HP = "hp0001@hub.example.org/IEC"
BOX = "box0001@boxes.example.org/IEC"
ALIAS = "agg@hub.example.org/desk1"
SECRET = "do-not-tell-4711"
"""Stands in foreign elements and values: must come out nowhere."""


def variable(domain: str, item: str) -> str:
    return (
        "<SEQUENCE><variableSpecification><name><domain-specific>"
        f"<domainId>{domain}</domainId><itemId>{item}</itemId>"
        "</domain-specific></name></variableSpecification></SEQUENCE>"
    )


def confirmed(service: str) -> str:
    return (
        f"<confirmed-RequestPDU {NS}><invokeID>7</invokeID><ConfirmedServiceRequest>{service}"
        "</ConfirmedServiceRequest></confirmed-RequestPDU>"
    )


def access(*variables: str) -> str:
    return (
        f"<variableAccessSpecification><listOfVariable>{''.join(variables)}</listOfVariable>"
        "</variableAccessSpecification>"
    )


def answer(service: str) -> str:
    return (
        f"<confirmed-ResponsePDU {NS}><invokeID>7</invokeID><ConfirmedServiceResponse>{service}"
        "</ConfirmedServiceResponse></confirmed-ResponsePDU>"
    )


def report(name: str, value: str) -> str:
    return (
        f"<unconfirmed-PDU {NS}><UnconfirmedService><informationReport>"
        "<variableAccessSpecification><listOfVariable><SEQUENCE><variableSpecification><name>"
        f"<vmd-specific>{name}</vmd-specific></name></variableSpecification></SEQUENCE></listOfVariable>"
        f"</variableAccessSpecification><listOfAccessResult><AccessResult><success>{value}</success>"
        "</AccessResult></listOfAccessResult></informationReport></UnconfirmedService></unconfirmed-PDU>"
    )


READ = confirmed(f'<read specificationWithResult="false">{access(variable("MET", "MMXU1$MX$TotW"))}</read>')
OPER = (
    "<Data><structure><Data><boolean>true</boolean></Data>"
    "<Data><utc-time>0000000000000000</utc-time></Data></structure></Data>"
)
OPERATE = confirmed(
    f"<write>{access(variable('HP', 'EvuGGIO1$CO$SPCSO1$Oper'))}<listOfData>{OPER}</listOfData></write>"
)
READ_ANSWER = answer(
    "<read><listOfAccessResult><AccessResult><success><structure><Data><floating-point>449A5000"
    f"</floating-point></Data><Data><mMSString>{SECRET}</mMSString></Data></structure></success></AccessResult>"
    "</listOfAccessResult></read>"
)


def text_answer(text: str) -> str:
    """The answer to a read of one text."""
    value = f"<visible-string>{text}</visible-string>"
    return answer(
        f"<read><listOfAccessResult><AccessResult><success>{value}</success></AccessResult>"
        "</listOfAccessResult></read>"
    )


WRITE_DONE = answer("<write><CHOICE><success/></CHOICE></write>")
WRITE_FAILED = answer("<write><CHOICE><failure><object-access-denied/></failure></CHOICE></write>")
SERVICE_ERROR = (
    f"<confirmed-ErrorPDU {NS}><invokeID>7</invokeID><serviceError><errorClass><access>"
    "<object-non-existent/></access></errorClass></serviceError></confirmed-ErrorPDU>"
)
REJECT = (
    f"<rejectPDU {NS}><originalInvokeID>7</originalInvokeID><rejectReason><confirmed-requestPDU>"
    "<invalid-argument/></confirmed-requestPDU></rejectReason></rejectPDU>"
)
INITIATE = (
    f'<associationContext xmlns="{NS82}" assoID="1"><initiate-RequestPDU>'
    "<localDetailCalling>65536</localDetailCalling>"
    "<proposedMaxServOutstandingCalling>8</proposedMaxServOutstandingCalling>"
    "<proposedMaxServOutstandingCalled>8</proposedMaxServOutstandingCalled>"
    "<proposedDataStructureNestingLevel>8</proposedDataStructureNestingLevel>"
    "<initRequestDetail><proposedVersionNumber>1</proposedVersionNumber>"
    "<proposedParameterCBB>11100000000</proposedParameterCBB>"
    f"<servicesSupportedCalling>{'0' * 85}</servicesSupportedCalling></initRequestDetail>"
    "</initiate-RequestPDU></associationContext>"
)
LAST_APPL_ERROR = report(
    "LastApplError",
    "<structure><Data><visible-string>HP/EvuGGIO1$CO$SPCSO1</visible-string></Data><Data><integer>0</integer>"
    "</Data><Data><structure><Data><integer>3</integer></Data><Data><octet-string>00</octet-string></Data>"
    "</structure></Data><Data><unsigned>1</unsigned></Data><Data><integer>10</integer></Data></structure>",
)
REPORT = (
    f"<unconfirmed-PDU {NS}><UnconfirmedService><informationReport><variableAccessSpecification>"
    "<variableListName><vmd-specific>RPT</vmd-specific></variableListName></variableAccessSpecification>"
    f"<listOfAccessResult><AccessResult><success><mMSString>{SECRET}</mMSString></success></AccessResult>"
    "</listOfAccessResult></informationReport></UnconfirmedService></unconfirmed-PDU>"
)


@pytest.fixture
def router() -> Router:
    """agg may read and control hp0001, and did so on hp0003; heat may read hp0002; idle holds nothing."""
    roster = Roster()
    both = frozenset({Right.READ, Right.CONTROL})
    roster.apply(
        Changes(
            1,
            tuple(HeatPump(f"hp000{n}", f"box000{n}@boxes.example.org") for n in (1, 2, 3)),
            (
                Provider("agg", "control@aggregator.example"),
                Provider("heat", "desk@heat.example"),
                Provider("idle", "me@idle.example"),
            ),
            (
                Grant(1, "agg", "hp0001", both),
                Grant(2, "heat", "hp0002", both),
                Grant(3, "agg", "hp0003", both, until=NOW - 1),
            ),
        )
    )
    return Router(Addresses("hub.example.org"), roster)


def stanza(kind: str, type_: str, sender: str, to: str, inner: str = "", id_: str = "i1") -> str:
    typed = f' type="{type_}"' if type_ else ""
    identity = f' id="{escape(id_)}"' if id_ else ""
    head = f'<{kind}{typed}{identity} from="{escape(sender)}" to="{escape(to)}"'
    return f"{head}>{inner}</{kind}>" if inner else f"{head}/>"


def refusal(kind: str, sender: str, to: str, type_: str, condition: str, id_: str = "i1") -> str:
    return stanza(
        kind, "error", sender, to, f'<error type="{type_}"><{condition} xmlns="{ERRORS}"/></error>', id_
    )


def route(router: Router, text: str, now: float = NOW) -> Routed:
    """Parse the text as it comes from the server and route it."""
    stream = f'<stream xmlns="jabber:component:accept">{text}</stream>'
    return router.route(Stanza.of(ElementTree.fromstring(stream)[0]), now)


def get(inner: str, sender: str = SP, to: str = HP, id_: str = "i1") -> str:
    return stanza("iq", "get", sender, to, inner, id_)


def put(inner: str, sender: str = SP, to: str = HP, id_: str = "i1") -> str:
    return stanza("iq", "set", sender, to, inner, id_)


def result(inner: str, sender: str = BOX, to: str = ALIAS, id_: str = "i1") -> str:
    return stanza("iq", "result", sender, to, inner, id_)


# --- the way there ---------------------------------------------------------------------------------


def test_a_request_goes_to_the_box_in_the_providers_alias(router: Router) -> None:
    routed = route(router, get(READ))
    assert routed.xml == stanza("iq", "get", ALIAS, BOX, READ)
    assert routed.outcome is Outcome.FORWARDED
    assert (routed.provider, routed.heat_pump, routed.service) == ("agg", "hp0001", "GetDataValues")
    assert routed.audit is None


@pytest.mark.parametrize("inner", [INITIATE, f"<conclude-RequestPDU {NS}/>"])
def test_associations_are_made_and_ended_through_the_router(router: Router, inner: str) -> None:
    assert route(router, put(inner)).xml == stanza("iq", "set", ALIAS, BOX, inner)


def test_the_association_context_is_passed_on(router: Router) -> None:
    bare = READ.replace(f" {NS}", "")
    within = f'<associationContext {NS} assoID="12:345">{bare}</associationContext>'
    assert route(router, get(within)).xml == stanza("iq", "get", ALIAS, BOX, within)


ODD = ["x", "a b", "<&>\"'", "ä€😀", "\t\n\r", "' onload='", "x" * 1023, "]]>", "\u0085\u2028", "&amp;"]


@pytest.mark.parametrize("id_", ODD)
def test_any_id_comes_out_as_it_went_in(router: Router, id_: str) -> None:
    there = ElementTree.fromstring(route(router, get(READ, id_=id_)).xml)
    back = ElementTree.fromstring(route(router, result(READ_ANSWER, id_=id_)).xml)
    refused = ElementTree.fromstring(route(router, get(READ, to="hp9@hub.example.org/IEC", id_=id_)).xml)
    assert there.get("id") == back.get("id") == refused.get("id") == id_


@pytest.mark.parametrize("resource", ["desk1", "a/b//c", "d@e/f", "ä€😀", "<&>\"'", "IEC", "r" * 1023, ""])
def test_any_resource_of_a_provider_finds_its_way_back(router: Router, resource: str) -> None:
    sender = f"control@aggregator.example/{resource}" if resource else "control@aggregator.example"
    there = ElementTree.fromstring(route(router, get(READ, sender=sender)).xml)
    assert there.get("to") == BOX
    alias = there.get("from", "")
    assert alias.partition("/")[0] == "agg@hub.example.org"
    back = ElementTree.fromstring(route(router, result(READ_ANSWER, to=alias)).xml)
    assert (back.get("from"), back.get("to")) == (HP, sender)


def test_what_surrounds_the_pdu_stays_behind(router: Router) -> None:
    spaced = READ.replace("><", ">\n  <")
    text = (
        f'<iq type="get" id="i1" from="{SP}" to="{HP}" xml:lang="da" class="{SECRET}">{SECRET}{spaced}</iq>'
    )
    assert route(router, text).xml == stanza("iq", "get", ALIAS, BOX, READ)


@pytest.mark.parametrize(
    "inner",
    [
        READ + READ,
        READ + "<x/>",
        '<query xmlns="jabber:iq:version"/>' + READ,
        "",
    ],
)
def test_an_iq_holds_exactly_one_payload(router: Router, inner: str) -> None:
    routed = route(router, get(inner))
    assert routed.xml == refusal("iq", HP, SP, "modify", "bad-request")
    assert routed.outcome is Outcome.REFUSED


@pytest.mark.parametrize(
    "inner",
    [
        '<ping xmlns="urn:xmpp:ping"/>',
        '<query xmlns="http://jabber.org/protocol/disco#info"/>',
        READ.replace(NS82, "http://www.iec.ch/61850/2099/SCSM_8_2"),
        READ.replace(f" {NS}", ""),
    ],
)
def test_a_heat_pump_offers_nothing_but_8_2(router: Router, inner: str) -> None:
    routed = route(router, get(inner))
    assert routed.xml == refusal("iq", HP, SP, "cancel", "service-unavailable")
    assert routed.audit is None


DAMAGED = [
    READ.replace("<invokeID>", f'<invokeID extra="{SECRET}">'),
    READ.replace("</invokeID>", f"</invokeID><token>{SECRET}</token>"),
    READ.replace("</invokeID>", "</invokeID><invokeID>8</invokeID>"),
    READ.replace("</invokeID>", f'</invokeID><x xmlns="urn:other">{SECRET}</x>'),
    READ.replace("</invokeID>", f"</invokeID>{SECRET}"),
    READ.replace("<domainId>", '<domainId xmlns="urn:other">'),
    READ.replace("MMXU1$MX$TotW", ""),
    READ.replace("</SEQUENCE>", "<alternateAccess/></SEQUENCE>"),
    READ.replace("<invokeID>7", "<invokeID>99999999999"),
    f"<no-PDU {NS}/>",
    f'<associationContext {NS} assoID="1" extra="1">{READ}</associationContext>',
    f'<associationContext {NS} assoID="x">{READ}</associationContext>',
    f'<associationContext {NS} assoID="1">{READ}{READ}</associationContext>',
    f'<associationContext {NS} assoID="1"><associationContext assoID="1"/></associationContext>',
]


@pytest.mark.parametrize("inner", DAMAGED)
def test_what_a_box_would_read_leniently_the_router_refuses_and_audits(router: Router, inner: str) -> None:
    routed = route(router, get(inner))
    assert routed.xml == routed.instead == refusal("iq", HP, SP, "modify", "bad-request")
    assert routed.audit is not None
    assert (routed.audit.kind, routed.audit.provider_jid) == (AuditKind.REFUSAL, SP)
    assert routed.audit.detail.startswith("bad-request: ")


@pytest.mark.parametrize(
    "text",
    [
        put(READ),
        get(OPERATE),
        get(INITIATE),
        get(f"<conclude-RequestPDU {NS}/>"),
        put(f"<cancel-RequestPDU {NS}>7</cancel-RequestPDU>"),
    ],
)
def test_a_pdu_in_the_wrong_iq_is_refused(router: Router, text: str) -> None:
    assert route(router, text).xml == refusal("iq", HP, SP, "modify", "bad-request")


@pytest.mark.parametrize("inner", [READ_ANSWER, WRITE_DONE, SERVICE_ERROR, REPORT, LAST_APPL_ERROR, REJECT])
@pytest.mark.parametrize("make", [get, put])
def test_a_provider_never_speaks_as_a_server(router: Router, make: object, inner: str) -> None:
    assert callable(make)
    assert route(router, make(inner)).xml == refusal("iq", HP, SP, "modify", "bad-request")


@pytest.mark.parametrize("type_", ["", "query", "GET"])
def test_an_iq_of_no_known_type_is_refused(router: Router, type_: str) -> None:
    assert route(router, stanza("iq", type_, SP, HP, READ)).xml == refusal(
        "iq", HP, SP, "modify", "bad-request"
    )


def test_a_request_without_id_could_not_be_answered(router: Router) -> None:
    assert route(router, get(READ, id_="")).outcome is Outcome.REFUSED


# --- what does not exist ---------------------------------------------------------------------------

NOWHERE = {
    "an id nobody has": (SP, "hp9999@hub.example.org/IEC"),
    "somebody else's heat pump": (SP, "hp0002@hub.example.org/IEC"),
    "an ended grant": (SP, "hp0003@hub.example.org/IEC"),
    "a stranger": ("who@stranger.example/x", HP),
    "a stranger's guess at a provider's id": ("agg@stranger.example/x", HP),
    "a provider without any grant": ("me@idle.example/x", HP),
    "another resource": (SP, "hp0001@hub.example.org/iec"),
    "no resource": (SP, "hp0001@hub.example.org"),
    "a longer resource": (SP, "hp0001@hub.example.org/IEC/2"),
    "a provider's id": (SP, "heat@hub.example.org/IEC"),
    "his own alias": (SP, "agg@hub.example.org/IEC"),
    "an id in capitals": (SP, "HP0001@hub.example.org/IEC"),
}


@pytest.mark.parametrize(("sender", "to"), NOWHERE.values(), ids=NOWHERE.keys())
@pytest.mark.parametrize("text", [get(READ), put(OPERATE), put(INITIATE)])
def test_what_is_not_his_does_not_exist(router: Router, sender: str, to: str, text: str) -> None:
    routed = route(router, text.replace(SP, sender).replace(HP, to))
    assert routed.xml == routed.instead == refusal("iq", to, sender, "cancel", "item-not-found")
    assert routed.audit is not None
    # Of whom the roster does not know, only the domain: he may be an owner, and the audit names none.
    who = sender.partition("/")[0].partition("@")[2] if "stranger" in sender else sender
    assert (routed.audit.kind, routed.audit.provider_jid) == (AuditKind.REFUSAL, who)


@pytest.mark.parametrize("inner", [READ, OPERATE, *DAMAGED, READ + READ, '<ping xmlns="urn:xmpp:ping"/>'])
@pytest.mark.parametrize("make", [get, put])
def test_unknown_and_foreign_are_answered_with_the_same_octets(
    router: Router, make: object, inner: str
) -> None:
    assert callable(make)
    answers = {
        route(router, make(inner, sender=sender, to=to)).xml.replace(sender, "SENDER").replace(to, "TO")
        for sender, to in NOWHERE.values()
    }
    assert len(answers) == 1


def test_a_granted_heat_pump_refuses_by_forbidden(router: Router) -> None:
    settings = confirmed(
        f"<write>{access(variable('HP', 'X1$SP$Y$setVal'))}<listOfData>{OPER}</listOfData></write>"
    )
    routed = route(router, put(settings))
    assert routed.xml == routed.instead == refusal("iq", HP, SP, "auth", "forbidden")
    assert routed.audit is not None
    assert (routed.audit.service, routed.audit.references) == ("SetDataValues", ("HP/X1.Y.setVal[SP]",))
    assert routed.audit.detail.startswith("forbidden: no right settings")


def test_an_unknown_service_is_refused_by_name(router: Router) -> None:
    routed = route(router, get(confirmed("<fileOpen/>")))
    assert routed.xml == refusal("iq", HP, SP, "auth", "forbidden")
    assert routed.audit is not None
    assert "fileOpen" in routed.audit.detail


# --- the way back ----------------------------------------------------------------------------------


@pytest.mark.parametrize("inner", [READ_ANSWER, WRITE_DONE, WRITE_FAILED, SERVICE_ERROR, REJECT])
def test_an_answer_goes_back_under_the_public_address(router: Router, inner: str) -> None:
    routed = route(router, result(inner))
    assert routed.xml == stanza("iq", "result", HP, SP, inner)
    assert routed.outcome is Outcome.FORWARDED


@pytest.mark.parametrize("type_", ["", "normal"])
def test_a_report_goes_to_the_session_it_is_for(router: Router, type_: str) -> None:
    text = stanza("message", type_, BOX, ALIAS, REPORT)
    assert route(router, text).xml == stanza("message", type_, HP, SP, REPORT)


def test_a_report_needs_the_right_to_read(router: Router) -> None:
    """A grant that now only steers: the bounce tells the box to stop."""
    router.roster.apply(Changes(2, grants=(Grant(1, "agg", "hp0001", frozenset({Right.CONTROL})),)))
    routed = route(router, stanza("message", "", BOX, ALIAS, REPORT))
    assert routed.xml == refusal("message", ALIAS, BOX, "cancel", "item-not-found")
    assert routed.outcome is Outcome.REFUSED
    assert route(router, stanza("message", "", BOX, ALIAS, LAST_APPL_ERROR)).outcome is Outcome.FORWARDED


@pytest.mark.parametrize(
    ("condition", "type_"),
    [
        ("service-unavailable", "cancel"),
        ("recipient-unavailable", "wait"),
        ("remote-server-timeout", "wait"),
        ("resource-constraint", "wait"),
        ("policy-violation", "modify"),
        ("forbidden", "auth"),
    ],
)
@pytest.mark.parametrize("kind", ["iq", "message"])
def test_an_error_is_rebuilt_from_its_condition(
    router: Router, kind: str, condition: str, type_: str
) -> None:
    inner = (
        f'{READ}<error by="box0001@boxes.example.org" type="continue" code="{SECRET}">'
        f'<{condition} xmlns="{ERRORS}">box0001@boxes.example.org {SECRET}</{condition}>'
        f'<text xmlns="{ERRORS}" xml:lang="en">DNS of boxes.example.org: {SECRET}</text>'
        f'<detail xmlns="urn:app">{SECRET}</detail></error>'
    )
    routed = route(router, stanza(kind, "error", BOX, ALIAS, inner))
    assert routed.xml == refusal(kind, HP, SP, type_, condition)


@pytest.mark.parametrize(
    "inner",
    [
        "",
        "<error/>",
        '<error type="cancel"><no-such-condition xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>',
        '<error type="cancel"><gone xmlns="urn:other"/></error>',
    ],
)
def test_an_error_that_names_no_condition_is_undefined(router: Router, inner: str) -> None:
    routed = route(router, stanza("iq", "error", BOX, ALIAS, inner))
    assert routed.xml == refusal("iq", HP, SP, "cancel", "undefined-condition")


@pytest.mark.parametrize(
    "inner",
    [
        "",
        READ_ANSWER + READ_ANSWER,
        READ_ANSWER + "<x/>",
        READ_ANSWER.replace("<invokeID>", '<invokeID extra="1">'),
        answer("<fileOpen/>"),
        '<ping xmlns="urn:xmpp:ping"/>',
        READ,
        OPERATE,
        REPORT,
    ],
)
def test_what_is_no_answer_of_a_box_becomes_an_error(router: Router, inner: str) -> None:
    routed = route(router, result(inner))
    assert routed.xml == refusal("iq", HP, SP, "cancel", "internal-server-error")


@pytest.mark.parametrize(
    "inner",
    [
        "<body>hello</body>",
        REPORT + '<delay xmlns="urn:xmpp:delay" from="boxes.example.org"/>',
        REPORT + REPORT,
        READ,
        answer("<getNameList><listOfIdentifier/><moreFollows>false</moreFollows></getNameList>"),
        "",
    ],
)
def test_what_is_no_report_of_a_box_goes_back_to_it(router: Router, inner: str) -> None:
    routed = route(router, stanza("message", "normal", BOX, ALIAS, inner))
    assert routed.xml == refusal("message", ALIAS, BOX, "modify", "bad-request")


@pytest.mark.parametrize("make", [get, put])
@pytest.mark.parametrize("to", [ALIAS, "hp0002@hub.example.org/IEC", "hub.example.org"])
def test_a_box_asks_for_nothing(router: Router, make: object, to: str) -> None:
    assert callable(make)
    routed = route(router, make(READ, sender=BOX, to=to))
    assert routed.xml == refusal("iq", to, BOX, "cancel", "not-allowed")


@pytest.mark.parametrize("type_", ["chat", "groupchat", "headline"])
def test_a_box_does_not_chat(router: Router, type_: str) -> None:
    routed = route(router, stanza("message", type_, BOX, ALIAS, REPORT))
    assert routed.xml == refusal("message", ALIAS, BOX, "cancel", "not-allowed")


@pytest.mark.parametrize("sender", ["box0001@boxes.example.org/other", "box0001@boxes.example.org"])
def test_only_the_resource_of_the_standard_speaks_for_a_box(router: Router, sender: str) -> None:
    assert route(router, result(READ_ANSWER, sender=sender)).outcome is Outcome.DROPPED
    routed = route(router, stanza("message", "normal", sender, ALIAS, REPORT))
    assert routed.xml == refusal("message", ALIAS, sender, "cancel", "not-allowed")


@pytest.mark.parametrize(
    "to", ["heat@hub.example.org/x", "idle@hub.example.org/x", "no@hub.example.org/x", HP]
)
def test_a_box_reaches_only_who_holds_a_grant_on_it(router: Router, to: str) -> None:
    answered = route(router, result(READ_ANSWER, to=to))
    assert (answered.outcome, answered.xml) == (Outcome.DROPPED, "")
    reported = route(router, stanza("message", "normal", BOX, to, REPORT))
    assert reported.outcome is Outcome.REFUSED
    assert reported.xml.startswith(
        f'<message type="error" id="i1" from="{to}" to="{BOX}"><error type="cancel">'
    )


def test_after_the_end_of_the_grant_nothing_comes_through_any_more(router: Router) -> None:
    box3, at_end = "box0003@boxes.example.org/IEC", NOW - 1
    for text in (result(READ_ANSWER, sender=box3), stanza("message", "", box3, ALIAS, REPORT)):
        assert route(router, text, at_end - 0.001).outcome is Outcome.FORWARDED
        assert route(router, text, at_end).outcome is not Outcome.FORWARDED
    assert (
        route(router, get(READ, to="hp0003@hub.example.org/IEC"), at_end - 0.001).outcome is Outcome.FORWARDED
    )
    assert route(router, get(READ, to="hp0003@hub.example.org/IEC"), at_end).outcome is Outcome.REFUSED


def test_the_result_of_a_command_is_audited_even_if_the_grant_has_ended_meanwhile(router: Router) -> None:
    routed = route(router, result(WRITE_DONE, sender="box0003@boxes.example.org/IEC"))
    assert (routed.outcome, routed.xml, routed.instead) == (Outcome.DROPPED, "", "")
    assert routed.audit is not None
    assert (routed.audit.kind, routed.audit.heat_pump, routed.audit.provider_jid) == (
        AuditKind.RESULT,
        "hp0003",
        SP,
    )
    assert routed.audit.detail == "done; not passed on: the provider holds no grant"


@pytest.mark.parametrize("sender", [SP, "who@stranger.example/x", "boxes.example.org"])
@pytest.mark.parametrize("to", [HP, ALIAS, "hub.example.org", "heat@hub.example.org/x"])
@pytest.mark.parametrize("type_", ["result", "error"])
def test_answers_of_others_than_boxes_are_dropped(router: Router, type_: str, to: str, sender: str) -> None:
    routed = route(router, stanza("iq", type_, sender, to, READ_ANSWER))
    assert (routed.outcome, routed.xml, routed.audit) == (Outcome.DROPPED, "", None)


# --- messages of providers, and the hub itself -----------------------------------------------------


@pytest.mark.parametrize("type_", ["", "normal", "chat", "headline"])
@pytest.mark.parametrize("sender", [SP, "who@stranger.example/x"])
@pytest.mark.parametrize("to", [HP, "hp0002@hub.example.org/IEC", "hub.example.org", ALIAS])
def test_nobody_writes_messages_to_heat_pumps(router: Router, type_: str, sender: str, to: str) -> None:
    routed = route(router, stanza("message", type_, sender, to, REPORT))
    assert routed.xml == refusal("message", to, sender, "cancel", "service-unavailable")


def test_a_bounced_report_goes_back_to_the_box(router: Router) -> None:
    inner = (
        f'{REPORT}<error by="aggregator.example" type="cancel"><gone xmlns="{ERRORS}">{SECRET}</gone></error>'
    )
    routed = route(router, stanza("message", "error", SP, HP, inner))
    assert routed.xml == refusal("message", ALIAS, BOX, "cancel", "gone")


@pytest.mark.parametrize(("sender", "to"), NOWHERE.values(), ids=NOWHERE.keys())
def test_a_bounce_that_is_not_his_is_dropped(router: Router, sender: str, to: str) -> None:
    routed = route(router, stanza("message", "error", sender, to, "<error/>"))
    assert (routed.outcome, routed.xml) == (Outcome.DROPPED, "")


@pytest.mark.parametrize("sender", [SP, "who@stranger.example/x"])
def test_the_hub_answers_a_ping(router: Router, sender: str) -> None:
    routed = route(router, get('<ping xmlns="urn:xmpp:ping"/>', sender, "hub.example.org"))
    assert routed.xml == stanza("iq", "result", "hub.example.org", sender)
    assert routed.outcome is Outcome.ANSWERED


@pytest.mark.parametrize(
    "text",
    [
        put('<ping xmlns="urn:xmpp:ping"/>', to="hub.example.org"),
        get('<ping xmlns="urn:other"/>', to="hub.example.org"),
        get('<ping xmlns="urn:xmpp:ping"/><ping xmlns="urn:xmpp:ping"/>', to="hub.example.org"),
        get(READ, to="hub.example.org"),
        get(READ, to="hub.example.org/IEC"),
    ],
)
def test_the_hub_itself_offers_nothing_else(router: Router, text: str) -> None:
    routed = route(router, text)
    assert routed.outcome is Outcome.REFUSED
    assert '<service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>' in routed.xml


# --- audit -----------------------------------------------------------------------------------------

BLOCKED = "LastApplError: AddCause 10 (Blocked-by-interlocking)"


def entry(routed: Routed) -> AuditEntry:
    assert routed.audit is not None
    return routed.audit


def test_request_and_result_are_joined_by_box_provider_and_id(router: Router) -> None:
    asked = entry(route(router, put(OPERATE, id_="cmd-1")))
    done = entry(route(router, result(WRITE_DONE, id_="cmd-1"), NOW + 1))
    key = ("box0001@boxes.example.org", SP, "cmd-1")
    assert (asked.box, asked.provider_jid, asked.stanza_id) == key
    assert (done.box, done.provider_jid, done.stanza_id) == key
    assert (asked.kind, done.kind) == (AuditKind.REQUEST, AuditKind.RESULT)
    assert (asked.at, done.at) == (NOW, NOW + 1)
    assert (asked.service, asked.references) == ("Operate", ("HP/EvuGGIO1.SPCSO1.Oper[CO]",))
    assert (asked.detail, done.detail) == ("ctlVal=True", "done")
    assert (asked.provider, asked.heat_pump) == (done.provider, done.heat_pump) == ("agg", "hp0001")


def test_an_operate_that_cannot_be_audited_is_told_to_wait(router: Router) -> None:
    assert route(router, put(OPERATE)).instead == refusal("iq", HP, SP, "wait", "resource-constraint")


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (result(WRITE_FAILED), "object-access-denied"),
        (result(text_answer("HP/EvuGGIO1$CO$SPCSO1$SBO")), "done"),
        (result(text_answer("")), "empty: if this was a select, it was refused"),
        (result(SERVICE_ERROR), "object-non-existent"),
        (result(REJECT), "rejected: invalid-argument"),
        (stanza("message", "", BOX, ALIAS, LAST_APPL_ERROR), BLOCKED),
        (stanza("iq", "error", BOX, ALIAS, f'<error><gone xmlns="{ERRORS}"/></error>'), "gone"),
        (
            result(answer("<write><CHOICE><success/></CHOICE><CHOICE><success/></CHOICE></write>")),
            "done, done",
        ),
    ],
)
def test_results_are_audited_and_pass_even_if_the_audit_fails(router: Router, text: str, detail: str) -> None:
    routed = route(router, text)
    assert (entry(routed).kind, entry(routed).detail) == (AuditKind.RESULT, detail)
    assert routed.instead == routed.xml != ""


@pytest.mark.parametrize(
    "value",
    [
        "<integer>10</integer>",
        "<structure/>",
        f"<structure><Data><mMSString>{SECRET}</mMSString></Data></structure>",
        "<structure><Data><floating-point>41A40000</floating-point></Data></structure>",
    ],
)
def test_a_last_appl_error_that_is_none_is_unreadable(router: Router, value: str) -> None:
    routed = route(router, stanza("message", "", BOX, ALIAS, report("LastApplError", value)))
    assert entry(routed).detail == "LastApplError: unreadable"


@pytest.mark.parametrize(
    "text",
    [
        *(get(READ), put(INITIATE), result(READ_ANSWER), stanza("message", "", BOX, ALIAS, REPORT)),
        *(result(text_answer(text)) for text in ("a vendor", "HP/EvuGGIO1$ST$SPCSO1$SBO", "HP/EvuGGIO1$CO")),
    ],
)
def test_reading_and_reports_are_not_audited(router: Router, text: str) -> None:
    routed = route(router, text)
    assert (routed.outcome, routed.audit) == (Outcome.FORWARDED, None)


def everything_said(routed: Routed) -> str:
    texts = [routed.reason, routed.service, routed.heat_pump, routed.provider]
    if routed.audit:
        texts += map(str, routed.audit)
    return " ".join(texts)


@pytest.mark.parametrize(
    "text",
    [
        result(READ_ANSWER),
        stanza("message", "", BOX, ALIAS, REPORT),
        stanza("message", "", BOX, ALIAS, report("LastApplError", f"<mMSString>{SECRET}</mMSString>")),
        get(READ.replace("</invokeID>", f"</invokeID><x>{SECRET}</x>")),
        put(
            confirmed(
                f"<write>{access(variable('HP', 'X1$SP$Y$setVal'))}<listOfData><Data><visible-string>{SECRET}"
                "</visible-string></Data></listOfData></write>"
            )
        ),
    ],
)
def test_neither_values_nor_secrets_reach_audit_or_log(router: Router, text: str) -> None:
    assert SECRET not in everything_said(route(router, text))


def test_no_address_of_a_box_reaches_a_provider_and_none_of_a_provider_a_box(router: Router) -> None:
    for text in (get(READ), put(OPERATE), put(INITIATE)):
        assert "aggregator.example" not in route(router, text).xml
    for text in (result(READ_ANSWER), stanza("message", "", BOX, ALIAS, REPORT)):
        assert "boxes.example.org" not in route(router, text).xml


SELECT = confirmed(
    f'<read specificationWithResult="false">{access(variable("HP", "EvuGGIO1$CO$SPCSO1$SBO"))}</read>'
)


def test_a_select_is_audited_before_it_is_forwarded(router: Router) -> None:
    routed = route(router, get(SELECT))
    assert routed.xml == stanza("iq", "get", ALIAS, BOX, SELECT)
    assert (entry(routed).service, entry(routed).references) == (
        "Select",
        ("HP/EvuGGIO1.SPCSO1.SBO[CO]",),
    )
    assert routed.instead == refusal("iq", HP, SP, "wait", "resource-constraint")


# --- what becomes of a command ---------------------------------------------------------------------


def termination(*, error: bool = False, timed: bool = False, device: str = "HP") -> str:
    """A termination as the golden files of the codec have it."""
    kind = "timeActivatedOperateTermination" if timed else "command_termination"
    name = f"{kind}{'_negative' if error else ''}_report.xml"
    xml = (GOLDEN / name).read_text().replace("<domainId>HP<", f"<domainId>{device}<")
    return stanza("message", "", BOX, ALIAS, xml)


TERMINATIONS = [
    (termination(), "CommandTermination", "ctlVal=True: done"),
    (termination(error=True), "CommandTermination", "ctlVal=True: AddCause 10 (Blocked-by-interlocking)"),
    (
        termination(timed=True),
        "TimeActivatedOperateTermination",
        "ctlVal=True operTm=2025-11-22T06:38:56.250Z: done",
    ),
]


@pytest.mark.parametrize(("text", "service", "detail"), TERMINATIONS)
def test_how_a_command_ended_is_passed_on_and_audited(
    router: Router, text: str, service: str, detail: str
) -> None:
    routed = route(router, text)
    assert routed.outcome is Outcome.FORWARDED
    assert f'to="{SP}"' in routed.xml
    said = entry(routed)
    assert (said.kind, said.service, said.detail) == (AuditKind.RESULT, service, detail)
    assert said.references == ("HP/EvuGGIO1.SPCSO1.Oper[CO]",)


def test_a_last_appl_error_is_audited_with_its_object(router: Router) -> None:
    said = entry(route(router, stanza("message", "", BOX, ALIAS, LAST_APPL_ERROR)))
    assert (said.service, said.references) == ("LastApplError", ("HP/EvuGGIO1.SPCSO1[CO]",))


@pytest.mark.parametrize(
    ("rights", "scope", "object_", "passes"),
    [
        ({Right.CONTROL}, (), "HP/EvuGGIO1$CO$SPCSO1", True),
        ({Right.CONTROL}, ("HP/EvuGGIO1.*",), "HP/EvuGGIO1$CO$SPCSO1", True),
        ({Right.CONTROL}, ("HP/RlyGGIO1.*",), "HP/EvuGGIO1$CO$SPCSO1", False),
        ({Right.READ, Right.SCHEDULE, Right.SETTINGS}, (), "HP/EvuGGIO1$CO$SPCSO1", False),
        ({Right.SCHEDULE}, (), "SCH/EvuFSCH2$CO$EnaReq", True),
        ({Right.SCHEDULE}, (), "SCH/EvuFSCH1$CO$EnaReq", False),
        ({Right.CONTROL, Right.READ}, (), "SCH/EvuFSCH2$CO$EnaReq", False),
    ],
)
def test_who_may_command_hears_how_it_ended_and_nobody_else(
    router: Router, rights: set[Right], scope: tuple[str, ...], object_: str, passes: bool
) -> None:
    """Of schedules: who holds their slot."""
    grant = Grant(1, "agg", "hp0001", frozenset(rights), scope)
    router.roster.apply(Changes(2, grants=(grant,), slots=(SlotChange(1, "hp0001", 2),)))
    device, _, item = object_.partition("/")
    error = LAST_APPL_ERROR.replace(">HP/", f">{device}/")
    texts = [
        text.replace("EvuGGIO1$CO$SPCSO1", item)
        for text in (
            termination(device=device),
            termination(timed=True, device=device),
            stanza("message", "", BOX, ALIAS, error),
        )
    ]
    for text in texts:
        routed = route(router, text)
        assert (routed.outcome is Outcome.FORWARDED) is passes
        assert (f'to="{SP}"' in routed.xml) is passes


def test_values_by_name_are_for_who_may_read(router: Router) -> None:
    router.roster.apply(Changes(2, grants=(Grant(1, "agg", "hp0001", frozenset({Right.CONTROL})),)))
    text = stanza("message", "", BOX, ALIAS, report("X", "<boolean>true</boolean>"))
    assert route(router, text).outcome is not Outcome.FORWARDED


# --- errors as text --------------------------------------------------------------------------------


def test_every_condition_has_a_type_of_rfc_6120() -> None:
    from hub.stanzas import error

    for condition in Condition:
        written = error("iq", "1", "a@b", "c@d", condition)
        found = re.search(r'<error type="(\w+)"><([a-z-]+) xmlns="([^"]+)"/></error>', written)
        assert found is not None
        assert found[1] in ("auth", "cancel", "continue", "modify", "wait")
        assert (found[2], found[3]) == (condition, ERRORS)
