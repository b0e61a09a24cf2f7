"""Which stored intervals of a heat pump a provider may read, by his own grants that are in force."""

from __future__ import annotations

from dataclasses import dataclass

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
    pump came into the group that it is on. All of them are in force now, so together they are one stretch.
    """
    found = session.execute(
        select(HeatPumpRow.pk, HistorySeriesRow.series)
        .join(HistorySeriesRow, HistorySeriesRow.heat_pump_pk == HeatPumpRow.pk, isouter=True)
        .where(HeatPumpRow.id == heat_pump, HeatPumpRow.removed_at.is_(None))
    ).one_or_none()
    if found is None:
        return None
    own, of_groups = _grants(provider, found.pk)
    live = []
    for query in (own, of_groups):
        for rights, scope, start, created, until, came in session.execute(query):
            consent = Consent(max(created if start is None else start, came or 0.0), until)
            patterns = scope_of(scope)
            inside = not patterns or any(covers(pattern, log) for pattern in patterns)
            if inside and Right.HISTORY in rights_of(rights) and consent.covers(now):
                live.append(consent)
    if not live:
        return None
    ends = [one.ends for one in live if one.ends is not None]
    return HistoryAccess(
        found.series, min(one.begins for one in live), max(ends) if len(ends) == len(live) else None
    )


_Held = Select[str, str, float | None, float, float | None, float | None]
"""Rights, scope, from, when it was given, until, when the heat pump came into its group."""


def _grants(provider: str, heat_pump_pk: int) -> tuple[_Held, _Held]:
    """Those on the heat pump itself, and those on groups that it is in."""
    columns = (GrantRow.rights, GrantRow.scope, GrantRow.valid_from, GrantRow.created, GrantRow.until)
    of_provider = (
        ProviderRow.id == provider,
        ProviderRow.removed_at.is_(None),
        GrantRow.revoked_at.is_(None),
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
