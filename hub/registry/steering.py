"""What grants steer in boxes: given with the grant, ended with it, and gone when the box has confirmed.

A grant with ``schedule`` holds one of the four instances of every schedule in a box (its slot) from the
moment it is given until operations has ended what it left there; so nobody ever gets a slot in which
another's schedule still runs. A grant with ``control`` has a row without a slot: commands for later are to
be ended too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import ColumnElement, exists, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from hub.registry.errors import Conflict, InvalidInput
from hub.registry.models import GrantRow, HeatPumpRow, ProviderRow, SteeringRow, SteeringState
from hub.registry.rights import rights_of
from hub.roster import HeatPump, Right, SlotChange
from hub.schedule_slots import SLOTS

PRIORITIES = range(1, 100)
"""What an operator may give (7-4, SchdPrio: the higher number wins); 0 is below all that is granted."""
FIRST_PRIORITY = 50
"""Priority of the first grant to schedule on a heat pump, if the operator names none."""
PRIORITY_STEP = 10
"""So much below the lowest there is each further one, down to 1: who was there first goes first."""
IDS_AT_ONCE = 500
"""Ids in one query: SQLite takes some 32,000 parameters at most, and 999 where it is old."""

_K = TypeVar("_K", int, str)

_GOING_ON = (SteeringState.PENDING.value, SteeringState.READY.value)
_STEERING_RIGHTS = frozenset({Right.CONTROL, Right.SCHEDULE})


@dataclass(frozen=True, slots=True)
class SteeringRecord:
    """For people: where a grant steers, in which slot, and how far that is."""

    heat_pump: str
    slot: int | None
    priority: int | None
    state: SteeringState
    trouble: str


# --- with the grant ---------------------------------------------------------------------------------


def require_priority(rights: Collection[Right], priority: int | None) -> None:
    """Raise InvalidInput for a priority that is none, or for a grant without ``schedule``."""
    if priority is None:
        return
    if Right.SCHEDULE not in rights:
        raise InvalidInput("a priority is for schedules: give the right schedule too, or leave it out")
    if priority not in PRIORITIES:
        raise InvalidInput(f"a priority is {PRIORITIES[0]} to {PRIORITIES[-1]}, the higher one wins")


def begin_steering(
    session: Session, grant: GrantRow, heat_pumps: Sequence[int], priority: int | None, revision: int
) -> None:
    """A grant may steer in these boxes (HeatPumpRow.pk) from now on: for ``schedule``, take a slot in each.

    ``priority`` None: that of the grant on other heat pumps, if it is on a group, else the default. For a
    group of thousands that is some ten statements: nobody else may write meanwhile. Raises Conflict if all
    slots of one are taken.
    """
    rights = rights_of(grant.rights)
    if rights.isdisjoint(_STEERING_RIGHTS):
        return
    schedules = Right.SCHEDULE in rights
    if schedules:
        elsewhere = select(SteeringRow.priority).where(SteeringRow.grant_pk == grant.pk).limit(1)
        priority = priority or session.scalar(elsewhere)
    held = _held_slots(session, heat_pumps) if schedules else {}
    state = SteeringState.PENDING if schedules else SteeringState.READY
    rows = [
        {
            "grant_pk": grant.pk,
            "heat_pump_pk": pk,
            "slot": _free_slot(session, pk, held.get(pk, ())) if schedules else None,
            "priority": (priority or _default_priority(held.get(pk, ()))) if schedules else None,
            "state": state.value,
            "ends": grant.until,
            "trouble": "",
            "revision": revision,
        }
        for pk in heat_pumps
    ]
    if rows:
        session.execute(insert(SteeringRow), rows)


def _held_slots(session: Session, heat_pumps: Sequence[int]) -> dict[int, list[SteeringRow]]:
    """Who holds slots in the boxes of these heat pumps: a box may have stood for one that was removed."""
    in_use = (
        SteeringRow.slot.is_not(None),
        SteeringRow.state.in_((*_GOING_ON, SteeringState.ENDING.value)),
    )
    left = session.execute(
        select(HeatPumpRow.box, SteeringRow)
        .join(HeatPumpRow, SteeringRow.heat_pump_pk == HeatPumpRow.pk)
        .where(HeatPumpRow.removed_at.is_not(None), *in_use)
    )
    of_box: dict[str, list[SteeringRow]] = {}
    for box, row in left:
        of_box.setdefault(box, []).append(row)
    held: dict[int, list[SteeringRow]] = {}
    for part in in_parts(list(heat_pumps)):
        for row in session.scalars(select(SteeringRow).where(SteeringRow.heat_pump_pk.in_(part), *in_use)):
            held.setdefault(row.heat_pump_pk, []).append(row)
        if of_box:
            boxes = select(HeatPumpRow.pk, HeatPumpRow.box).where(HeatPumpRow.pk.in_(part))
            for pk, box in session.execute(boxes):
                held.setdefault(pk, []).extend(of_box.get(box, ()))
    return held


def _free_slot(session: Session, heat_pump: int, held: Sequence[SteeringRow]) -> int:
    taken = {one.slot for one in held}
    free = [slot for slot in SLOTS if slot not in taken]
    if free:
        return free[0]
    names = dict(
        session.execute(
            select(GrantRow.pk, ProviderRow.id)
            .join(ProviderRow, GrantRow.provider_pk == ProviderRow.pk)
            .where(GrantRow.pk.in_([one.grant_pk for one in held]))
        ).all()
    )
    holders = ", ".join(
        f"{one.slot}: {names[one.grant_pk]} (grant {one.grant_pk}, {one.state})"
        for one in sorted(held, key=lambda one: one.slot or 0)
    )
    id_ = session.get_one(HeatPumpRow, heat_pump).id
    raise Conflict(
        f"all {len(SLOTS)} schedules of {id_} are taken, {holders}: revoke one of these grants first; one"
        " that is ending is free when the box has confirmed"
    )


def _default_priority(held: Sequence[SteeringRow]) -> int:
    lowest = min((one.priority for one in held if one.priority is not None), default=None)
    return FIRST_PRIORITY if lowest is None else max(lowest - PRIORITY_STEP, PRIORITIES[0])


def end_steering(session: Session, which: ColumnElement[bool], revision: int) -> None:
    """The grants ``which`` end: what they left in boxes is to be ended."""
    _end(session, SteeringRow.grant_pk.in_(select(GrantRow.pk).where(which)), revision)


def join_steering(session: Session, group_pk: int, heat_pumps: Sequence[int], revision: int) -> None:
    """Heat pumps come into a group: what its grants steer they steer in these too. Raises Conflict."""
    grants = list(
        session.scalars(select(GrantRow).where(GrantRow.group_pk == group_pk, GrantRow.revoked_at.is_(None)))
    )
    for grant in grants:
        begin_steering(session, grant, heat_pumps, None, revision)


def leave_steering(
    session: Session, heat_pumps: Collection[int], group_pk: int | None, revision: int
) -> None:
    """Heat pumps leave a group (None: all): what its grants left in their boxes is to be ended."""
    of_groups = GrantRow.group_pk.is_not(None) if group_pk is None else GrantRow.group_pk == group_pk
    grants = SteeringRow.grant_pk.in_(select(GrantRow.pk).where(of_groups))
    for part in in_parts(list(heat_pumps)):
        _end(session, grants & SteeringRow.heat_pump_pk.in_(part), revision)


def _end(session: Session, which: ColumnElement[bool], revision: int) -> None:
    session.execute(
        update(SteeringRow)
        .where(which, SteeringRow.state.in_(_GOING_ON))
        .values(state=SteeringState.ENDING.value, ends=None, trouble="", revision=revision)
    )


# --- with the ids ------------------------------------------------------------------------------------


def require_ended(session: Session, provider: str) -> None:
    """Raise Conflict if a removed provider of this id has something left in a box: it would be taken for
    the new one's.
    """
    left = session.scalars(
        select(HeatPumpRow.id)
        .join(SteeringRow, SteeringRow.heat_pump_pk == HeatPumpRow.pk)
        .join(GrantRow, SteeringRow.grant_pk == GrantRow.pk)
        .join(ProviderRow, GrantRow.provider_pk == ProviderRow.pk)
        .where(
            ProviderRow.id == provider,
            ProviderRow.removed_at.is_not(None),
            SteeringRow.state == SteeringState.ENDING.value,
        )
        .order_by(HeatPumpRow.id)
    ).first()
    if left is not None:
        raise Conflict(
            f"what the former provider {provider} commanded has not yet been ended in {left}: choose another"
            " id, or wait until operations has told the box"
        )


def box_moved(session: Session, box: str, revision: int) -> None:
    """A box is reached at another address from now on, or at an earlier one again: tell routers and
    operations, if something is to be ended in it.
    """
    session.flush()
    tell_leaving(session, HeatPumpRow.box == box, revision)
    session.execute(
        update(SteeringRow)
        .where(
            SteeringRow.heat_pump_pk.in_(select(HeatPumpRow.pk).where(HeatPumpRow.box == box)),
            SteeringRow.state == SteeringState.ENDING.value,
        )
        .values(revision=revision)
    )


def give_up_steering(session: Session, id_: str, box: str, revision: int) -> None:
    """A heat pump's id is taken anew, by another box: the former one cannot be reached any more."""
    live = aliased(HeatPumpRow)
    reached = select(live.box).where(live.removed_at.is_(None))
    former = select(HeatPumpRow.pk).where(
        HeatPumpRow.id == id_,
        HeatPumpRow.removed_at.is_not(None),
        HeatPumpRow.box != box,
        HeatPumpRow.box.not_in(reached),
    )
    session.execute(
        update(SteeringRow)
        .where(SteeringRow.heat_pump_pk.in_(former), SteeringRow.state != SteeringState.ENDED.value)
        .values(state=SteeringState.GIVEN_UP.value, slot=None, ends=None, revision=revision)
    )


def begin_anew(session: Session, heat_pump: int, revision: int) -> None:
    """Another box stands for this heat pump (HeatPumpRow.pk): slots are prepared in it, and what was to be
    ended in the former one, which cannot be reached any more, is given up.
    """
    its_own = SteeringRow.heat_pump_pk == heat_pump
    for which, values in (
        (
            SteeringRow.state == SteeringState.ENDING.value,
            {"state": SteeringState.GIVEN_UP.value, "slot": None},
        ),
        (SteeringRow.slot.is_not(None), {"state": SteeringState.PENDING.value}),
    ):
        session.execute(
            update(SteeringRow)
            .where(its_own, which, SteeringRow.state != SteeringState.ENDED.value)
            .values(trouble="", revision=revision, **values)
        )


# --- for people and routers ----------------------------------------------------------------------------


def steering_of(session: Session, grants: Collection[int]) -> dict[int, tuple[SteeringRecord, ...]]:
    """Where these grants (by key) steer, by heat pump."""
    found: dict[int, tuple[SteeringRecord, ...]] = {}
    for part in in_parts(list(grants)):
        rows = session.execute(
            select(SteeringRow, HeatPumpRow.id)
            .join(HeatPumpRow, SteeringRow.heat_pump_pk == HeatPumpRow.pk)
            .where(SteeringRow.grant_pk.in_(part), SteeringRow.state != SteeringState.ENDED.value)
            .order_by(HeatPumpRow.id)
        )
        for row, heat_pump in rows:
            record = SteeringRecord(heat_pump, row.slot, row.priority, SteeringState(row.state), row.trouble)
            found[row.grant_pk] = (*found.get(row.grant_pk, ()), record)
    return found


def slots_since(session: Session, revision: int) -> Iterator[SlotChange]:
    """The slots that became ready for their grants after ``revision``, and those that are so no longer.

    A member that left a group and came again has an older slot that is ending beside its new one: that it
    ends takes nothing from the new one.
    """
    ready = (SteeringRow.state == SteeringState.READY.value) & SteeringRow.slot.is_not(None)
    rows = session.execute(
        select(SteeringRow.grant_pk, HeatPumpRow.id, SteeringRow.slot, SteeringRow.state)
        .join(HeatPumpRow, SteeringRow.heat_pump_pk == HeatPumpRow.pk)
        .where(ready if revision == 0 else SteeringRow.revision > revision)
    )
    over: dict[tuple[int, str], None] = {}
    for grant, heat_pump, slot, state in rows:
        if state == SteeringState.READY.value:
            yield SlotChange(grant, heat_pump, slot or 0)
        else:
            over[grant, heat_pump] = None
    still = _ready(session, {heat_pump for _, heat_pump in over})
    yield from (SlotChange(grant, heat_pump, 0) for grant, heat_pump in over.keys() - still)


def _ready(session: Session, heat_pumps: Collection[str]) -> set[tuple[int, str]]:
    """Which grants have a slot that is ready in which of these heat pumps."""
    found: set[tuple[int, str]] = set()
    for part in in_parts(list(heat_pumps)):
        rows = session.execute(
            select(SteeringRow.grant_pk, HeatPumpRow.id, SteeringRow.slot, SteeringRow.state)
            .join(HeatPumpRow, SteeringRow.heat_pump_pk == HeatPumpRow.pk)
            .where(HeatPumpRow.id.in_(part), HeatPumpRow.removed_at.is_(None))
        )
        found |= {(grant, id_) for grant, id_, slot, state in rows if slot and state == SteeringState.READY}
    return found


def tell_leaving(session: Session, which: ColumnElement[bool], revision: int) -> None:
    """Have routers look again whether these removed heat pumps are still leaving.

    Whose id is another's now is none of them: routers must not take that one for removed.
    """
    live = aliased(HeatPumpRow)
    taken = select(live.id).where(live.removed_at.is_(None))
    session.execute(
        update(HeatPumpRow)
        .where(which, HeatPumpRow.removed_at.is_not(None), HeatPumpRow.id.not_in(taken))
        .values(revision=revision)
    )


def leaving_since(session: Session, revision: int) -> Iterator[HeatPump]:
    """Removed heat pumps whose boxes are still to be told of ended grants."""
    live = aliased(HeatPumpRow)
    taken = exists().where(
        live.removed_at.is_(None), or_(live.id == HeatPumpRow.id, live.box == HeatPumpRow.box)
    )
    # Neither joined nor by the index of states: a hundred thousand may be ending.
    to_end = exists().where(
        SteeringRow.heat_pump_pk == HeatPumpRow.pk, SteeringRow.state + "" == SteeringState.ENDING.value
    )
    rows = session.execute(
        select(HeatPumpRow.pk, HeatPumpRow.id, HeatPumpRow.box).where(
            HeatPumpRow.removed_at.is_not(None), HeatPumpRow.revision > revision, to_end, ~taken
        )
    )
    for _, id_, box in sorted(rows, key=lambda row: row[0]):
        yield HeatPump(id_, box)


def in_parts(keys: list[_K]) -> Iterator[list[_K]]:
    """The keys in portions that fit one query."""
    return (keys[at : at + IDS_AT_ONCE] for at in range(0, len(keys), IDS_AT_ONCE))
