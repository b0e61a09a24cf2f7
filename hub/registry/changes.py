"""What a router must know that it does not know yet."""

from __future__ import annotations

from collections.abc import Iterator
from sys import intern
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from hub.registry.asks import subscribed_since
from hub.registry.models import GrantRow, GroupMemberRow, GroupRow, HeatPumpRow, ProviderRow
from hub.registry.rights import rights_of, scope_of
from hub.registry.routers import current_revision
from hub.registry.steering import leaving_since, slots_since
from hub.roster import Changes, Grant, HeatPump, Member, Provider

ROWS_AT_ONCE = 5_000
"""Rows fetched before other tasks get a turn: some milliseconds of work."""


def changes_since(session: Session, revision: int) -> Changes:
    """Everything that changed after ``revision``; for 0 everything there is, without what was removed before.

    Call it in one transaction (``Registry.read``): then the records and the revision belong together. An id
    that was removed and given anew is among both the removed and the changed ones: take the removed first.
    """
    reached = current_revision(session)
    if reached == revision:
        return Changes(reached)
    heat_pumps, removed_heat_pumps = _changed(
        session,
        select(HeatPumpRow.id, HeatPumpRow.box),
        HeatPumpRow.removed_at,
        HeatPumpRow.revision,
        revision,
    )
    providers, removed_providers = _changed(
        session,
        select(ProviderRow.id, ProviderRow.jid),
        ProviderRow.removed_at,
        ProviderRow.revision,
        revision,
    )
    grants, removed_grants = _changed(session, _GRANTS, GrantRow.revoked_at, GrantRow.revision, revision)
    members, removed_members = _changed(
        session, _MEMBERS, GroupMemberRow.removed_at, GroupMemberRow.revision, revision
    )
    return Changes(
        revision=reached,
        heat_pumps=tuple(HeatPump(intern(id_), box) for id_, box in heat_pumps),
        providers=tuple(Provider(intern(id_), jid) for id_, jid in providers),
        grants=tuple(
            Grant(
                key,
                intern(provider),
                intern(heat_pump or ""),
                rights_of(rights),
                scope_of(scope),
                start or 0.0,
                until,
                intern(group or ""),
            )
            for key, provider, heat_pump, rights, scope, start, until, group in grants
        ),
        removed_heat_pumps=tuple(id_ for id_, _ in removed_heat_pumps),
        removed_providers=tuple(id_ for id_, _ in removed_providers),
        removed_grants=tuple(row[0] for row in removed_grants),
        members=tuple(Member(intern(group), intern(heat_pump)) for group, heat_pump in members),
        removed_members=tuple(Member(group, heat_pump) for group, heat_pump in removed_members),
        slots=tuple(slots_since(session, revision)),
        leaving=tuple(leaving_since(session, revision)),
        asked=tuple(subscribed_since(session, revision)),
    )


_GRANTS = (
    select(
        GrantRow.pk, ProviderRow.id, HeatPumpRow.id, GrantRow.rights, GrantRow.scope, GrantRow.valid_from,
        GrantRow.until, GroupRow.id,
    )
    .join(ProviderRow, GrantRow.provider_pk == ProviderRow.pk)
    .join(HeatPumpRow, GrantRow.heat_pump_pk == HeatPumpRow.pk, isouter=True)
    .join(GroupRow, GrantRow.group_pk == GroupRow.pk, isouter=True)
)  # fmt: skip
_MEMBERS = (
    select(GroupRow.id, HeatPumpRow.id)
    .select_from(GroupMemberRow)
    .join(GroupRow, GroupMemberRow.group_pk == GroupRow.pk)
    .join(HeatPumpRow, GroupMemberRow.heat_pump_pk == HeatPumpRow.pk)
)


def _changed(
    session: Session, columns: Select[*tuple[Any, ...]], ended: InstrumentedAttribute[float | None],
    stamp: InstrumentedAttribute[int], revision: int,
) -> tuple[Iterator[Any], Iterator[Any]]:  # fmt: skip
    """The rows stamped after ``revision``: those that live, and those that ended (from 0: none)."""
    fetch = {"yield_per": ROWS_AT_ONCE}
    live = columns.where(ended.is_(None))
    if revision == 0:
        return iter(session.execute(live, execution_options=fetch)), iter(())
    gone = columns.where(ended.is_not(None), stamp > revision)
    return (
        iter(session.execute(live.where(stamp > revision), execution_options=fetch)),
        iter(session.execute(gone, execution_options=fetch)),
    )
