"""Requests to groups as dialogues: a message in, one to each member that may be asked, answers back."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from hub.addresses import Addresses
from hub.audit.entry import AuditEntry, AuditKind
from hub.group_way import RouterWithGroups
from hub.listing import ITEMS_NS, MAX_PAGE, RSM_NS
from hub.roster import Changes, Grant, HeatPump, Member, Provider, Right, Roster
from hub.router import Outcome, Routed
from hub.stanzas import Stanza
from tests.hub.test_router import (
    ALIAS,
    BOX,
    ERRORS,
    HP,
    INITIATE,
    NOW,
    NS,
    OPER,
    OPERATE,
    READ,
    READ_ANSWER,
    REPORT,
    SECRET,
    SERVICE_ERROR,
    SP,
    WRITE_DONE,
    WRITE_FAILED,
    access,
    confirmed,
    refusal,
    stanza,
    variable,
)

NORTH = "north@hub.example.org"
BOTH = frozenset({Right.READ, Right.CONTROL})
SP2 = "desk@heat.example/pc"


@pytest.fixture
def router() -> RouterWithGroups:
    """In north are hp0001 to hp0004, in south hp0005. agg may read and control all in north but hp0004, which
    it has been granted to read only as one in east; heat may control hp0002 alone; idle holds nothing."""
    roster = Roster()
    read = frozenset({Right.READ})
    roster.apply(
        Changes(
            1,
            tuple(HeatPump(f"hp000{n}", f"box000{n}@boxes.example.org") for n in range(1, 7)),
            (
                Provider("agg", "control@aggregator.example"),
                Provider("heat", "desk@heat.example"),
                Provider("idle", "me@idle.example"),
            ),
            (
                *(Grant(n, "agg", f"hp000{n}", BOTH) for n in (1, 2)),
                Grant(3, "agg", "hp0003", BOTH, ("HP/EvuGGIO1.*",), until=NOW + 60),
                Grant(4, "agg", "", read, group="east"),
                Grant(5, "heat", "hp0002", frozenset({Right.CONTROL})),
            ),
            members=(
                *(Member("north", f"hp000{n}") for n in (1, 2, 3, 4, 6)),
                Member("east", "hp0004"),
                Member("south", "hp0005"),
            ),
        )
    )
    return RouterWithGroups(Addresses("hub.example.org"), roster)


def parsed(text: str) -> Stanza:
    return Stanza.of(ElementTree.fromstring(f'<stream xmlns="jabber:component:accept">{text}</stream>')[0])


def ask(
    router: RouterWithGroups, inner: str, sender: str = SP, to: str = NORTH, id_: str = "g1", type_: str = ""
) -> Routed:
    return router.route(parsed(stanza("message", type_, sender, to, inner, id_)), NOW)


def spread(router: RouterWithGroups, routed: Routed, now: float = NOW) -> dict[str, Routed]:
    """What each member gets, by its id."""
    assert routed.outcome is Outcome.SPREAD
    assert routed.group is not None
    assert (routed.xml, routed.audit) == ("", None), "nothing is said before the members' turns"
    found = {one: router.for_member(routed.group, one, now) for one in routed.group.members}
    return {one: decided[1] for one, decided in found.items() if decided is not None}


# --- the way there ---------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", ["", "normal"])
def test_each_member_that_may_be_asked_gets_the_request_with_its_id(
    router: RouterWithGroups, type_: str
) -> None:
    found = spread(router, ask(router, OPERATE, type_=type_))
    boxes = {n: f"box000{n}@boxes.example.org/IEC" for n in (1, 2, 3)}
    assert {found[f"hp000{n}"].xml for n in (1, 2, 3)} == {
        stanza("message", "normal", ALIAS, box, OPERATE, "g1") for box in boxes.values()
    }
    assert "hp0006" not in found, "no grant: it is not spoken of"


def test_a_member_with_a_grant_that_does_not_cover_it_refuses_as_if_asked_alone(
    router: RouterWithGroups,
) -> None:
    found = spread(router, ask(router, OPERATE))
    hp4 = "hp0004@hub.example.org/IEC"
    assert found["hp0004"].xml == refusal("message", hp4, SP, "auth", "forbidden", "g1")
    assert found["hp0004"].audit is not None
    assert found["hp0004"].audit.kind is AuditKind.REFUSAL
    reading = spread(router, ask(router, READ))
    assert reading["hp0003"].outcome is Outcome.REFUSED, "outside of its scope"
    assert {one for one, routed in reading.items() if routed.outcome is Outcome.FORWARDED} == {
        "hp0001", "hp0002", "hp0004",
    }  # fmt: skip


def test_an_operate_is_audited_for_each_member(router: RouterWithGroups) -> None:
    found = spread(router, ask(router, OPERATE))
    for n in (1, 2, 3):
        entry = found[f"hp000{n}"].audit
        assert entry is not None
        assert (entry.kind, entry.service, entry.heat_pump) == (AuditKind.REQUEST, "Operate", f"hp000{n}")
        joined = (entry.box, entry.provider_jid, entry.stanza_id)
        assert joined == (f"box000{n}@boxes.example.org", SP, "g1")
    wait = refusal("message", HP, SP, "wait", "resource-constraint", "g1")
    assert found["hp0001"].instead == wait, "not audited, not carried out"
    assert all(
        one.audit is None
        for one in spread(router, ask(router, READ)).values()
        if one.outcome is Outcome.FORWARDED
    )


def test_a_member_is_judged_when_its_turn_comes(router: RouterWithGroups) -> None:
    routed = ask(router, OPERATE)
    late = spread(router, routed, NOW + 61)
    assert "hp0003" not in late, "its grant has ended meanwhile"
    left = (Member("east", "hp0004"),)
    router.roster.apply(Changes(2, removed_grants=(1,), removed_members=left, removed_heat_pumps=("hp0002",)))
    assert spread(router, routed).keys() == {"hp0003"}


def test_who_is_shut_out_meanwhile_commands_no_more_of_them(router: RouterWithGroups) -> None:
    routed = ask(router, OPERATE)
    assert routed.group is not None
    assert router.for_member(routed.group, "hp0001", NOW) is not None
    router.roster.apply(Changes(2, providers=(Provider("agg", "agg@shut-out.invalid"),)))
    assert router.for_member(routed.group, "hp0002", NOW) is None


def test_a_grant_whose_end_is_moved_meanwhile_counts_as_it_is_now(router: RouterWithGroups) -> None:
    later = OPER.replace("0000000000000000", f"{int(NOW) + 100:08X}00000000")
    routed = ask(router, OPERATE.replace(OPER, later))
    assert spread(router, routed)["hp0001"].outcome is Outcome.FORWARDED
    router.roster.apply(Changes(2, grants=(Grant(1, "agg", "hp0001", BOTH, until=NOW + 50),)))
    assert spread(router, routed)["hp0001"].outcome is Outcome.REFUSED


def test_a_command_beyond_the_end_of_one_grant_is_refused_for_that_member(router: RouterWithGroups) -> None:
    later = OPER.replace("0000000000000000", f"{int(NOW) + 100:08X}00000000")
    assert later != OPER
    found = spread(router, ask(router, OPERATE.replace(OPER, later)))
    assert found["hp0003"].outcome is Outcome.REFUSED
    assert found["hp0001"].outcome is Outcome.FORWARDED


@pytest.mark.parametrize("resource", ["desk1", "a/b", "<&>\"'", ""])
def test_the_session_is_known_by_its_alias(router: RouterWithGroups, resource: str) -> None:
    sender = f"control@aggregator.example/{resource}" if resource else "control@aggregator.example"
    routed = router.route(Stanza("message", "", "g1", sender, NORTH, parsed(f"<m>{READ}</m>").children), NOW)
    there = ElementTree.fromstring(spread(router, routed)["hp0001"].xml)
    alias = there.get("from", "")
    back = router.route(said(WRITE_DONE, alias), NOW)
    assert ElementTree.fromstring(back.xml).get("to") == sender


# --- what is not for groups ------------------------------------------------------------------------


def write(*items: str) -> str:
    names = access(*(variable("HP", item) for item in items))
    return confirmed(f"<write>{names}<listOfData>{OPER * len(items)}</listOfData></write>")


def read(*items: str) -> str:
    names = access(*(variable("HP", item) for item in items))
    return confirmed(f'<read specificationWithResult="false">{names}</read>')


BARE = READ.replace(f" {NS}", "")
FOR_ONE = {
    "associate": INITIATE,
    "release": f"<conclude-RequestPDU {NS}/>",
    "in an association": f'<associationContext {NS} assoID="1:2">{BARE}</associationContext>',
    "a directory": confirmed(
        "<getNameList><objectClass><basicObjectClass>domain</basicObjectClass></objectClass>"
        "<objectScope><vmdSpecific/></objectScope></getNameList>"
    ),
    "select": read("RlyGGIO1$CO$SPCSO1$SBO"),
    "select with value": write("RlyGGIO1$CO$SPCSO1$SBOw"),
    "select beside operate": write("RlyGGIO1$CO$SPCSO1$Oper", "RlyGGIO1$CO$SPCSO1$SBOw"),
    "a block beside operate": write("RlyGGIO1$CO$SPCSO1$Oper", "LLN0$RP$urcb01$RptEna"),
    "reports": write("LLN0$BR$brcb01$RptEna"),
    "an answer": WRITE_DONE,
    "a report": REPORT,
    "two": READ + READ,
    "an extra": f"{READ}<delay xmlns='urn:xmpp:delay'/>",
    "damaged": READ.replace("<invokeID>", f'<invokeID extra="{SECRET}">'),
}  # fmt: skip


@pytest.mark.parametrize("inner", FOR_ONE.values(), ids=FOR_ONE.keys())
def test_what_only_one_can_be_asked_is_refused_alike_for_any_group(
    router: RouterWithGroups, inner: str
) -> None:
    for to in (NORTH, "nobody@hub.example.org"):
        routed = ask(router, inner, to=to)
        assert routed.xml == refusal("message", to, SP, "modify", "bad-request", "g1")


@pytest.mark.parametrize(
    "inner",
    [
        READ, OPERATE, write("RlyGGIO1$CO$SPCSO1$Cancel"), write("HpGGIO1$SP$Set$setMag"),
        write("RlyGGIO1$CO$SPCSO1$Oper", "RlyGGIO1$CO$SPCSO2$Oper"),
        confirmed(
            '<read specificationWithResult="false"><variableAccessSpecification><variableListName>'
            "<domain-specific><domainId>MET</domainId><itemId>LLN0$dsMeas</itemId></domain-specific>"
            "</variableListName></variableAccessSpecification></read>"
        ),
    ],
)  # fmt: skip
def test_what_may_be_meant_for_many_is_judged_for_each(router: RouterWithGroups, inner: str) -> None:
    assert ask(router, inner).outcome is Outcome.SPREAD


def test_a_request_without_an_id_could_not_be_answered(router: RouterWithGroups) -> None:
    assert ask(router, READ, id_="").outcome is Outcome.REFUSED


NOWHERE = {
    "an unknown group": (SP, "west@hub.example.org"),
    "a group with nobody for him": (SP, "south@hub.example.org"),
    "somebody without a grant": ("me@idle.example/x", NORTH),
    "a stranger": ("who@stranger.example/x", NORTH),
    "a heat pump": (SP, "hp0001@hub.example.org"),
    "a provider": (SP, "agg@hub.example.org"),
    "capitals": (SP, "North@hub.example.org"),
}


@pytest.mark.parametrize("inner", [READ, OPERATE])
@pytest.mark.parametrize(("sender", "to"), NOWHERE.values(), ids=NOWHERE.keys())
def test_a_group_that_is_not_for_him_does_not_exist(
    router: RouterWithGroups, sender: str, to: str, inner: str
) -> None:
    routed = ask(router, inner, sender, to)
    assert routed.xml == refusal("message", to, sender, "cancel", "item-not-found", "g1")
    unknown = ask(router, inner, sender, "west@hub.example.org")
    assert routed.xml.replace(to, "west@hub.example.org") == unknown.xml
    assert _audit(routed)._replace(heat_pump="") == _audit(unknown)._replace(heat_pump="")


def _audit(routed: Routed) -> AuditEntry:
    assert routed.audit is not None
    return routed.audit


@pytest.mark.parametrize("type_", ["chat", "headline", "groupchat", "result"])
def test_a_group_does_not_chat(router: RouterWithGroups, type_: str) -> None:
    assert ask(router, READ, type_=type_).outcome is not Outcome.SPREAD
    assert ask(router, "<body>hello</body>").xml == refusal(
        "message", NORTH, SP, "cancel", "service-unavailable", "g1"
    )


def test_a_box_asks_no_group(router: RouterWithGroups) -> None:
    routed = ask(router, OPERATE, sender=BOX)
    assert routed.xml == refusal("message", NORTH, BOX, "cancel", "item-not-found", "g1")


def test_a_group_has_no_resource_and_takes_no_iq(router: RouterWithGroups) -> None:
    assert ask(router, READ, to=f"{NORTH}/IEC").outcome is Outcome.REFUSED
    routed = router.route(parsed(stanza("iq", "get", SP, f"{NORTH}/IEC", READ)), NOW)
    assert routed.xml == refusal("iq", f"{NORTH}/IEC", SP, "cancel", "item-not-found")
    routed = router.route(parsed(stanza("iq", "get", SP, NORTH, READ)), NOW)
    assert routed.xml == refusal("iq", NORTH, SP, "cancel", "item-not-found")


# --- the way back ----------------------------------------------------------------------------------


def said(inner: str, to: str = ALIAS, id_: str = "g1", type_: str = "normal", box: str = BOX) -> Stanza:
    return parsed(stanza("message", type_, box, to, inner, id_))


@pytest.mark.parametrize(
    ("inner", "result"),
    [
        (READ_ANSWER, None),
        (WRITE_DONE, "done"),
        (WRITE_FAILED, "object-access-denied"),
        (SERVICE_ERROR, "object-non-existent"),
    ],
)
def test_an_answer_comes_from_the_public_address_with_its_id_and_is_audited(
    router: RouterWithGroups, inner: str, result: str | None
) -> None:
    routed = router.route(said(inner), NOW)
    assert routed.xml == stanza("message", "normal", HP, SP, inner, "g1")
    assert (routed.audit and routed.audit.detail) == result


def test_that_a_box_is_away_is_told_by_its_public_address(router: RouterWithGroups) -> None:
    inner = f'<error type="cancel"><service-unavailable xmlns="{ERRORS}"/></error>'
    routed = router.route(said(inner, type_="error"), NOW)
    assert routed.xml == refusal("message", HP, SP, "cancel", "service-unavailable", "g1")
    assert _audit(routed).detail == "service-unavailable"


def test_an_answer_without_an_id_answers_nothing(router: RouterWithGroups) -> None:
    routed = router.route(said(WRITE_DONE, id_=""), NOW)
    assert routed.xml == refusal("message", ALIAS, BOX, "modify", "bad-request", "")


@pytest.mark.parametrize("type_", ["normal", "error"])
def test_after_the_end_of_the_grant_a_result_is_audited_and_goes_nowhere(
    router: RouterWithGroups, type_: str
) -> None:
    box = "box0003@boxes.example.org/IEC"
    inner = WRITE_DONE if type_ == "normal" else f'<error><gone xmlns="{ERRORS}"/></error>'
    routed = router.route(said(inner, type_=type_, box=box), NOW + 61)
    assert (routed.outcome, routed.xml) == (Outcome.DROPPED, "")
    assert "holds no grant" in _audit(routed).detail


# --- who is in it ----------------------------------------------------------------------------------


def items(
    router: RouterWithGroups, page: str = "", sender: str = SP, to: str = NORTH, node: str = ""
) -> Routed:
    query = f'<query xmlns="{ITEMS_NS}"{node}>{page}</query>'
    return router.route(parsed(stanza("iq", "get", sender, to, query)), NOW)


def page(**parts: object) -> str:
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in parts.items())
    return f'<set xmlns="{RSM_NS}">{inside}</set>'


def listed(routed: Routed) -> list[str]:
    assert routed.outcome is Outcome.ANSWERED
    query = ElementTree.fromstring(routed.xml)[0]
    return [one.get("jid", "") for one in query if one.tag == f"{{{ITEMS_NS}}}item"]


def test_a_provider_is_told_of_the_members_it_may_address_and_no_other(router: RouterWithGroups) -> None:
    assert listed(items(router)) == [f"hp000{n}@hub.example.org/IEC" for n in (1, 2, 3, 4)]
    assert listed(items(router, sender=SP2)) == ["hp0002@hub.example.org/IEC"]


def test_a_long_list_comes_in_pages(router: RouterWithGroups) -> None:
    members = tuple(HeatPump(f"x{n:04d}", f"x{n}@b.example") for n in range(MAX_PAGE + 3))
    east = tuple(Member("east", one.id) for one in members)
    router.roster.apply(Changes(2, heat_pumps=members, members=east))
    seen, after = [], ""
    while True:
        routed = items(router, page(max=10_000, after=after), to="east@hub.example.org")
        assert f"<count>{MAX_PAGE + 4}</count>" in routed.xml
        if not (part := listed(routed)):
            break
        assert len(part) <= MAX_PAGE
        seen += part
        after = part[-1].partition("@")[0]
        assert f"<last>{after}</last>" in routed.xml
    assert len(seen) == len(set(seen)) == MAX_PAGE + 4
    assert listed(items(router, page(max=2, after="hp0001"))) == [
        f"hp000{n}@hub.example.org/IEC" for n in (2, 3)
    ]
    assert listed(items(router, page(max=0))) == []


@pytest.mark.parametrize(
    "wrong",
    [page(max="x"), page(index="-1"), page(max="9" * 20), page(before="", index=0), page() * 2, "<x/>"],
)
def test_a_page_that_cannot_be_told_is_refused_alike_for_any_group(
    router: RouterWithGroups, wrong: str
) -> None:
    for to in (NORTH, "nobody@hub.example.org"):
        assert items(router, wrong, to=to).xml == refusal("iq", to, SP, "modify", "bad-request")


@pytest.mark.parametrize(("sender", "to"), NOWHERE.values(), ids=NOWHERE.keys())
def test_members_of_a_group_that_is_not_for_him_do_not_exist(
    router: RouterWithGroups, sender: str, to: str
) -> None:
    for routed in (items(router, sender=sender, to=to), items(router, page(max=1), sender, to)):
        assert routed.xml == refusal("iq", to, sender, "cancel", "item-not-found")
    assert items(router, node=' node="x"').xml == refusal("iq", NORTH, SP, "cancel", "item-not-found")
