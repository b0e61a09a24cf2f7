"""What is for HIST goes to the collector and to no box, and comes back as from the heat pump."""

from __future__ import annotations

import pytest
from test_router import (
    ALIAS,
    BOX,
    HP,
    NOW,
    OPERATE,
    READ,
    READ_ANSWER,
    REPORT,
    SERVICE_ERROR,
    SP,
    access,
    confirmed,
    get,
    put,
    refusal,
    result,
    route,
    stanza,
    variable,
)

from hub.addresses import NOBODY, Addresses
from hub.asking import request_for
from hub.gate import Gate, Limits, Verdict
from hub.judge import judge
from hub.ops_way import RouterWithOperations
from hub.roster import Changes, Grant, HeatPump, Member, Provider, Right, Roster
from hub.router import Outcome
from hub.stanzas import Condition, Stanza, error

COLLECTOR = "hp0001@history.hub.example.org/IEC"
NAMED = "<domain-specific><domainId>{}</domainId><itemId>LLN0$AvgLog</itemId></domain-specific>"
DAY = "<rangeStartSpecification><startingTime>000000000000</startingTime></rangeStartSpecification>"
QUERY = confirmed(f"<readJournal><journalName>{NAMED.format('HIST')}</journalName>{DAY}</readJournal>")
READ_HIST = confirmed(
    f'<read specificationWithResult="false">{access(variable("HIST", "MMXU1$MX$TotW"))}</read>'
)
MIXED = confirmed(
    '<read specificationWithResult="false">'
    f"{access(variable('HIST', 'MMXU1$MX$TotW'), variable('MET', 'MMXU1$MX$TotW'))}</read>"
)


def grant(key: int, provider: str, *rights: Right, scope: tuple[str, ...] = (), on: str = "hp0001") -> Grant:
    return Grant(key, provider, on, frozenset(rights), scope)


@pytest.fixture
def router() -> RouterWithOperations:
    """agg reads the history of hp0001, and of hp0003, whose box is shut out; heat reads all but that."""
    roster = Roster()
    roster.apply(
        Changes(
            1,
            (
                HeatPump("hp0001", "box0001@boxes.example.org"),
                HeatPump("hp0002", "box0002@boxes.example.org"),
                HeatPump("hp0003", f"x{NOBODY}"),
            ),
            (Provider("agg", "control@aggregator.example"), Provider("heat", "desk@heat.example")),
            (
                grant(1, "agg", Right.HISTORY, Right.READ),
                grant(2, "agg", Right.HISTORY, on="hp0003"),
                grant(3, "heat", Right.READ, Right.CONTROL, Right.SETTINGS, Right.FILES),
            ),
            members=(Member("street", "hp0001"),),
        )
    )
    return RouterWithOperations(Addresses("hub.example.org"), roster)


# --- there -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [QUERY, READ_HIST])
def test_it_goes_to_the_collector_from_the_alias_with_the_same_id(
    router: RouterWithOperations, asked: str
) -> None:
    routed = route(router, get(asked))
    assert routed.xml == stanza("iq", "get", ALIAS, COLLECTOR, asked)
    assert (routed.outcome, routed.audit) == (Outcome.FORWARDED, None)
    assert routed.service in ("QueryLogByTime", "GetDataValues"), "it is counted as used"


def test_it_is_there_though_the_box_is_shut_out(router: RouterWithOperations) -> None:
    there = route(router, get(QUERY, to="hp0003@hub.example.org/IEC"))
    assert ' to="hp0003@history.hub.example.org/IEC"' in there.xml


@pytest.mark.parametrize(
    ("service", "reference"),
    [
        ("GetDataValues", "HIST/MMXU1.TotW[CO]"),
        ("Select", "HIST/EvuGGIO1.SPCSO1"),
        ("SetDataValues", "HIST/LLN0.Set1.setVal"),
        ("SetBRCBValues", "HIST/LLN0.rcb01.RptEna"),
        ("SetURCBValues", "HIST/LLN0.rcb01.RptEna"),
        ("CreateDataSet", "HIST/MMXU1.TotW[MX]"),
    ],
)
def test_it_is_only_read(service: str, reference: str) -> None:
    every = (Grant(1, "agg", "hp0001", frozenset(Right)),)
    assert not judge(request_for(service, reference), every, NOW).allowed


@pytest.mark.parametrize("asked", [QUERY, READ_HIST])
def test_another_right_is_not_this_one(router: RouterWithOperations, asked: str) -> None:
    sender = "desk@heat.example/x"
    assert route(router, get(asked, sender)).xml == refusal("iq", HP, sender, "auth", "forbidden")


@pytest.mark.parametrize("asked", [QUERY, READ_HIST, MIXED])
def test_without_a_grant_it_looks_as_if_there_were_no_such_heat_pump(
    router: RouterWithOperations, asked: str
) -> None:
    sender = "desk@heat.example/x"
    refused = route(router, get(asked, sender, "hp0002@hub.example.org/IEC"))
    unknown = route(router, get(asked, sender, "hp9999@hub.example.org/IEC"))
    assert refused.xml == unknown.xml.replace("hp9999", "hp0002")
    assert "<item-not-found " in refused.xml


def test_what_asks_for_both_is_refused_whole(router: RouterWithOperations) -> None:
    assert route(router, get(MIXED)).xml == refusal("iq", HP, SP, "auth", "forbidden")
    assert ' to="box0001' in route(router, get(READ)).xml


@pytest.mark.parametrize("scope", ["HIST/*", "HIST/LLN0.*", "HIST/LLN0.AvgLog"])
def test_a_scope_covers_the_log_or_it_does_not(router: RouterWithOperations, scope: str) -> None:
    for number, (patterns, wanted) in enumerate(
        (((scope,), Outcome.FORWARDED), (("AVG/*", "HIST/MMXU1.*"), Outcome.REFUSED))
    ):
        router.roster.apply(Changes(number + 2, grants=(grant(1, "agg", Right.HISTORY, scope=patterns),)))
        assert route(router, get(QUERY)).outcome is wanted


def test_not_many_at_once(router: RouterWithOperations) -> None:
    asked = stanza("message", "", SP, "street@hub.example.org", READ_HIST)
    assert "<bad-request " in route(router, asked).xml


# --- and back --------------------------------------------------------------------------------------


def test_the_answer_comes_back_as_from_the_heat_pump(router: RouterWithOperations) -> None:
    routed = route(router, result(READ_ANSWER, COLLECTOR, ALIAS))
    assert routed.xml == stanza("iq", "result", HP, SP, READ_ANSWER)
    assert (routed.outcome, routed.audit, routed.provider) == (Outcome.FORWARDED, None, "agg")
    routed = route(router, result(SERVICE_ERROR, COLLECTOR, ALIAS))
    assert routed.xml == stanza("iq", "result", HP, SP, SERVICE_ERROR)


def test_an_error_says_its_condition_and_nothing_of_the_collector(router: RouterWithOperations) -> None:
    back = error("iq", "i1", COLLECTOR, ALIAS, Condition.RESOURCE_CONSTRAINT)
    routed = route(router, back)
    assert "history." not in routed.xml
    assert routed.xml == error("iq", "i1", HP, SP, Condition.RESOURCE_CONSTRAINT)
    broken = route(router, result("<x/>", COLLECTOR, ALIAS))
    assert "<internal-server-error " in broken.xml


@pytest.mark.parametrize(
    ("sender", "alias"),
    [
        ("hp0001@history.hub.example.org", ALIAS),
        ("hp0001@history.hub.example.org/x", ALIAS),
        ("history.hub.example.org/IEC", ALIAS),
        ("hp0001@history.hub.example.org.evil/IEC", ALIAS),
        ("hp0001@evil.history.hub.example.org/IEC", ALIAS),
        ("hp0001@ops.hub.example.org/IEC", ALIAS),
        (COLLECTOR, "nobody@hub.example.org/desk1"),
        (COLLECTOR, "hub.example.org"),
        (COLLECTOR, "heat@hub.example.org/x"),
        ("hp0002@history.hub.example.org/IEC", ALIAS),
        ("hp9999@history.hub.example.org/IEC", ALIAS),
        (BOX.replace("0001", "0002"), ALIAS),
    ],
)
def test_from_nobody_else_and_to_nobody_else(router: RouterWithOperations, sender: str, alias: str) -> None:
    """Of others' heat pumps nothing, and to a provider without the right nothing."""
    assert not route(router, result(READ_ANSWER, sender, alias)).xml


def test_what_the_collector_asks_or_says_by_itself_reaches_nobody(router: RouterWithOperations) -> None:
    for text in (
        get(READ, COLLECTOR, ALIAS),
        put(OPERATE, COLLECTOR, HP),
        stanza("message", "", COLLECTOR, ALIAS, REPORT),
        stanza("message", "error", COLLECTOR, HP, "<error/>"),
    ):
        assert route(router, text).outcome in (Outcome.REFUSED, Outcome.DROPPED)


def test_when_the_grant_ends_meanwhile_the_answer_goes_nowhere(router: RouterWithOperations) -> None:
    router.roster.apply(Changes(2, removed_grants=(1,)))
    assert route(router, result(READ_ANSWER, COLLECTOR, ALIAS)).outcome is Outcome.DROPPED


def test_the_collector_answers_at_its_own_pace_and_its_like_do_not(router: RouterWithOperations) -> None:
    gate = Gate(Limits(), router.roster, "ops.hub.example.org", "history.hub.example.org")

    def verdicts(sender: str) -> set[Verdict]:
        return {gate.admit(Stanza("iq", "result", "1", sender, ALIAS), NOW) for _ in range(500)}

    assert verdicts(COLLECTOR) == {Verdict.PASS}
    assert Verdict.RATE in verdicts("hp0001@history.hub.example.org.evil/IEC")
