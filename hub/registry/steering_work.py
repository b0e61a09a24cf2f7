"""What operations has to do in boxes for grants that steer, and what is written when it is done."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import and_, select, update
from sqlalchemy.orm import Session, aliased

from hub.registry.models import GrantRow, HeatPumpRow, ProviderRow, SteeringRow, SteeringState
from hub.registry.rights import rights_of
from hub.registry.routers import next_revision
from hub.registry.steering import in_parts, tell_leaving
from hub.roster import Right

MAX_TROUBLE = 200
"""Characters kept of why a box does not take it."""

_OPEN = (SteeringState.PENDING.value, SteeringState.ENDING.value, SteeringState.GIVEN_UP.value)


@dataclass(frozen=True, slots=True)
class OpenSteering:
    """What operations has to do, or has not to do any more.

    ``heat_pump`` is where its box is reached now, ``leaving``: the heat pump itself was removed.
    """

    key: int
    grant: int
    provider: str
    heat_pump: str
    box: str
    rights: frozenset[Right]
    slot: int | None
    priority: int | None
    state: SteeringState
    leaving: bool
    trouble: str


def expire_steering(session: Session, now: float) -> list[int]:
    """Mark as ending what belongs to grants that have ended by themselves; returns the keys of the grants."""
    due = SteeringRow.ends <= now
    if session.scalar(select(SteeringRow.pk).where(due).limit(1)) is None:
        return []
    grants = list(session.scalars(select(SteeringRow.grant_pk).where(due).distinct()))
    session.execute(
        update(SteeringRow)
        .where(due)
        .values(state=SteeringState.ENDING.value, ends=None, trouble="", revision=next_revision(session))
    )
    return grants


def anything_expired(session: Session, now: float) -> bool:
    """Whether ``expire_steering`` has something to do; reads only."""
    return session.scalar(select(SteeringRow.pk).where(SteeringRow.ends <= now).limit(1)) is not None


def open_steering(session: Session, revision: int) -> list[OpenSteering]:
    """What is to be done of what changed after ``revision``, oldest first."""
    live = aliased(HeatPumpRow)
    rows = session.execute(
        select(SteeringRow, GrantRow.rights, ProviderRow.id, HeatPumpRow.id, HeatPumpRow.box, live.id)
        .join(GrantRow, SteeringRow.grant_pk == GrantRow.pk)
        .join(ProviderRow, GrantRow.provider_pk == ProviderRow.pk)
        .join(HeatPumpRow, SteeringRow.heat_pump_pk == HeatPumpRow.pk)
        .outerjoin(live, and_(live.box == HeatPumpRow.box, live.removed_at.is_(None)))
        .where(SteeringRow.state.in_(_OPEN), SteeringRow.revision > revision)
        .order_by(SteeringRow.pk)
    )
    return [
        OpenSteering(
            row.pk, row.grant_pk, provider, now_id or id_, box, rights_of(rights), row.slot, row.priority,
            SteeringState(row.state), now_id is None, row.trouble,
        )
        for row, rights, provider, id_, box, now_id in rows
    ]  # fmt: skip


def steering_ready(session: Session, keys: Collection[int]) -> None:
    """The boxes have confirmed the priorities: from now on these grants may schedule."""
    revision = next_revision(session)
    for part in in_parts(list(keys)):
        session.execute(
            update(SteeringRow)
            .where(SteeringRow.pk.in_(part), SteeringRow.state == SteeringState.PENDING.value)
            .values(state=SteeringState.READY.value, trouble="", revision=revision)
        )


def steering_ended(session: Session, keys: Collection[int]) -> None:
    """Nothing of these is left in their boxes: the slots are free, removed heat pumps are gone for good."""
    revision = next_revision(session)
    over = (SteeringState.ENDING.value, SteeringState.GIVEN_UP.value)
    for part in in_parts(list(keys)):
        which = SteeringRow.pk.in_(part) & SteeringRow.state.in_(over)
        pumps = list(session.scalars(select(SteeringRow.heat_pump_pk).where(which).distinct()))
        session.execute(
            update(SteeringRow)
            .where(which)
            .values(state=SteeringState.ENDED.value, slot=None, trouble="", revision=revision)
        )
        tell_leaving(session, HeatPumpRow.pk.in_(pumps), revision)


def note_trouble(session: Session, key: int, trouble: str) -> None:
    """Why the box does not take it, for the operator to read; no change that routers must know of."""
    session.execute(update(SteeringRow).where(SteeringRow.pk == key).values(trouble=trouble[:MAX_TROUBLE]))
