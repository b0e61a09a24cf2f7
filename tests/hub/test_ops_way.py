"""Operations reaches boxes in providers' aliases, and nobody else does: stanza in, stanza out."""

from __future__ import annotations

import pytest
from test_router import (
    BOX,
    HP,
    LAST_APPL_ERROR,
    NOW,
    OPERATE,
    READ,
    READ_ANSWER,
    REPORT,
    SP,
    WRITE_DONE,
    get,
    put,
    refusal,
    result,
    route,
    stanza,
)

from hub.addresses import Addresses
from hub.audit.entry import AuditKind
from hub.ops_way import WITHDRAWAL, RouterWithOperations
from hub.roster import Changes, Grant, HeatPump, Provider, Right, Roster
from hub.router import Outcome

OPS = "ops.hub.example.org"
FOR_AGG = f"{OPS}/agg"
AGG_BY_OPS = "agg@hub.example.org/~ops"
HUB_BY_OPS = "ops@hub.example.org/~ops"
WITHDRAWN = "agg@hub.example.org/~withdrawn"
GONE = stanza("presence", "unavailable", FOR_AGG, HP)


@pytest.fixture
def router() -> RouterWithOperations:
    """agg may read hp0001; hp0009 was removed, and its box is still to be told so."""
    roster = Roster()
    roster.apply(
        Changes(
            1,
            (HeatPump("hp0001", "box0001@boxes.example.org"),),
            (Provider("agg", "control@aggregator.example"),),
            (Grant(1, "agg", "hp0001", frozenset({Right.READ})),),
            leaving=(HeatPump("hp0009", "box0009@boxes.example.org"),),
        )
    )
    return RouterWithOperations(Addresses("hub.example.org"), roster)


# --- there -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sender", "alias"),
    [(FOR_AGG, AGG_BY_OPS), (OPS, HUB_BY_OPS), (f"{OPS}/gone", "gone@hub.example.org/~ops")],
)
def test_operations_speaks_in_the_alias_it_asks_for(
    router: RouterWithOperations, sender: str, alias: str
) -> None:
    """Also of a provider that is no longer known: his grants have ended just now."""
    routed = route(router, get(READ, sender))
    assert routed.xml == stanza("iq", "get", alias, BOX, READ)
    assert (routed.outcome, routed.audit) == (Outcome.FORWARDED, None)
    assert routed.provider == "ops", "it takes nothing from what a provider may have under way"


def test_what_operations_changes_is_audited_as_a_providers_is(router: RouterWithOperations) -> None:
    routed = route(router, put(OPERATE, FOR_AGG))
    assert routed.xml == stanza("iq", "set", AGG_BY_OPS, BOX, OPERATE)
    assert routed.instead == refusal("iq", HP, FOR_AGG, "wait", "resource-constraint")
    audit = routed.audit
    assert audit is not None
    assert (audit.kind, audit.provider, audit.provider_jid) == (AuditKind.REQUEST, "agg", FOR_AGG)
    assert (audit.heat_pump, audit.box) == ("hp0001", "box0001@boxes.example.org")
    assert (audit.service, audit.references) == ("Operate", ("HP/EvuGGIO1.SPCSO1.Oper[CO]",))


def test_a_box_is_told_of_a_withdrawal_by_an_alias_no_session_can_have(router: RouterWithOperations) -> None:
    routed = route(router, GONE)
    assert routed.xml == stanza("presence", "unavailable", WITHDRAWN, BOX)
    assert routed.audit is not None
    assert (routed.audit.service, routed.audit.provider) == (WITHDRAWAL, "agg")


def test_a_removed_heat_pump_is_reached_as_long_as_there_is_something_to_end(
    router: RouterWithOperations,
) -> None:
    there = get(READ, FOR_AGG, "hp0009@hub.example.org/IEC")
    assert route(router, there).xml == stanza("iq", "get", AGG_BY_OPS, "box0009@boxes.example.org/IEC", READ)
    back = route(router, result(READ_ANSWER, "box0009@boxes.example.org/IEC", AGG_BY_OPS))
    assert back.xml == stanza("iq", "result", "hp0009@hub.example.org/IEC", FOR_AGG, READ_ANSWER)
    router.roster.apply(Changes(2, removed_heat_pumps=("hp0009",)))
    assert route(router, there).outcome is Outcome.REFUSED
    assert not route(router, result(READ_ANSWER, "box0009@boxes.example.org/IEC", AGG_BY_OPS)).xml


@pytest.mark.parametrize(
    "text",
    [
        get(READ, FOR_AGG, "hp0002@hub.example.org/IEC"),
        get(READ, FOR_AGG, "hp0001@hub.example.org"),
        get("<x/>", FOR_AGG),
        get(READ + READ, FOR_AGG),
        get(OPERATE, FOR_AGG),
        stanza("iq", "result", FOR_AGG, HP, READ_ANSWER),
        stanza("message", "", FOR_AGG, HP, REPORT),
        stanza("presence", "", FOR_AGG, HP),
        stanza("presence", "subscribe", FOR_AGG, HP),
        stanza("presence", "unavailable", OPS, HP),
    ],
)
def test_nothing_else_of_operations_reaches_a_box(router: RouterWithOperations, text: str) -> None:
    assert "box0001" not in route(router, text).xml


# --- back ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("alias", "asker"), [(AGG_BY_OPS, FOR_AGG), (HUB_BY_OPS, OPS)])
def test_the_answer_goes_back_to_operations(router: RouterWithOperations, alias: str, asker: str) -> None:
    assert route(router, result(READ_ANSWER, to=alias)).xml == stanza("iq", "result", HP, asker, READ_ANSWER)
    done = route(router, result(WRITE_DONE, to=alias))
    assert done.audit is not None
    assert (done.audit.kind, done.audit.provider_jid, done.audit.detail) == (AuditKind.RESULT, asker, "done")


def test_an_error_comes_back_without_what_stands_beside_the_condition(router: RouterWithOperations) -> None:
    told = (
        '<error by="box0001@boxes.example.org" type="cancel"><service-unavailable '
        'xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/><text>10.0.0.1</text></error>'
    )
    routed = route(router, stanza("iq", "error", BOX, AGG_BY_OPS, told))
    assert routed.xml == refusal("iq", HP, FOR_AGG, "cancel", "service-unavailable")


@pytest.mark.parametrize(
    ("type_", "inner"), [("", REPORT), ("error", LAST_APPL_ERROR), ("", "<body>hi</body>")]
)
@pytest.mark.parametrize("alias", [AGG_BY_OPS, HUB_BY_OPS])
def test_operations_takes_no_reports(
    router: RouterWithOperations, alias: str, type_: str, inner: str
) -> None:
    assert OPS not in route(router, stanza("message", type_, BOX, alias, inner)).xml


@pytest.mark.parametrize(("alias", "asker"), [(AGG_BY_OPS, FOR_AGG), (HUB_BY_OPS, OPS)])
def test_operations_is_told_why_a_command_was_refused(
    router: RouterWithOperations, alias: str, asker: str
) -> None:
    told = route(router, stanza("message", "", BOX, alias, LAST_APPL_ERROR))
    assert told.xml == stanza("message", "", HP, asker, LAST_APPL_ERROR)
    assert told.audit is not None
    assert told.audit.service == "LastApplError"


@pytest.mark.parametrize("to", [WITHDRAWN, "agg@hub.example.org/~", "agg@hub.example.org/~opsx"])
def test_no_other_reserved_alias_is_anybodys(router: RouterWithOperations, to: str) -> None:
    routed = route(router, result(READ_ANSWER, to=to))
    assert OPS not in routed.xml
    assert "aggregator.example" not in routed.xml


@pytest.mark.parametrize("type_", ["get", "set"])
def test_a_box_asks_operations_nothing(router: RouterWithOperations, type_: str) -> None:
    routed = route(router, stanza("iq", type_, BOX, AGG_BY_OPS, READ))
    assert routed.xml == refusal("iq", AGG_BY_OPS, BOX, "cancel", "service-unavailable")


# --- spoofing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sender",
    [
        "control@aggregator.example/~ops",
        "control@aggregator.example/~withdrawn",
        "control@aggregator.example/~",
        "stranger@aggregator.example/~ops",
    ],
)
def test_a_resource_that_is_kept_for_the_hub_is_refused(router: RouterWithOperations, sender: str) -> None:
    for text in (get(READ, sender), put(OPERATE, sender)):
        assert route(router, text).xml == refusal("iq", HP, sender, "cancel", "not-allowed")
    assert not route(router, stanza("message", "error", sender, HP)).xml


@pytest.mark.parametrize(
    "sender",
    [
        "control@ops.hub.example.org/agg",
        "ops.hub.example.org.evil.example/agg",
        "ops@hub.example.org/~ops",
        "evil.example/ops.hub.example.org",
        "OPS.hub.example.org/agg",
    ],
)
def test_only_the_components_own_domain_is_operations(router: RouterWithOperations, sender: str) -> None:
    assert "box0001" not in route(router, put(OPERATE, sender)).xml


def test_a_provider_cannot_answer_for_a_box(router: RouterWithOperations) -> None:
    assert not route(router, result(READ_ANSWER, SP, AGG_BY_OPS)).xml
    assert not route(router, result(READ_ANSWER, SP, FOR_AGG)).xml


def test_all_else_is_as_without_operations(router: RouterWithOperations) -> None:
    assert route(router, get(READ), NOW).xml == stanza("iq", "get", "agg@hub.example.org/desk1", BOX, READ)
