"""Which heat pumps somebody may know of: all as operator, his own as owner, the granted ones as provider."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, false, or_, select, true
from sqlalchemy.orm import Session

from hub.registry.grants import GrantRecord, get_grant
from hub.registry.lookup import get_provider
from hub.registry.models import GrantRow, GroupMemberRow, HeatPumpRow, PresenceRow, ProviderRow
from hub.registry.operators import Caller
from hub.roster import LinkState


@dataclass(frozen=True, slots=True)
class SeenHeatPump:
    """A heat pump and its link state since when (seconds since 1970 UTC; None: never heard of)."""

    id: str
    state: LinkState
    since: float | None


def heat_pumps_seen(
    session: Session, caller: Caller, *, now: float, most: int, begins: str = ""
) -> list[SeenHeatPump]:
    """The first ``most`` heat pumps, by id, that the caller may know of and whose ids begin so."""
    rows = session.execute(
        select(HeatPumpRow.id, PresenceRow.state, PresenceRow.since)
        .join(PresenceRow, PresenceRow.heat_pump_pk == HeatPumpRow.pk, isouter=True)
        .where(
            HeatPumpRow.removed_at.is_(None),
            HeatPumpRow.id.startswith(begins, autoescape=True),
            _seen_by(caller, now),
        )
        .order_by(HeatPumpRow.id)
        .limit(most)
    )
    return [SeenHeatPump(id_, LinkState(state or LinkState.UNKNOWN), since) for id_, state, since in rows]


def grants_held(session: Session, provider: str, *, now: float, most: int) -> list[GrantRecord]:
    """The first ``most`` grants of a provider that are in force or will be, by key. Raises NotFound."""
    keys = session.scalars(
        select(GrantRow.pk)
        .where(
            GrantRow.provider_pk == get_provider(session, provider).pk,
            GrantRow.revoked_at.is_(None),
            GrantRow.until.is_(None) | (GrantRow.until > now),
        )
        .order_by(GrantRow.pk)
        .limit(most)
    )
    return [get_grant(session, key) for key in keys.all()]


def _seen_by(caller: Caller, now: float) -> ColumnElement[bool]:
    if caller.operator:
        return true()
    granted: ColumnElement[bool] = false()
    if caller.provider:
        live = (
            GrantRow.revoked_at.is_(None)
            & (GrantRow.valid_from.is_(None) | (GrantRow.valid_from <= now))
            & (GrantRow.until.is_(None) | (GrantRow.until > now))
        )
        provider = select(ProviderRow.pk).where(
            ProviderRow.id == caller.provider, ProviderRow.removed_at.is_(None)
        )
        held = GrantRow.provider_pk.in_(provider) & live
        members = (
            select(GroupMemberRow.heat_pump_pk)
            .join(GrantRow, GrantRow.group_pk == GroupMemberRow.group_pk)
            .where(GroupMemberRow.removed_at.is_(None), held)
        )
        direct = select(GrantRow.heat_pump_pk).where(GrantRow.heat_pump_pk.is_not(None), held)
        granted = HeatPumpRow.pk.in_(direct) | HeatPumpRow.pk.in_(members)
    return or_(HeatPumpRow.id.in_(caller.owns), granted)
