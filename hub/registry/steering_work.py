"""What operations has to do in boxes for grants that steer, and what is written when it is done."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import and_, select, update
from sqlalchemy.orm import Session, aliased

from hub.registry.models import GrantRow, HeatPumpRow, ProviderRow, SteeringRow, SteeringState
from hub.registry.rights import rights_of
from hub.registry.routers import next_revision
from hub.registry.steering import IDS_AT_ONCE, in_parts, tell_leaving
from hub.roster import Right

MAX_TROUBLE = 200
"""Characters kept of why a box does not take it."""
ROWS_AT_ONCE = 500
"""Rows fetched before other tasks get a turn: some milliseconds of work."""

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


class ExpiredGrant(NamedTuple):
    """A grant that has ended by itself; ``heat_pump`` is empty if it was on a group."""

    grant: int
    provider: str
    heat_pump: str


def expire_steering(session: Session, now: float) -> list[ExpiredGrant]:
    """Mark as ending what belongs to grants that have ended by themselves, oldest first and at most
    IDS_AT_ONCE at a time; returns these grants.

    A grant on a group ends in as many parts as its members need, and is returned with each.
    """
    due = select(SteeringRow.pk, SteeringRow.grant_pk).where(SteeringRow.ends <= now)
    found = session.execute(due.order_by(SteeringRow.ends, SteeringRow.pk).limit(IDS_AT_ONCE)).all()
    if not found:
        return []
    session.execute(
        update(SteeringRow)
        .where(SteeringRow.pk.in_([pk for pk, _ in found]))
        .values(state=SteeringState.ENDING.value, ends=None, trouble="", revision=next_revision(session))
    )
    grants = session.execute(
        select(GrantRow.pk, ProviderRow.id, HeatPumpRow.id)
        .join(ProviderRow, GrantRow.provider_pk == ProviderRow.pk)
        .join(HeatPumpRow, GrantRow.heat_pump_pk == HeatPumpRow.pk, isouter=True)
        .where(GrantRow.pk.in_({grant for _, grant in found}))
        .order_by(GrantRow.pk)
    )
    return [ExpiredGrant(grant, provider, heat_pump or "") for grant, provider, heat_pump in grants]


def anything_expired(session: Session, now: float) -> bool:
    """Whether ``expire_steering`` has something to do; reads only."""
    return session.scalar(select(SteeringRow.pk).where(SteeringRow.ends <= now).limit(1)) is not None


def open_steering(session: Session, revision: int) -> list[OpenSteering]:
    """What is to be done of what changed after ``revision``, oldest first."""
    live = aliased(HeatPumpRow)
    # Not by the index of states, nor in SQL's order: of a hundred thousand that are open few have changed.
    state = SteeringRow.state if revision == 0 else SteeringRow.state + ""
    columns = (
        SteeringRow.pk, SteeringRow.grant_pk, SteeringRow.slot, SteeringRow.priority, SteeringRow.state,
        SteeringRow.trouble, GrantRow.rights, ProviderRow.id, HeatPumpRow.id, HeatPumpRow.box, live.id,
    )  # fmt: skip
    rows = session.execute(
        select(*columns)
        .join(GrantRow, SteeringRow.grant_pk == GrantRow.pk)
        .join(ProviderRow, GrantRow.provider_pk == ProviderRow.pk)
        .join(HeatPumpRow, SteeringRow.heat_pump_pk == HeatPumpRow.pk)
        .outerjoin(live, and_(live.box == HeatPumpRow.box, live.removed_at.is_(None)))
        .where(state.in_(_OPEN), SteeringRow.revision > revision),
        execution_options={"yield_per": ROWS_AT_ONCE},
    )
    jobs = [
        OpenSteering(
            pk, grant, provider, now_id or id_, box, rights_of(rights), slot, priority,
            SteeringState(now), now_id is None, trouble,
        )
        for pk, grant, slot, priority, now, trouble, rights, provider, id_, box, now_id in rows
    ]  # fmt: skip
    return sorted(jobs, key=lambda job: job.key)


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
