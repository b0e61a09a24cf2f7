"""Which stored intervals of a heat pump a provider may read, by his own grants that are in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import starmap
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Select, null, select
from sqlalchemy.orm import Session

from hub.judge import covers
from hub.registry.consents import Consent
from hub.registry.models import GrantRow, GroupMemberRow, HeatPumpRow, HistorySeriesRow, ProviderRow
from hub.registry.rights import rights_of, scope_of
from hub.roster import Right
from iec61850_model.reference import Reference


@dataclass(frozen=True, slots=True)
class HistoryAccess:
    """``series``: where the measurements are, None if there never were any.

    What was measured from ``begins`` to ``ends`` (None: no end) may be read, seconds since 1970 UTC.
    """

    series: int | None
    begins: float
    ends: float | None


def history_access(
    session: Session, provider: str, heat_pump: str, log: Reference, now: float
) -> HistoryAccess | None:
    """What a provider may read of a heat pump's history at ``now``; None: nothing at all.

    A grant counts if it has the right ``history``, its scope covers ``log``, and it is in force. It lets read
    what was measured from its beginning on: its ``from``, or when it was given, but never before the heat
    pump came into the group that it is on. One that was changed counts from when it first allowed all this.
    All of them are in force now, so together they are one stretch.
    """
    found = session.execute(
        select(HeatPumpRow.pk, HistorySeriesRow.series)
        .join(HistorySeriesRow, HistorySeriesRow.heat_pump_pk == HeatPumpRow.pk, isouter=True)
        .where(HeatPumpRow.id == heat_pump, HeatPumpRow.removed_at.is_(None))
    ).one_or_none()
    if found is None:
        return None
    held = [
        one
        for query in _grants(provider, found.pk)
        for one in starmap(_Grant, session.execute(query))
        if Right.HISTORY in rights_of(one.rights) and _in_scope(one.scope, log)
    ]
    changed = {(one.group_pk, one.revoked_at): one for one in held if _ended_later(one)}
    live = []
    for one in held:
        consent = Consent(max(_begin(one, changed), one.came or 0.0), one.until)
        if one.revoked_at is None and consent.covers(now):
            live.append(consent)
    if not live:
        return None
    ends = [one.ends for one in live if one.ends is not None]
    return HistoryAccess(
        found.series, min(one.begins for one in live), max(ends) if len(ends) == len(live) else None
    )


class _Grant(NamedTuple):
    """One with the right, revoked or not; ``came``: when the heat pump came into its group."""

    rights: str
    scope: str
    valid_from: float | None
    created: float
    until: float | None
    revoked_at: float | None
    group_pk: int | None
    came: float | None


def _in_scope(scope: str, log: Reference) -> bool:
    patterns = scope_of(scope)
    return not patterns or any(covers(pattern, log) for pattern in patterns)


def _ended_later(grant: _Grant) -> bool:
    """Revoked, and not in the moment in which it was given: so no way back by such grants is endless."""
    return grant.revoked_at is not None and grant.created < grant.revoked_at


def _begin(grant: _Grant, changed: Mapping[tuple[int | None, float | None], _Grant]) -> float:
    """When it began, or what it came in place of: that was revoked in the moment in which this was given."""
    while grant.valid_from is None:
        before = changed.get((grant.group_pk, grant.created))
        if before is None:
            return grant.created
        grant = before
    return grant.valid_from


_Columns: TypeAlias = Select[*tuple[Any, ...]]
"""Those of _Grant."""


def _grants(provider: str, heat_pump_pk: int) -> tuple[_Columns, _Columns]:
    """Those on the heat pump itself, and those on groups that it is in; revoked ones too."""
    columns = (
        GrantRow.rights, GrantRow.scope, GrantRow.valid_from, GrantRow.created, GrantRow.until,
        GrantRow.revoked_at, GrantRow.group_pk,
    )  # fmt: skip
    of_provider = (
        ProviderRow.id == provider,
        ProviderRow.removed_at.is_(None),
        GrantRow.rights.contains(Right.HISTORY.value),
    )
    joined = ProviderRow.pk == GrantRow.provider_pk
    own = select(*columns, null()).join(ProviderRow, joined)
    of_groups = (
        select(*columns, GroupMemberRow.added)
        .join(ProviderRow, joined)
        .join(GroupMemberRow, GroupMemberRow.group_pk == GrantRow.group_pk)
    )
    return (
        own.where(GrantRow.heat_pump_pk == heat_pump_pk, *of_provider),
        of_groups.where(
            GroupMemberRow.heat_pump_pk == heat_pump_pk, GroupMemberRow.removed_at.is_(None), *of_provider
        ),
    )
