"""Role x service x state of the grant: the running decision, its audit entry, and what explain says of it.

The registry makes every state as an operator does; the router decides by what it reads from there. What is
expected stands in the tables here and is drawn from nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session
from test_registry_roster import NOW, give, hp, sp
from test_router import get, put, route

from hub.addresses import Addresses
from hub.asking import SERVICES as EVERY_SERVICE
from hub.asking import request_for
from hub.audit import AuditKind
from hub.explaining import explain
from hub.registry import (
    REGISTRY_SCHEMA,
    Registry,
    SteeringState,
    add_group,
    add_members,
    changes_since,
    list_grants,
    open_steering,
    remove_members,
    revoke_grant,
    steering_ready,
)
from hub.registry.grant_changes import Direction, GrantChange, change_grant
from hub.registry.holdings import Holdings, holdings
from hub.roster import Grant, Right, Roster
from hub.router import Outcome, Router
from iec61850_model.mms import xer
from iec61850_model.mms.carrier import Carrier, carriers
from iec61850_model.mms.pdu import ConfirmedRequest, ObjectName, Payload, Pdu, ReadRequest, VariableList

ASKED_AT = NOW + 100.0
READ, CONTROL, SCHEDULE, SETTINGS = Right.READ, Right.CONTROL, Right.SCHEDULE, Right.SETTINGS
HISTORY = Right.HISTORY
ALL = frozenset(Right)
HP_ONLY = ("HIST/*", "HP/*", "SCH/*")
MET_ONLY = ("MET/*",)

ANY = frozenset(Right)
"""Whatever the grant allows, this is let through."""
PLACED, FREE, UNSCOPED = "placed", "free", "unscoped"
"""A scope must cover the place; no scope matters; no grant with a scope does."""

TABLE: tuple[tuple[str, str, frozenset[Right], str, str], ...] = (
    # service, reference, one of these rights, what a scope does to it, audited
    ("Associate", "", ANY, FREE, ""),
    ("Release", "", ANY, FREE, ""),
    ("CancelRequest", "", ANY, FREE, ""),
    ("GetServerDirectory", "", frozenset({READ}), FREE, ""),
    ("GetLogicalDeviceDirectory", "HP", frozenset({READ}), PLACED, ""),
    ("GetDataDefinition", "HP/EvuGGIO1", frozenset({READ}), PLACED, ""),
    ("GetDataDefinition", "SCH/EvuFSCH1", frozenset({READ, SCHEDULE}), PLACED, ""),
    ("GetDataValues", "HP/EvuGGIO1.SPCSO1[ST]", frozenset({READ}), PLACED, ""),
    ("GetDataValues", "HP/EvuGGIO1.SPCSO1.ctlModel[CF]", frozenset({READ}), PLACED, ""),
    ("GetDataValues", "SCH/EvuFSCH1.SchdPrio[SP]", frozenset({READ, SCHEDULE}), PLACED, ""),
    ("GetDataValues", "HP/EvuGGIO1.SPCSO1[CO]", frozenset(), PLACED, ""),
    ("GetDataValues", "HP/EvuGGIO1.SPCSO1[OR]", frozenset(), PLACED, ""),
    ("GetBRCBValues", "HP/LLN0.rcb01", frozenset({READ}), PLACED, ""),
    ("GetURCBValues", "HP/LLN0.rcb01", frozenset({READ}), PLACED, ""),
    ("GetLCBValues", "HP/LLN0.log1", frozenset({READ}), PLACED, ""),
    ("GetDataSetValues", "HP/LLN0.dsMeas", frozenset({READ}), PLACED, ""),
    ("GetDataSetValues", "@own", frozenset({READ}), FREE, ""),
    ("GetDataSetDirectory", "HP/LLN0.dsMeas", frozenset({READ}), PLACED, ""),
    ("QueryLogByTime", "HP/LLN0.GeneralLog", frozenset({READ}), PLACED, ""),
    ("QueryLogAfter", "HP/LLN0.GeneralLog", frozenset({READ}), PLACED, ""),
    ("SetBRCBValues", "HP/LLN0.rcb01.RptEna", frozenset({READ}), PLACED, "audited"),
    ("SetURCBValues", "HP/LLN0.rcb01.RptEna", frozenset({READ}), PLACED, "audited"),
    ("SetLCBValues", "HP/LLN0.log1.LogEna", frozenset({SETTINGS}), PLACED, "audited"),
    ("CreateDataSet", "HP/LLN0.mine", frozenset({READ}), UNSCOPED, "audited"),
    ("CreateDataSet", "HP/EvuGGIO1.SPCSO1[ST]", frozenset({READ}), PLACED, "audited"),
    ("DeleteDataSet", "HP/LLN0.mine", frozenset({READ}), UNSCOPED, "audited"),
    ("DeleteDataSet", "@own", frozenset({READ}), FREE, "audited"),
    ("Select", "HP/EvuGGIO1.SPCSO1", frozenset({CONTROL}), PLACED, "audited"),
    ("SelectWithValue", "HP/EvuGGIO1.SPCSO1", frozenset({CONTROL}), PLACED, "audited"),
    ("Operate", "HP/EvuGGIO1.SPCSO1", frozenset({CONTROL}), PLACED, "audited"),
    ("Cancel", "HP/EvuGGIO1.SPCSO1", frozenset({CONTROL}), PLACED, "audited"),
    ("Operate", "SCH/EvuFSCH1.EnaReq", frozenset({SCHEDULE}), PLACED, "audited"),
    ("Operate", "SCH/EvuFSCH2.EnaReq", frozenset(), PLACED, "audited"),
    ("SetDataValues", "SCH/EvuFSCH1.ValASG1.setMag", frozenset({SCHEDULE}), PLACED, "audited"),
    ("SetDataValues", "SCH/EvuFSCH1.SchdPrio.setVal", frozenset(), PLACED, "audited"),
    ("SetDataValues", "HP/LLN0.Set1.setVal", frozenset({SETTINGS}), PLACED, "audited"),
    ("SetDataValues", "HP/EvuGGIO1.SPCSO1.stVal[ST]", frozenset(), PLACED, "audited"),
    ("SetDataSetValues", "HP/LLN0.dsSet", frozenset({SETTINGS}), UNSCOPED, "audited"),
    # what the collector answers, and never the box
    ("GetLogicalDeviceDirectory", "HIST", frozenset({HISTORY}), PLACED, ""),
    ("GetDataDefinition", "HIST/MMXU1", frozenset({HISTORY}), PLACED, ""),
    ("GetDataValues", "HIST/MMXU1.TotW[MX]", frozenset({HISTORY}), PLACED, ""),
    ("GetLCBValues", "HIST/LLN0.lcbAvg", frozenset({HISTORY}), PLACED, ""),
    ("GetDataSetValues", "HIST/LLN0.dsAvg", frozenset({HISTORY}), PLACED, ""),
    ("GetDataSetDirectory", "HIST/LLN0.dsAvg", frozenset({HISTORY}), PLACED, ""),
    ("QueryLogByTime", "HIST/LLN0.AvgLog", frozenset({HISTORY}), PLACED, ""),
    ("QueryLogAfter", "HIST/LLN0.AvgLog", frozenset({HISTORY}), PLACED, ""),
    ("GetDataValues", "HIST/MMXU1.TotW[CO]", frozenset(), PLACED, ""),
    ("GetDataValues", "HIST/MMXU1.TotW[OR]", frozenset(), PLACED, ""),
    ("SetURCBValues", "HIST/LLN0.rcb01.RptEna", frozenset(), PLACED, "audited"),
    ("SetLCBValues", "HIST/LLN0.lcbAvg.LogEna", frozenset(), PLACED, "audited"),
    ("SetDataValues", "HIST/LLN0.Set1.setVal", frozenset(), PLACED, "audited"),
    ("SetDataSetValues", "HIST/LLN0.dsAvg", frozenset(), UNSCOPED, "audited"),
    ("CreateDataSet", "HIST/LLN0.mine", frozenset(), UNSCOPED, "audited"),
    ("CreateDataSet", "HIST/MMXU1.TotW[MX]", frozenset(), PLACED, "audited"),
    ("DeleteDataSet", "HIST/LLN0.dsAvg", frozenset(), UNSCOPED, "audited"),
    ("Select", "HIST/EvuGGIO1.SPCSO1", frozenset(), PLACED, "audited"),
    ("Operate", "HIST/EvuGGIO1.SPCSO1", frozenset(), PLACED, "audited"),
)

EVERYTHING, INSIDE, OUTSIDE = "everything", "inside", "outside"
"""Where the scope of a live grant lies, seen from the references of the table."""


def given(rights: frozenset[Right] = ALL, **more: object) -> Callable[[Session, str], None]:
    def make(session: Session, heat_pump: str) -> None:
        give(session, on=heat_pump, rights=sorted(rights), **more)

    return make


def revoked(session: Session, heat_pump: str) -> None:
    key = give(session, on=heat_pump, rights=sorted(ALL))
    revoke_grant(session, key, now=NOW + 1)


def changed(
    direction: Direction, before: frozenset[Right], **change: object
) -> Callable[[Session, str], None]:
    def make(session: Session, heat_pump: str) -> None:
        key = give(session, on=heat_pump, rights=sorted(before), until=NOW + 50)
        change_grant(session, key, GrantChange("op", **change), direction, now=NOW + 1)  # type: ignore[arg-type]

    return make


def two_halves(session: Session, heat_pump: str) -> None:
    give(session, on=heat_pump, rights=[READ], scope=MET_ONLY)
    give(session, on=heat_pump, rights=[CONTROL])


def through_a_group(rights: frozenset[Right], scope: tuple[str, ...] = ()) -> Callable[[Session, str], None]:
    def make(session: Session, heat_pump: str) -> None:
        group = f"of-{heat_pump}"
        add_group(session, group, now=NOW)
        add_members(session, group, [heat_pump], now=NOW)
        give(session, on=f"@{group}", rights=sorted(rights), scope=scope)

    return make


def left_its_group(session: Session, heat_pump: str) -> None:
    through_a_group(ALL)(session, heat_pump)
    remove_members(session, f"of-{heat_pump}", [heat_pump], now=NOW + 1)


def narrowed_group(session: Session, heat_pump: str) -> None:
    through_a_group(ALL)(session, heat_pump)
    key = max(record.key for record in list_grants(session, heat_pump=heat_pump, now=NOW))
    change_grant(session, key, GrantChange("op", rights=[CONTROL]), Direction.NARROW, now=NOW + 1)


NOTHING: tuple[frozenset[Right], str] = (frozenset(), "")
STATES: dict[str, tuple[Callable[[Session, str], None] | None, tuple[frozenset[Right], str]]] = {
    # how it comes about; the rights that are in force, and where its scope lies
    "none": (None, NOTHING),
    "not-yet": (given(valid_from=NOW + 1_000), NOTHING),
    "expired": (given(until=NOW + 50), NOTHING),
    "revoked": (revoked, NOTHING),
    "all-rights": (given(), (ALL, EVERYTHING)),
    "in-scope": (given(scope=HP_ONLY), (ALL, INSIDE)),
    "wrong-scope": (given(scope=MET_ONLY), (ALL, OUTSIDE)),
    **{f"only-{right}": (given(frozenset({right})), (frozenset({right}), EVERYTHING)) for right in Right},
    "no-slot-yet": (given(), (ALL - {SCHEDULE}, EVERYTHING)),
    "halves": (two_halves, (frozenset({CONTROL}), EVERYTHING)),
    "narrowed": (
        changed(Direction.CHANGE, ALL, rights=[READ], endless=True),
        (frozenset({READ}), EVERYTHING),
    ),
    "narrowed-scope": (changed(Direction.CHANGE, ALL, scope=HP_ONLY, endless=True), (ALL, INSIDE)),
    "extended": (changed(Direction.EXTEND, frozenset({READ}), rights=sorted(ALL), until=NOW + 500),
                 (ALL, EVERYTHING)),
    "group": (through_a_group(ALL), (ALL, EVERYTHING)),
    "group-in-scope": (through_a_group(ALL, HP_ONLY), (ALL, INSIDE)),
    "group-wrong-scope": (through_a_group(ALL, MET_ONLY), (ALL, OUTSIDE)),
    "group-read": (through_a_group(frozenset({READ})), (frozenset({READ}), EVERYTHING)),
    "left-its-group": (left_its_group, NOTHING),
    "group-narrowed": (narrowed_group, (frozenset({CONTROL}), EVERYTHING)),
    "prolonged": (changed(Direction.EXTEND, ALL, until=NOW + 500), (ALL, EVERYTHING)),
}  # fmt: skip


def expected(row: tuple[str, str, frozenset[Right], str, str], state: str) -> str:
    """``forwarded``, ``forbidden`` or ``item-not-found``, from the tables alone."""
    service, reference, rights, placed, _ = row
    in_force, scope = STATES[state][1]
    if not in_force:
        return "item-not-found"
    if state == "halves" and service == "GetServerDirectory":
        return "forwarded"  # its one scoped grant reads
    if state == "halves" and reference == "@own" and placed == FREE:
        return "forwarded"
    if state == "narrowed-scope" and reference.startswith("SCH/EvuFSCH"):
        # its former slot is still to be freed, the new one is the second
        wanted = "2" if service == "Operate" and reference.startswith("SCH/EvuFSCH2") else ""
        return "forwarded" if wanted or (READ in rights) else "forbidden"
    if not rights & in_force:
        return "forbidden"
    if (placed == PLACED and scope == OUTSIDE) or (placed == UNSCOPED and scope != EVERYTHING):
        return "forbidden"
    return "forwarded"


# --- the world ---------------------------------------------------------------------------------------


def build(session: Session) -> None:
    sp(session)
    sp(session, "heat", "desk@heat.example")
    hp(session, "elsewhere", "elsewhere@boxes.example")
    give(session, provider="heat", on="elsewhere", rights=sorted(ALL))
    for state, (make, _) in STATES.items():
        hp(session, state, f"{state}@boxes.example")
        if make is not None:
            make(session, state)
    pending = [
        job.key
        for job in open_steering(session, 0)
        if job.state is SteeringState.PENDING and job.heat_pump != "no-slot-yet"
    ]
    steering_ready(session, pending)


class World:
    """A router that has read the registry, and what explain reads from it."""

    def __init__(self, roster: Roster, held: dict[str, Holdings]) -> None:
        self.router = Router(Addresses("hub.example.org"), roster)
        self.held = held


async def make_world(url: str) -> World:
    await REGISTRY_SCHEMA.upgrade(url)
    registry = await Registry.open(url)
    try:
        await registry.run(build)
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


def as_stanza(pdu: Pdu, sender: str, heat_pump: str) -> str:
    wrap = put if carriers(pdu)[0] is Carrier.IQ_SET else get
    return wrap(xer.encode_payload(Payload(pdu)), sender, f"{heat_pump}@hub.example.org/IEC")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]} {row[1]}".strip())
def test_the_holder_gets_what_his_grant_lets_through_and_the_audit_is_told(
    world: World, row: tuple[str, str, frozenset[Right], str, str], state: str
) -> None:
    service, reference, _, _, audited = row
    pdu = request_for(service, reference)
    routed = route(world.router, as_stanza(pdu, "control@agg.example/desk", state), ASKED_AT)
    wanted = expected(row, state)
    if wanted == "forwarded":
        assert routed.outcome is Outcome.FORWARDED, routed.reason
        answers = (
            f"{state}@history.hub.example.org" if reference.startswith("HIST") else f"{state}@boxes.example"
        )
        assert f' to="{answers}/IEC"' in routed.xml
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
    said = explain(pdu, held.grants, held.revoked, held.slots, ASKED_AT)
    assert said.allowed == (wanted == "forwarded")
    assert bool(said.by) == said.allowed
    assert bool(said.reason) != said.allowed


@pytest.mark.parametrize(
    "sender", ["desk@heat.example/x", "nobody@stranger.example/x", "control@agg.example.evil/x"]
)
@pytest.mark.parametrize("state", ["all-rights", "none", "revoked", "group"])
def test_to_everybody_else_the_heat_pump_does_not_exist(world: World, state: str, sender: str) -> None:
    for service, reference, *_ in TABLE:
        pdu = request_for(service, reference)
        routed = route(world.router, as_stanza(pdu, sender, state), ASKED_AT)
        unknown = route(world.router, as_stanza(pdu, sender, "nowhere"), ASKED_AT)
        assert routed.xml == unknown.xml.replace("nowhere@", f"{state}@")
        assert "<item-not-found " in routed.xml
        assert routed.audit is not None
        assert (routed.audit.kind, routed.audit.service) == (AuditKind.REFUSAL, service)
        assert routed.audit.provider == ("heat" if "heat" in sender else "")


def test_a_box_asks_for_nothing(world: World) -> None:
    for service, reference, *_ in TABLE:
        sender = "all-rights@boxes.example/IEC"
        routed = route(world.router, as_stanza(request_for(service, reference), sender, "in-scope"), ASKED_AT)
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
