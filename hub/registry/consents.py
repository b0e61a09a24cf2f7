"""Who agreed that a heat pump's measurements are kept: grants with the right ``history`` and a purpose, on it
or on a group it is in, and the series that the measurements belong to.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import CompoundSelect, Row, delete, null, select, union_all
from sqlalchemy.orm import Session

from hub.registry.models import GrantRow, GroupMemberRow, HeatPumpRow, HistorySeriesRow
from hub.registry.rights import rights_of
from hub.registry.settings_models import SettingsStateRow
from hub.roster import Right

SERIES_BITS = 63
"""Bits of a series id: random, so that two are never the same and none tells when it was made."""
IDS_AT_ONCE = 500
"""Ids in one query: SQLite takes some 32,000 parameters at most, and 999 where it is old."""


@dataclass(frozen=True, slots=True)
class Consent:
    """That measurements of a heat pump may be kept, from ``begins`` until ``ends`` (None: no end).

    Times are seconds since 1970 UTC. One that was revoked ends then.
    """

    begins: float
    ends: float | None

    def covers(self, at: float) -> bool:
        """In force at ``at``."""
        return self.begins <= at and (self.ends is None or at < self.ends)


def in_force_throughout(consents: Iterable[Consent], start: float, end: float) -> bool:
    """At every moment from ``start`` to ``end`` one of them was in force, be it one after the other."""
    reached = start
    for one in sorted(consents, key=lambda consent: consent.begins):
        if one.begins > reached:
            break
        if one.ends is None:
            return True
        reached = max(reached, one.ends)
    return end <= reached and start < reached


@dataclass(frozen=True, slots=True)
class Consented:
    """A heat pump and its consents, past ones too; of a removed heat pump there are none. ``since``: its box
    came in place of one that was last seen then; ``replaced``: when it did, 0 for the first box.
    """

    pk: int
    heat_pump: str
    box: str
    removed: bool
    consents: tuple[Consent, ...]
    since: float = 0.0
    replaced: float = 0.0


def consents_since(session: Session, revision: int) -> list[Consented]:
    """Every heat pump whose consents, box or being there changed after ``revision``; from 0 all that live.

    Call it in one transaction with ``current_revision``.
    """
    if revision == 0:
        pumps = session.execute(_PUMPS.where(HeatPumpRow.removed_at.is_(None)))
        return list(_joined(session, pumps.all(), everything=True))
    touched: CompoundSelect[int | None] = union_all(
        select(GrantRow.heat_pump_pk).where(GrantRow.revision > revision, GrantRow.heat_pump_pk.is_not(None)),
        select(GroupMemberRow.heat_pump_pk).where(GroupMemberRow.revision > revision),
        select(GroupMemberRow.heat_pump_pk)
        .join(GrantRow, GrantRow.group_pk == GroupMemberRow.group_pk)
        .where(GrantRow.revision > revision),
    )
    rows = session.execute(_PUMPS.where((HeatPumpRow.revision > revision) | HeatPumpRow.pk.in_(touched)))
    return list(_joined(session, rows.all(), everything=False))


_PUMPS = select(
    HeatPumpRow.pk, HeatPumpRow.id, HeatPumpRow.box, HeatPumpRow.removed_at, SettingsStateRow.measures_from,
    SettingsStateRow.since,
).join(SettingsStateRow, SettingsStateRow.heat_pump_pk == HeatPumpRow.pk, isouter=True)  # fmt: skip
_CONSENTING = (GrantRow.purpose != "", GrantRow.rights.contains(Right.HISTORY.value))
_GRANTS = select(
    GrantRow.heat_pump_pk, GrantRow.rights, GrantRow.valid_from, GrantRow.created, GrantRow.until,
    GrantRow.revoked_at, null(), null(),
).where(GrantRow.heat_pump_pk.is_not(None), *_CONSENTING)  # fmt: skip
_GROUP_GRANTS = (
    select(
        GroupMemberRow.heat_pump_pk, GrantRow.rights, GrantRow.valid_from, GrantRow.created, GrantRow.until,
        GrantRow.revoked_at, GroupMemberRow.added, GroupMemberRow.removed_at,
    )
    .join(GrantRow, GrantRow.group_pk == GroupMemberRow.group_pk)
    .where(*_CONSENTING)
)  # fmt: skip

_PumpRow: TypeAlias = Row[int, str, str, float | None, float | None, float | None]


def _joined(session: Session, pumps: Sequence[_PumpRow], *, everything: bool) -> Iterator[Consented]:
    consents = _consents(session, None if everything else [pump.pk for pump in pumps])
    for pk, id_, box, removed_at, since, replaced in pumps:
        removed = removed_at is not None
        agreed = () if removed else tuple(consents.get(pk, ()))
        yield Consented(pk, id_, box, removed, agreed, since or 0.0, replaced or 0.0)


def _consents(session: Session, of: list[int] | None) -> dict[int, list[Consent]]:
    """By HeatPumpRow.pk: those of these heat pumps, or all."""
    consents: dict[int, list[Consent]] = {}
    queries = [_GRANTS, _GROUP_GRANTS]
    if of is not None:
        parts = list(_parts(of))
        queries = [_GRANTS.where(GrantRow.heat_pump_pk.in_(pks)) for pks in parts]
        queries += [_GROUP_GRANTS.where(GroupMemberRow.heat_pump_pk.in_(pks)) for pks in parts]
    for query in queries:
        for pk, rights, start, created, until, revoked, came, left in session.execute(query):
            if pk is not None and Right.HISTORY in rights_of(rights):
                begins = max(created if start is None else start, came or 0.0)
                ends = min((end for end in (until, revoked, left) if end is not None), default=None)
                if ends is None or begins < ends:
                    consents.setdefault(pk, []).append(Consent(begins, ends))
    return consents


@dataclass(frozen=True, slots=True)
class Followed:
    """A heat pump that has a series, and all its consents, past ones and those of a removed one too."""

    pk: int
    heat_pump: str
    removed: bool
    series: int
    consents: tuple[Consent, ...]


def followed(session: Session) -> list[Followed]:
    """Every heat pump of which there are or were measurements, by id."""
    consents = _consents(session, None)
    rows = session.execute(
        select(HeatPumpRow.pk, HeatPumpRow.id, HeatPumpRow.removed_at, HistorySeriesRow.series)
        .join(HistorySeriesRow, HistorySeriesRow.heat_pump_pk == HeatPumpRow.pk)
        .order_by(HeatPumpRow.id, HeatPumpRow.pk)
    )
    return [
        Followed(pk, id_, removed is not None, series, tuple(consents.get(pk, ())))
        for pk, id_, removed, series in rows
    ]


def forget_series(session: Session, pk: int) -> None:
    """Cut the only tie between a heat pump (HeatPumpRow.pk) and its measurements."""
    session.execute(delete(HistorySeriesRow).where(HistorySeriesRow.heat_pump_pk == pk))


def series_of(session: Session, pks: Collection[int]) -> dict[int, int]:
    """The series of these heat pumps, made where there was none; ``pks`` are HeatPumpRow.pk."""
    found = known_series(session, pks)
    made = {pk: secrets.randbits(SERIES_BITS) for pk in pks if pk not in found}
    session.add_all(HistorySeriesRow(heat_pump_pk=pk, series=series) for pk, series in made.items())
    session.flush()
    return found | made


def known_series(session: Session, pks: Collection[int]) -> dict[int, int]:
    """The series of these heat pumps, of those that have one."""
    found: dict[int, int] = {}
    for part in _parts(list(pks)):
        rows = session.execute(
            select(HistorySeriesRow.heat_pump_pk, HistorySeriesRow.series).where(
                HistorySeriesRow.heat_pump_pk.in_(part)
            )
        )
        found |= dict(rows.all())
    return found


def _parts(pks: list[int]) -> Iterator[list[int]]:
    return (pks[at : at + IDS_AT_ONCE] for at in range(0, len(pks), IDS_AT_ONCE))
