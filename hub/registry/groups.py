"""Groups of heat pumps: made, filled, listed, removed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import CursorResult, func, select, update
from sqlalchemy.orm import Session

from hub.registry.errors import InvalidInput, NotFound
from hub.registry.grants import end_grants
from hub.registry.lookup import free_name, get_group, take_name
from hub.registry.models import GrantRow, GroupMemberRow, GroupRow, HeatPumpRow, NameKind
from hub.registry.naming import checked_id, checked_text
from hub.registry.routers import next_revision
from hub.registry.steering import join_steering, leave_steering

MAX_MEMBERS = 20_000
"""Heat pumps in one group: as many as a router reaches, with a provider's usual share of 1,000 a second,
while a command is young enough to be obeyed. For more, make several groups."""
MAX_GROUPS_OF_ONE = 16
"""Groups one heat pump may be in: each is looked at for every request to it."""
IDS_AT_ONCE = 500
"""Ids in one query: SQLite takes 999 parameters where it is old."""
_SHOWN = 5
"""Wrong ids that a message names."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """A group for people: when it was made (seconds since 1970 UTC), and how many heat pumps it has now."""

    id: str
    note: str
    created: float
    members: int


@dataclass(frozen=True, slots=True)
class MembersChange:
    """The ids of the heat pumps that came into a group or left it, of none for whom nothing changed."""

    group: str
    heat_pumps: tuple[str, ...]


def add_group(session: Session, id_: str, *, now: float, note: str = "") -> GroupRecord:
    """Make an empty group.

    Raises InvalidInput for an id that can never be, Conflict for one that a heat pump, provider or group has.
    """
    id_, note = checked_id(id_), checked_text(note, "note")
    next_revision(session)
    take_name(session, id_, NameKind.GROUP)
    session.add(GroupRow(id=id_, note=note, created=now, removed_at=None))
    session.flush()
    return GroupRecord(id_, note, now, 0)


def list_groups(session: Session) -> list[GroupRecord]:
    """All groups by id, without removed ones."""
    size = (
        select(func.count())
        .select_from(GroupMemberRow)
        .where(GroupMemberRow.group_pk == GroupRow.pk, GroupMemberRow.removed_at.is_(None))
        .scalar_subquery()
    )
    found = select(GroupRow.id, GroupRow.note, GroupRow.created, size).where(GroupRow.removed_at.is_(None))
    return [GroupRecord(*row) for row in session.execute(found.order_by(GroupRow.id))]


def group_members(session: Session, id_: str) -> list[str]:
    """The ids of the heat pumps in a group, in order. Raises NotFound."""
    group = get_group(session, id_)
    return list(
        session.scalars(
            select(HeatPumpRow.id)
            .join(GroupMemberRow, GroupMemberRow.heat_pump_pk == HeatPumpRow.pk)
            .where(GroupMemberRow.group_pk == group.pk, GroupMemberRow.removed_at.is_(None))
            .order_by(HeatPumpRow.id)
        )
    )


def remove_group(session: Session, id_: str, *, now: float) -> tuple[GroupRecord, int]:
    """Remove a group and revoke the grants on it; returns it as it was, and how many. Raises NotFound."""
    row = get_group(session, id_)
    revision = next_revision(session)
    was = GroupRecord(row.id, row.note, row.created, len(group_members(session, id_)))
    row.removed_at = now
    ended = end_grants(session, GrantRow.group_pk == row.pk, revision=revision, now=now)
    session.execute(
        update(GroupMemberRow)
        .where(GroupMemberRow.group_pk == row.pk, GroupMemberRow.removed_at.is_(None))
        .values(removed_at=now, revision=revision)
    )
    free_name(session, id_)
    return was, ended


def add_members(session: Session, group: str, heat_pumps: Collection[str], *, now: float) -> MembersChange:
    """Take heat pumps into a group; grants on it count for them from now on. Who is in it already stays.

    Raises NotFound for the group or any of the heat pumps, InvalidInput if the group or the number of one's
    groups would grow too large. Then nothing changes.
    """
    row = get_group(session, group)
    known = known_heat_pumps(session, heat_pumps)
    here = set(group_members(session, group))
    coming = [id_ for id_ in known if id_ not in here]
    if not coming:
        return MembersChange(row.id, ())
    if len(here) + len(coming) > MAX_MEMBERS:
        size = len(here) + len(coming)
        raise InvalidInput(f"group {row.id} would have {size} members: at most {MAX_MEMBERS}; make another")
    if crowded := _crowded(session, [known[id_] for id_ in coming]):
        raise InvalidInput(f"{crowded} is in {MAX_GROUPS_OF_ONE} groups already: take it out of one first")
    revision = next_revision(session)
    session.add_all(
        GroupMemberRow(
            group_pk=row.pk, heat_pump_pk=known[id_], added=now, removed_at=None, revision=revision
        )
        for id_ in coming
    )
    session.flush()
    join_steering(session, row.pk, [known[id_] for id_ in coming], revision)
    return MembersChange(row.id, tuple(coming))


def remove_members(session: Session, group: str, heat_pumps: Collection[str], *, now: float) -> MembersChange:
    """Take heat pumps out of a group; grants on it no longer count for them. Who is not in it stays out.

    Raises NotFound for the group or any of the heat pumps. Then nothing changes.
    """
    row = get_group(session, group)
    known = known_heat_pumps(session, heat_pumps)
    here = set(group_members(session, group))
    going = [id_ for id_ in known if id_ in here]
    if going:
        end_memberships(
            session, [known[id_] for id_ in going], revision=next_revision(session), now=now, group=row.pk
        )
    return MembersChange(row.id, tuple(going))


def end_memberships(
    session: Session, heat_pumps: Sequence[int], *, revision: int, now: float, group: int | None = None
) -> int:
    """End the memberships of heat pumps (HeatPumpRow.pk) in one group or all; returns how many."""
    ended = 0
    leave_steering(session, heat_pumps, group, revision)
    for part in _parts(heat_pumps):
        these = update(GroupMemberRow).where(
            GroupMemberRow.heat_pump_pk.in_(part), GroupMemberRow.removed_at.is_(None)
        )
        if group is not None:
            these = these.where(GroupMemberRow.group_pk == group)
        result = session.execute(these.values(removed_at=now, revision=revision))
        assert isinstance(result, CursorResult)
        ended += result.rowcount
    return ended


def known_heat_pumps(session: Session, heat_pumps: Collection[str]) -> dict[str, int]:
    """The keys of heat pumps by id, each once, in the order given. Raises NotFound that names who is none."""
    wanted = list(dict.fromkeys(heat_pumps))
    found: dict[str, int] = {}
    for part in _parts(wanted):
        rows = session.execute(
            select(HeatPumpRow.id, HeatPumpRow.pk).where(
                HeatPumpRow.id.in_(part), HeatPumpRow.removed_at.is_(None)
            )
        )
        found |= dict(rows.all())
    missing = [repr(id_[:80]) for id_ in wanted if id_ not in found]
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise NotFound(
            f"there is no heat pump {', '.join(missing[:_SHOWN])}{more}: `hphub heatpump list` shows all"
        )
    return {id_: found[id_] for id_ in wanted}


def _crowded(session: Session, heat_pumps: Sequence[int]) -> str | None:
    """The id of one that is in as many groups as it may be."""
    for part in _parts(heat_pumps):
        found = session.scalar(
            select(HeatPumpRow.id)
            .join(GroupMemberRow, GroupMemberRow.heat_pump_pk == HeatPumpRow.pk)
            .where(HeatPumpRow.pk.in_(part), GroupMemberRow.removed_at.is_(None))
            .group_by(HeatPumpRow.pk)
            .having(func.count() >= MAX_GROUPS_OF_ONE)
            .limit(1)
        )
        if found is not None:
            return found
    return None


def _parts(things: Sequence[_T]) -> list[Sequence[_T]]:
    return [things[at : at + IDS_AT_ONCE] for at in range(0, len(things), IDS_AT_ONCE)]
