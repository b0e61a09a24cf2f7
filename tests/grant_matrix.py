"""Role x service x state of the grant: the cases, made of two tables, and a registry that holds every state.

What is expected of each case stands in the tables here and is drawn from nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from sqlalchemy.orm import Session

from hub.asking import request_for
from hub.registry import (
    NewGrant,
    SteeringState,
    add_grant,
    add_group,
    add_heat_pump,
    add_members,
    add_provider,
    list_grants,
    open_steering,
    remove_members,
    revoke_grant,
    steering_ready,
)
from hub.registry.grant_changes import Direction, GrantChange, change_grant
from hub.roster import HeatPump, Provider, Right
from iec61850_model.mms import xer
from iec61850_model.mms.carrier import Carrier, carriers
from iec61850_model.mms.pdu import Payload

HUB = "hub.example.org"
READ, CONTROL, SCHEDULE, SETTINGS = Right.READ, Right.CONTROL, Right.SCHEDULE, Right.SETTINGS
HISTORY = Right.HISTORY
ALL = frozenset(Right)
HP_ONLY = ("HIST/*", "HP/*", "SCH/*")
MET_ONLY = ("MET/*",)

ANY = frozenset(Right)
"""Whatever the grant allows, this is let through."""
PLACED, FREE, UNSCOPED = "placed", "free", "unscoped"
"""A scope must cover the place; no scope matters; no grant with a scope does."""

Row: TypeAlias = tuple[str, str, frozenset[Right], str, str]

TABLE: tuple[Row, ...] = (
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
    ("QueryLogByTime", "HIST/LLN0.AvgLog", frozenset({HISTORY}), PLACED, ""),
    ("QueryLogAfter", "HIST/LLN0.AvgLog", frozenset({HISTORY}), PLACED, ""),
    ("SetLCBValues", "HIST/LLN0.lcbAvg.LogEna", frozenset(), PLACED, "audited"),
    ("SetDataSetValues", "HIST/LLN0.dsAvg", frozenset(), UNSCOPED, "audited"),
    ("CreateDataSet", "HIST/LLN0.mine", frozenset(), UNSCOPED, "audited"),
    ("DeleteDataSet", "HIST/LLN0.dsAvg", frozenset(), UNSCOPED, "audited"),
    ("Operate", "HIST/EvuGGIO1.SPCSO1", frozenset(), PLACED, "audited"),
)

EVERYTHING, INSIDE, OUTSIDE = "everything", "inside", "outside"
"""Where the scope of a live grant lies, seen from the references of the table."""


class Place(NamedTuple):
    """Who holds the grant, on which heat pump, and when it was given (seconds since 1970 UTC)."""

    provider: str
    heat_pump: str
    given: float


Maker: TypeAlias = Callable[[Session, Place], object]
ASKED_AFTER = 100.0
"""Seconds after ``Place.given`` from which on the states are as the table says."""
LASTS = 400.0
"""Seconds for which they are."""


def give(session: Session, place: Place, rights: Iterable[Right], **more: object) -> int:
    new = {"on": place.heat_pump, "rights": sorted(rights), "giver": "op", **more}
    return add_grant(session, NewGrant(place.provider, **new), now=place.given).key  # type: ignore[arg-type]


def given(
    rights: frozenset[Right] = ALL,
    *,
    begins: float | None = None,
    ends: float | None = None,
    scope: tuple[str, ...] = (),
) -> Maker:
    def make(session: Session, place: Place) -> None:
        begin = None if begins is None else place.given + begins
        end = None if ends is None else place.given + ends
        give(session, place, rights, valid_from=begin, until=end, scope=scope)

    return make


def revoked(session: Session, place: Place) -> None:
    revoke_grant(session, give(session, place, ALL), now=place.given + 1)


def changed(
    direction: Direction, before: frozenset[Right], *, ends: float | None = None, **change: object
) -> Maker:
    def make(session: Session, place: Place) -> None:
        key = give(session, place, before, until=place.given + 50)
        until = {} if ends is None else {"until": place.given + ends}
        what = GrantChange("op", **change, **until)  # type: ignore[arg-type]
        change_grant(session, key, what, direction, now=place.given + 1)

    return make


def two_halves(session: Session, place: Place) -> None:
    give(session, place, [READ], scope=MET_ONLY)
    give(session, place, [CONTROL])


def through_a_group(rights: frozenset[Right], scope: tuple[str, ...] = ()) -> Maker:
    def make(session: Session, place: Place) -> int:
        group = f"of-{place.heat_pump}"
        add_group(session, group, now=place.given)
        add_members(session, group, [place.heat_pump], now=place.given)
        return give(session, place, rights, on=f"@{group}", scope=scope)

    return make


def left_its_group(session: Session, place: Place) -> None:
    through_a_group(ALL)(session, place)
    remove_members(session, f"of-{place.heat_pump}", [place.heat_pump], now=place.given + 1)


def narrowed_group(session: Session, place: Place) -> None:
    through_a_group(ALL)(session, place)
    key = max(record.key for record in list_grants(session, heat_pump=place.heat_pump, now=place.given))
    change_grant(session, key, GrantChange("op", rights=[CONTROL]), Direction.NARROW, now=place.given + 1)


NOTHING: tuple[frozenset[Right], str] = (frozenset(), "")
STATES: dict[str, tuple[Maker | None, tuple[frozenset[Right], str]]] = {
    # how it comes about; the rights that are in force, and where its scope lies
    "none": (None, NOTHING),
    "not-yet": (given(begins=1_000), NOTHING),
    "expired": (given(ends=50), NOTHING),
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
    "extended": (changed(Direction.EXTEND, frozenset({READ}), rights=sorted(ALL), ends=500),
                 (ALL, EVERYTHING)),
    "group": (through_a_group(ALL), (ALL, EVERYTHING)),
    "group-in-scope": (through_a_group(ALL, HP_ONLY), (ALL, INSIDE)),
    "group-wrong-scope": (through_a_group(ALL, MET_ONLY), (ALL, OUTSIDE)),
    "group-read": (through_a_group(frozenset({READ})), (frozenset({READ}), EVERYTHING)),
    "left-its-group": (left_its_group, NOTHING),
    "group-narrowed": (narrowed_group, (frozenset({CONTROL}), EVERYTHING)),
    "prolonged": (changed(Direction.EXTEND, ALL, ends=500), (ALL, EVERYTHING)),
}  # fmt: skip


def expected(row: Row, state: str) -> str:
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
    return granted(row, in_force, scope)


def granted(row: Row, in_force: frozenset[Right], scope: str) -> str:
    """What a grant in force lets through."""
    _, _, rights, placed, _ = row
    if not rights & in_force:
        return "forbidden"
    if (placed == PLACED and scope == OUTSIDE) or (placed == UNSCOPED and scope != EVERYTHING):
        return "forbidden"
    return "forwarded"


def request(row: Row) -> tuple[str, str]:
    """The type of the iq that asks for a row of the table, and the XML inside."""
    pdu = request_for(row[0], row[1])
    type_ = "set" if carriers(pdu)[0] is Carrier.IQ_SET else "get"
    return type_, xer.encode_payload(Payload(pdu))


def build(session: Session, places: Iterable[tuple[str, Place]], *, providers: str, boxes: str) -> None:
    """Make each state at its place, as an operator does, and have operations done with all but one.

    A provider is at home on the domain ``providers``, the box of a heat pump on ``boxes``.
    """
    known: set[str] = set()
    slow: set[str] = set()
    for state, place in places:
        if place.provider not in known:
            known.add(place.provider)
            provider = Provider(place.provider, f"{place.provider}@{providers}")
            add_provider(session, provider, hub_domain=HUB, now=place.given)
        heat_pump = HeatPump(place.heat_pump, f"{place.heat_pump}@{boxes}")
        add_heat_pump(session, heat_pump, hub_domain=HUB, now=place.given)
        make, _ = STATES[state]
        if make is not None:
            make(session, place)
        if state == "no-slot-yet":
            slow.add(place.heat_pump)
    pending = [job for job in open_steering(session, 0) if job.state is SteeringState.PENDING]
    steering_ready(session, [job.key for job in pending if job.heat_pump not in slow])
