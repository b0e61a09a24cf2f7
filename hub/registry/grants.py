"""Grants on heat pumps and groups: given, listed, revoked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, CursorResult, Row, Select, select, update
from sqlalchemy.orm import Session

from hub.registry.ask_models import answer_ask
from hub.registry.errors import InvalidInput, NotFound
from hub.registry.lookup import get_group, get_heat_pump, get_provider, is_group
from hub.registry.models import GrantRow, GroupMemberRow, GroupRow, HeatPumpRow, ProviderRow
from hub.registry.naming import checked_text
from hub.registry.purposes import default_end, require_ground
from hub.registry.rights import rights_of, scope_of, stored_rights, stored_scope
from hub.registry.routers import next_revision
from hub.registry.scope import checked_scope
from hub.registry.steering import SteeringRecord, begin_steering, end_steering, require_priority, steering_of
from hub.roster import Right

GROUP_SIGN = "@"
"""Stands before a group's id where heat pumps and groups may be named."""


@dataclass(frozen=True, slots=True)
class GrantRecord:
    """A grant with all that is known of it, for people; ``heat_pump`` is empty if it is on a ``group``.

    Times are seconds since 1970 UTC.
    """

    key: int
    provider: str
    heat_pump: str
    group: str
    rights: frozenset[Right]
    scope: tuple[str, ...]
    valid_from: float | None
    until: float | None
    purpose: str
    ground: str
    giver: str
    created: float
    revoked_at: float | None
    steering: tuple[SteeringRecord, ...] = ()

    @property
    def on(self) -> str:
        """What it is on: ``hp0001``, or ``@north`` for a group."""
        return f"{GROUP_SIGN}{self.group}" if self.group else self.heat_pump

    @property
    def begins(self) -> float:
        """When it begins or began: with its giving if no other time was set."""
        return self.created if self.valid_from is None else self.valid_from

    def state(self, now: float) -> str:
        """``revoked``, ``expired``, ``not yet`` or ``live`` at ``now``."""
        if self.revoked_at is not None:
            return "revoked"
        if self.until is not None and self.until <= now:
            return "expired"
        return "live" if self.valid_from is None or self.valid_from <= now else "not yet"


@dataclass(frozen=True, slots=True)
class NewGrant:
    """What is granted, from ``valid_from`` (None: at once) until ``until`` (None: no end, or a year if it
    rests on consent).

    ``on``: a heat pump, or a group, then or not with ``@`` before it.
    """

    provider: str
    on: str
    rights: Collection[Right]
    giver: str
    scope: Collection[str] = ()
    valid_from: float | None = None
    until: float | None = None
    purpose: str = ""
    ground: str = ""
    priority: int | None = None


def add_grant(session: Session, new: NewGrant, *, now: float) -> GrantRecord:
    """Give a provider rights on a heat pump, or on each that is in a group as long as it is.

    Raises NotFound for either of them; InvalidInput for no rights, a purpose that needs consent without a
    ground, a wrong scope or priority, or an end that lies before the start or in the past; Conflict if it
    may schedule and no schedule of the box is free.
    """
    rights = stored_rights(new.rights)
    if not rights:
        raise InvalidInput(f"a grant needs a right: one of {', '.join(Right)}")
    if new.until is not None and new.until <= max(now, new.valid_from or now):
        raise InvalidInput("the grant would end before it begins, or has ended already: choose a later end")
    require_ground(new.purpose, new.ground)
    until = new.until
    if until is None:
        until = default_end(new.purpose, new.giver, max(now, new.valid_from or now))
    provider = get_provider(session, new.provider)
    group = named_group(session, new.on)
    row = GrantRow(
        provider_pk=provider.pk,
        heat_pump_pk=get_heat_pump(session, new.on).pk if group is None else None,
        group_pk=get_group(session, group).pk if group is not None else None,
        rights=rights,
        scope=stored_scope(checked_scope(new.scope)),
        valid_from=new.valid_from,
        until=until,
        purpose=checked_text(new.purpose, "purpose"),
        ground=checked_text(new.ground, "ground"),
        giver=new.giver,
        created=now,
        revoked_at=None,
        revision=next_revision(session),
    )
    session.add(row)
    session.flush()
    require_priority(rights_of(rights), new.priority)
    begin_steering(session, row, heat_pumps_of(session, row), new.priority, row.revision)
    answer_ask(session, row, now=now)
    return get_grant(session, row.pk)


def heat_pumps_of(session: Session, grant: GrantRow) -> list[int]:
    """The heat pumps (HeatPumpRow.pk) that a grant is on now."""
    if grant.heat_pump_pk is not None:
        return [grant.heat_pump_pk]
    members = select(GroupMemberRow.heat_pump_pk).where(
        GroupMemberRow.group_pk == grant.group_pk, GroupMemberRow.removed_at.is_(None)
    )
    return list(session.scalars(members))


def get_grant(session: Session, key: int) -> GrantRecord:
    """The grant with this key, also a revoked one. Raises NotFound."""
    row = session.execute(_records().where(GrantRow.pk == key)).one_or_none()
    if row is None:
        raise NotFound(f"there is no grant {key}: `hphub grant list` shows all")
    return _with_steering(session, [_record(row)])[0]


def named_group(session: Session, on: str) -> str | None:
    """The id of the group that ``on`` names: ``@`` and an id, or the id of a group; None: a heat pump's."""
    if on.startswith(GROUP_SIGN):
        return on.removeprefix(GROUP_SIGN)
    return on if is_group(session, on) else None


def list_grants(
    session: Session,
    *,
    provider: str | None = None,
    heat_pump: str | None = None,
    group: str | None = None,
    now: float,
    ended: bool = False,
) -> list[GrantRecord]:
    """The grants of a provider, that count for a heat pump (its groups' too), on a group or all, by key.

    With ``ended`` also revoked and expired ones. Without it an id nobody has raises NotFound; with it, grants
    of removed ones are found too.
    """
    wanted = _records().order_by(GrantRow.pk)
    if provider is not None:
        wanted = wanted.where(
            ProviderRow.id == provider if ended else ProviderRow.pk == get_provider(session, provider).pk
        )
    if heat_pump is not None:
        wanted = wanted.where(_counts_for(session, heat_pump, ended=ended))
    if group is not None:
        wanted = wanted.where(GroupRow.id == group if ended else GroupRow.pk == get_group(session, group).pk)
    if not ended:
        wanted = wanted.where(*_in_force_or_coming(now))
    return _with_steering(session, [_record(row) for row in session.execute(wanted)])


def _counts_for(session: Session, heat_pump: str, *, ended: bool) -> ColumnElement[bool]:
    its_own = HeatPumpRow.id == heat_pump
    if not ended:
        its_own = HeatPumpRow.pk == get_heat_pump(session, heat_pump).pk
    member = GroupMemberRow.removed_at.is_(None) & HeatPumpRow.removed_at.is_(None)
    groups = (
        select(GroupMemberRow.group_pk)
        .join(HeatPumpRow, GroupMemberRow.heat_pump_pk == HeatPumpRow.pk)
        .where(HeatPumpRow.id == heat_pump, member)
    )
    return its_own | GrantRow.group_pk.in_(groups)


def revoke_grant(session: Session, key: int, *, now: float) -> GrantRecord:
    """Revoke one grant. Raises NotFound if there is none with this key or it is revoked already."""
    record = get_grant(session, key)
    if record.revoked_at is not None:
        raise NotFound(f"grant {key} is revoked already")
    end_grants(session, GrantRow.pk == key, revision=next_revision(session), now=now)
    return get_grant(session, key)


def revoke_grants_between(session: Session, provider: str, on: str, *, now: float) -> list[GrantRecord]:
    """Revoke every grant of a provider on a heat pump, or on a group (``@`` and its id, or its id).

    Those on a heat pump's groups stay. Raises NotFound if there is none.
    """
    group = named_group(session, on)
    if group is not None:
        direct = list_grants(session, provider=provider, group=group, now=now)
        through = []
    else:
        found = list_grants(session, provider=provider, heat_pump=on, now=now)
        direct = [record for record in found if not record.group]
        through = [f"; grant {record.key} on its group {record.group} counts for it" for record in found]
    if not direct:
        what = f"group {group}" if group is not None else f"heat pump {on}"
        raise NotFound(f"provider {provider} has no grant for {what}{''.join(through)}")
    keys = [record.key for record in direct]
    end_grants(session, GrantRow.pk.in_(keys), revision=next_revision(session), now=now)
    return [get_grant(session, key) for key in keys]


def end_grants(session: Session, which: ColumnElement[bool], *, revision: int, now: float) -> int:
    """Mark the grants ``which`` that are not revoked as revoked under ``revision``; returns how many."""
    end_steering(session, which & GrantRow.revoked_at.is_(None), revision)
    ended = session.execute(
        update(GrantRow).where(which, GrantRow.revoked_at.is_(None)).values(revoked_at=now, revision=revision)
    )
    assert isinstance(ended, CursorResult)
    return ended.rowcount


def _in_force_or_coming(now: float) -> tuple[ColumnElement[bool], ...]:
    return GrantRow.revoked_at.is_(None), (GrantRow.until.is_(None)) | (GrantRow.until > now)


def _with_steering(session: Session, found: list[GrantRecord]) -> list[GrantRecord]:
    steering = steering_of(session, [record.key for record in found])
    return [replace(record, steering=steering.get(record.key, ())) for record in found]


def _records() -> Select[GrantRow, str, str | None, str | None]:
    return (
        select(
            GrantRow,
            ProviderRow.id.label("provider_id"),
            HeatPumpRow.id.label("heat_pump_id"),
            GroupRow.id.label("group_id"),
        )
        .join(ProviderRow, GrantRow.provider_pk == ProviderRow.pk)
        .join(HeatPumpRow, GrantRow.heat_pump_pk == HeatPumpRow.pk, isouter=True)
        .join(GroupRow, GrantRow.group_pk == GroupRow.pk, isouter=True)
        .execution_options(populate_existing=True)
    )


def _record(row: Row[GrantRow, str, str | None, str | None]) -> GrantRecord:
    grant, provider, heat_pump, group = row
    return GrantRecord(
        key=grant.pk, provider=provider, heat_pump=heat_pump or "", group=group or "",
        rights=rights_of(grant.rights), scope=scope_of(grant.scope), valid_from=grant.valid_from,
        until=grant.until, purpose=grant.purpose, ground=grant.ground, giver=grant.giver,
        created=grant.created, revoked_at=grant.revoked_at,
    )  # fmt: skip
