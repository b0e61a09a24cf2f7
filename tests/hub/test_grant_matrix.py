"""Role x service x state of the grant: the running decision, its audit entry, and what explain says of it.

The registry makes every state as an operator does; the router decides by what it reads from there. What is
expected stands in the tables here and is drawn from nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from grant_matrix import ASKED_AFTER, READ, STATES, TABLE, Place, Row, build, expected, request
from sqlalchemy.orm import Session
from test_router import get, put, route

from hub.addresses import Addresses
from hub.asking import SERVICES as EVERY_SERVICE
from hub.asking import request_for
from hub.audit import AuditKind
from hub.explaining import explain
from hub.registry import REGISTRY_SCHEMA, Registry, changes_since
from hub.registry.holdings import Holdings, holdings
from hub.roster import Grant, Roster
from hub.router import Outcome, Router
from iec61850_model.mms.pdu import ConfirmedRequest, ObjectName, ReadRequest, VariableList

NOW = 1_800_000_000.0
ASKED_AT = NOW + ASKED_AFTER


# --- the world ---------------------------------------------------------------------------------------


def everything(session: Session) -> None:
    places = [(state, Place("agg", state, NOW)) for state in STATES]
    others = [("all-rights", Place("heat", "elsewhere", NOW))]
    build(session, [*places, *others], providers="p.example", boxes="b.example")


class World:
    """A router that has read the registry, and what explain reads from it."""

    def __init__(self, roster: Roster, held: dict[str, Holdings]) -> None:
        self.router = Router(Addresses("hub.example.org"), roster)
        self.held = held


async def make_world(url: str) -> World:
    await REGISTRY_SCHEMA.upgrade(url)
    registry = await Registry.open(url)
    try:
        await registry.run(everything)
        roster = Roster()
        roster.apply(await registry.read(changes_since, 0))
        held = {state: await registry.read(holdings, "agg", state, now=ASKED_AT) for state in STATES}
        return World(roster, held)
    finally:
        await registry.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("matrix")
    yield asyncio.run(make_world(f"sqlite+aiosqlite:///{folder}/registry.db"))


def as_stanza(row: Row, sender: str, heat_pump: str) -> str:
    type_, inner = request(row)
    return (put if type_ == "set" else get)(inner, sender, f"{heat_pump}@hub.example.org/IEC")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]} {row[1]}".strip())
def test_the_holder_gets_what_his_grant_lets_through_and_the_audit_is_told(
    world: World, row: Row, state: str
) -> None:
    service, reference, _, _, audited = row
    routed = route(world.router, as_stanza(row, "agg@p.example/desk", state), ASKED_AT)
    wanted = expected(row, state)
    if wanted == "forwarded":
        assert routed.outcome is Outcome.FORWARDED, routed.reason
        answers = "history.hub.example.org" if reference.startswith("HIST") else "b.example"
        assert f' to="{state}@{answers}/IEC"' in routed.xml
        assert (routed.audit is not None) == (audited == "audited")
    else:
        assert routed.outcome is Outcome.REFUSED
        assert f"<{wanted} " in routed.xml
        assert routed.audit is not None
        assert routed.audit.detail.startswith(f"{wanted}: ")
    if routed.audit is not None:
        kind = AuditKind.REQUEST if wanted == "forwarded" else AuditKind.REFUSAL
        assert (routed.audit.kind, routed.audit.service) == (kind, service)
        assert (routed.audit.provider, routed.audit.heat_pump) == ("agg", state)
    held = world.held[state]
    said = explain(request_for(service, reference), held.grants, held.revoked, held.slots, ASKED_AT)
    assert said.allowed == (wanted == "forwarded")
    assert bool(said.by) == said.allowed
    assert bool(said.reason) != said.allowed


@pytest.mark.parametrize("sender", ["heat@p.example/x", "nobody@stranger.example/x", "agg@p.example.evil/x"])
@pytest.mark.parametrize("state", ["all-rights", "none", "revoked", "group"])
def test_to_everybody_else_the_heat_pump_does_not_exist(world: World, state: str, sender: str) -> None:
    for row in TABLE:
        routed = route(world.router, as_stanza(row, sender, state), ASKED_AT)
        unknown = route(world.router, as_stanza(row, sender, "nowhere"), ASKED_AT)
        assert routed.xml == unknown.xml.replace("nowhere@", f"{state}@")
        assert "<item-not-found " in routed.xml
        assert routed.audit is not None
        assert (routed.audit.kind, routed.audit.service) == (AuditKind.REFUSAL, row[0])
        assert routed.audit.provider == ("heat" if "heat" in sender else "")


def test_a_box_asks_for_nothing(world: World) -> None:
    for row in TABLE:
        routed = route(world.router, as_stanza(row, "all-rights@b.example/IEC", "in-scope"), ASKED_AT)
        assert routed.outcome is Outcome.REFUSED
        assert "<not-allowed " in routed.xml


def test_every_service_the_hub_has_a_name_for_is_in_the_table() -> None:
    assert {row[0] for row in TABLE} == set(EVERY_SERVICE)


def test_a_service_is_called_by_explain_as_the_router_calls_it(world: World) -> None:
    for service, reference, *_ in TABLE:
        held = world.held["all-rights"]
        said = explain(request_for(service, reference), held.grants, held.revoked, held.slots, ASKED_AT)
        assert said.service == service


def test_grants_that_do_only_together_are_all_named() -> None:
    names = VariableList((ObjectName("MMXU1$MX$TotW", "MET"), ObjectName("LLN0$ST$Mod", "HP")))
    pdu = ConfirmedRequest(1, ReadRequest(names))
    parts = [
        Grant(key, "agg", "hp", frozenset({READ}), scope)
        for key, scope in ((1, ("MET/*",)), (2, ("TES/*",)), (3, ("HP/*",)))
    ]
    said = explain(pdu, parts, frozenset(), {}, NOW)
    assert (said.allowed, said.by) == (True, (1, 3))
    assert [part.allows for part in said.parts] == [False, False, False]
    assert explain(pdu, parts, frozenset({3}), {}, NOW).reason == "no right read on HP/LLN0.Mod[ST]"
