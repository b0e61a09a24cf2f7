"""What becomes of that which a grant steers in boxes when the grant is changed."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.orm import Session

from hub.registry.models import GrantRow, SteeringRow, SteeringState
from hub.registry.rights import rights_of
from hub.registry.steering import begin_steering, end_steering
from hub.roster import Right

_LIVE = (SteeringState.PENDING.value, SteeringState.READY.value)


def move_end(session: Session, grant: int, until: float | None) -> None:
    """A grant ends by itself at another time: what it steers is ended then."""
    session.execute(
        update(SteeringRow)
        .where(SteeringRow.grant_pk == grant, SteeringRow.state.in_(_LIVE))
        .values(ends=until)
    )


def pass_on_steering(
    session: Session, old: GrantRow, new: GrantRow, heat_pumps: Sequence[int], *, keeps: bool
) -> None:
    """A grant on these heat pumps (HeatPumpRow.pk) takes another one's place; then the old one is ended.

    ``keeps``: all that the old one may have left in a box is allowed to the new one, so slots and commands
    go on under it. Otherwise operations ends what is there, and the new one begins with a slot of its own.
    Raises Conflict if it needs one and none is free.
    """
    schedules = Right.SCHEDULE in rights_of(new.rights)
    priorities: dict[int, int | None] = {}
    if keeps:
        kept = _hand_over(session, old, new)
        wanting = [pk for pk in heat_pumps if pk not in kept or (schedules and not kept[pk])]
    else:
        live = select(SteeringRow.heat_pump_pk, SteeringRow.priority).where(*_live(old))
        priorities = dict(session.execute(live).all()) if schedules else {}
        end_steering(session, GrantRow.pk == old.pk, new.revision)
        wanting = list(heat_pumps)
    for priority in {priorities.get(pk) for pk in wanting}:
        these = [pk for pk in wanting if priorities.get(pk) == priority]
        begin_steering(session, new, these, priority, new.revision)


def _live(grant: GrantRow) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return SteeringRow.grant_pk == grant.pk, SteeringRow.state.in_(_LIVE)


def _hand_over(session: Session, old: GrantRow, new: GrantRow) -> dict[int, bool]:
    """By heat pump, whether a slot went on. The old rows end, so that routers forget their slots."""
    columns = (SteeringRow.heat_pump_pk, SteeringRow.slot, SteeringRow.priority, SteeringRow.state)
    live = session.execute(select(*columns, SteeringRow.trouble).where(*_live(old))).all()
    session.execute(
        update(SteeringRow)
        .where(*_live(old))
        .values(state=SteeringState.ENDED.value, slot=None, ends=None, trouble="", revision=new.revision)
    )
    kept: dict[int, bool] = {}
    heirs = []
    for heat_pump, slot, priority, state, trouble in live:
        kept[heat_pump] = kept.get(heat_pump, False) or slot is not None
        heirs.append(
            {
                "grant_pk": new.pk,
                "heat_pump_pk": heat_pump,
                "slot": slot,
                "priority": priority,
                "state": state,
                "ends": new.until,
                "trouble": trouble,
                "revision": new.revision,
            }
        )
    if heirs:
        session.execute(insert(SteeringRow), heirs)
    return kept
