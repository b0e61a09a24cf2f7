"""What is held of a person, told him and deleted: all but what others may keep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import delete, func, literal, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from hub.registry.ask_models import AskRow
from hub.registry.asks import AskRecord, asks_about
from hub.registry.consents import known_series
from hub.registry.errors import Conflict
from hub.registry.grants import GrantRecord, end_grants, get_grant
from hub.registry.groups import remove_members
from hub.registry.master_data import MasterData, forget_metering_points, master_data
from hub.registry.models import GrantRow, GroupMemberRow, GroupRow, HeatPumpRow
from hub.registry.people import Ownership, Person, delete_person, get_person
from hub.registry.people_models import InviteRow, OperatorRow, OwnershipRow, PersonRow, ReminderRow
from hub.registry.purposes import OWNER, on_consent
from hub.registry.routers import next_revision
from hub.registry.settings import SettingsRecord, settings_of

ERASED = "[erased]"
"""Stands where an operator had written a person's name, contact or JID into a note, purpose or ground."""
MIN_SCRUBBED = 3
"""Characters a name must have to be looked for in such texts: a shorter one is part of other words."""
_FREE_TEXTS: tuple[InstrumentedAttribute[str], ...] = (
    HeatPumpRow.note, GroupRow.note, GrantRow.purpose, GrantRow.ground, AskRow.purpose,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Alone:
    """The time in which a heat pump was a person's, the series of its measurements if it has one, and the
    ownerships of others that fall into it.
    """

    own: Ownership
    series: int | None
    others: tuple[Ownership, ...]


@dataclass(frozen=True, slots=True)
class InviteRecord:
    """A code that a person was given, without the code."""

    key: int
    heat_pump: str
    created: float
    expires: float
    answered_at: float | None
    answer: str


@dataclass(frozen=True, slots=True)
class Told:
    """A reminder a person was given."""

    grant: int
    ends: float
    told_at: float


@dataclass(frozen=True, slots=True)
class Held:
    """All that the registry holds of a person; ``operator_since``: he administers the hub by XMPP."""

    person: Person
    times: tuple[Alone, ...]
    grants: tuple[GrantRecord, ...]
    invites: tuple[InviteRecord, ...]
    reminders: tuple[Told, ...]
    asks: tuple[AskRecord, ...]
    installations: dict[str, MasterData]
    settings: dict[str, SettingsRecord]
    operator_since: float | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """A heat pump left a group because a grant on it rests on consent; ``others`` are the keys of grants on
    the group that need none, and no longer count for it either.
    """

    heat_pump: str
    group: str
    others: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EndedConsents:
    """What ended with a person's consent."""

    person: Person
    grants: tuple[GrantRecord, ...]
    left: tuple[Left, ...]


def held_of(session: Session, id_: str, *, now: float) -> Held:
    """Everything of a person; grants are those that he gave and those on what he owned, then; master data,
    settings and what providers ask for those of what he owns at ``now``. Raises NotFound.
    """
    person = get_person(session, id_)
    his = [one.heat_pump_pk for one in person.owns if one.covers(now)]
    pumps = session.scalars(select(HeatPumpRow).where(HeatPumpRow.pk.in_(his))).all()
    invites = session.execute(
        select(
            InviteRow.pk, HeatPumpRow.id, InviteRow.created, InviteRow.expires, InviteRow.answered_at,
            InviteRow.answer,
        )
        .join(HeatPumpRow, HeatPumpRow.pk == InviteRow.heat_pump_pk)
        .where(InviteRow.person_pk == person.pk)
        .order_by(InviteRow.pk)
    )  # fmt: skip
    reminders = session.execute(
        select(ReminderRow.grant_pk, ReminderRow.ends, ReminderRow.told_at).where(
            ReminderRow.person_pk == person.pk
        )
    )
    administers = session.get(OperatorRow, person.pk)
    return Held(
        person,
        tuple(_times(session, person)),
        tuple(_grants(session, person)),
        tuple(InviteRecord(*row) for row in invites),
        tuple(Told(*row) for row in reminders),
        tuple(asks_about(session, [pump.id for pump in pumps], f"{OWNER}{person.id}")),
        master_data(session, pumps),
        {pump.id: settings_of(session, pump.id) for pump in pumps if pump.removed_at is None},
        administers.since if administers is not None else None,
    )


def end_consents(session: Session, id_: str, *, now: float) -> EndedConsents:
    """End what rests on a person's consent: what he gave, and on a heat pump that is his alone now all that
    an operator recorded as consented to.

    So too of groups: a grant on consent ends if it is on nothing but such heat pumps; else they leave the
    group, for what others consented to goes on. Raises NotFound.
    """
    person = get_person(session, id_)
    alone = _alone_now(session, person, now)
    keys = []
    given = GrantRow.giver == f"{OWNER}{person.id}"
    candidates = select(GrantRow).where(
        GrantRow.revoked_at.is_(None), given | GrantRow.heat_pump_pk.in_(alone)
    )
    for row in session.scalars(candidates):
        his = row.giver == f"{OWNER}{person.id}"
        if his or (_consented(row) and row.heat_pump_pk in alone):
            keys.append(row.pk)
    leaving: list[Left] = []
    for group, grants in _groups_on_consent(session, alone):
        there = session.execute(
            select(HeatPumpRow.pk, HeatPumpRow.id)
            .join(GroupMemberRow, GroupMemberRow.heat_pump_pk == HeatPumpRow.pk)
            .where(GroupMemberRow.group_pk == group.pk, GroupMemberRow.removed_at.is_(None))
        )
        members = dict(there.all())
        if members.keys() <= alone:
            keys += [grant.pk for grant in grants if _consented(grant)]
            continue
        others = tuple(sorted(grant.pk for grant in grants if not _consented(grant)))
        leaving += [Left(members[pk], group.id, others) for pk in sorted(members.keys() & alone)]
    revision = next_revision(session)
    if keys:
        end_grants(session, GrantRow.pk.in_(keys), revision=revision, now=now)
    for one in leaving:
        remove_members(session, one.group, [one.heat_pump], now=now)
    return EndedConsents(person, tuple(get_grant(session, key) for key in keys), tuple(leaving))


def _consented(grant: GrantRow) -> bool:
    """An operator recorded that somebody else consented."""
    return not grant.giver.startswith(OWNER) and on_consent(grant.purpose, grant.giver)


def _groups_on_consent(session: Session, heat_pumps: set[int]) -> list[tuple[GroupRow, list[GrantRow]]]:
    """The groups that any of these is in and that a grant on consent is on, with all grants on them."""
    groups = session.scalars(
        select(GroupRow)
        .join(GroupMemberRow, GroupMemberRow.group_pk == GroupRow.pk)
        .where(GroupMemberRow.heat_pump_pk.in_(heat_pumps), GroupMemberRow.removed_at.is_(None))
        .order_by(GroupRow.id)
        .distinct()
    )
    found = []
    for group in groups:
        on = select(GrantRow).where(GrantRow.group_pk == group.pk, GrantRow.revoked_at.is_(None))
        grants = list(session.scalars(on.order_by(GrantRow.pk)))
        if any(map(_consented, grants)):
            found.append((group, grants))
    return found


def erase_person(session: Session, id_: str, *, now: float) -> Person:
    """Delete all rows of a person, the metering points of heat pumps that are his alone, and his name,
    contact and JID where an operator wrote them into notes, purposes and grounds; returns what he was. His
    id stays as the giver of grants, and tells nothing.

    Raises NotFound; Conflict while a grant that he gave is not ended (``end_consents``).
    """
    person = get_person(session, id_)
    given = GrantRow.giver == f"{OWNER}{person.id}"
    if session.scalar(select(GrantRow.pk).where(given, GrantRow.revoked_at.is_(None)).limit(1)) is not None:
        raise Conflict(f"{person.id} has given a grant meanwhile: erase him once more")
    next_revision(session)
    for pump in _alone_now(session, person, now):
        forget_metering_points(session, pump)
    for text in (person.data.name, person.data.contact, person.data.jid):
        if len(text) >= MIN_SCRUBBED:
            _scrub(session, text)
    for table in (InviteRow, ReminderRow, OwnershipRow):
        session.execute(delete(table).where(table.person_pk == person.pk))
    delete_person(session, person.pk)
    return person


def _scrub(session: Session, text: str) -> None:
    for column in _FREE_TEXTS:
        session.execute(
            update(column.class_)
            .where(func.instr(column, text) > 0)
            .values({column.key: func.replace(column, literal(text), ERASED)})
        )


def _alone_now(session: Session, person: Person, now: float) -> set[int]:
    """The heat pumps (HeatPumpRow.pk) that are this person's at ``now`` and nobody else's."""
    return {
        one.own.heat_pump_pk
        for one in _times(session, person)
        if one.own.covers(now) and not any(other.covers(now) for other in one.others)
    }


def _times(session: Session, person: Person) -> Iterator[Alone]:
    pks = {one.heat_pump_pk for one in person.owns}
    series = known_series(session, pks)
    others: dict[int, list[Ownership]] = {}
    ids = session.scalars(
        select(PersonRow.id)
        .join(OwnershipRow, OwnershipRow.person_pk == PersonRow.pk)
        .where(OwnershipRow.heat_pump_pk.in_(pks), PersonRow.pk != person.pk)
        .distinct()
    )
    for id_ in ids.all():
        for one in get_person(session, id_).owns:
            others.setdefault(one.heat_pump_pk, []).append(one)
    for one in person.owns:
        yield Alone(one, series.get(one.heat_pump_pk), tuple(others.get(one.heat_pump_pk, ())))


def _grants(session: Session, person: Person) -> Iterator[GrantRecord]:
    """Those he gave, and those on what he owned or on groups it was in, as far as they were in force then."""
    given = session.scalars(select(GrantRow.pk).where(GrantRow.giver == f"{OWNER}{person.id}"))
    found = set(given.all())
    direct = select(GrantRow, literal(None), literal(None))
    through = select(GrantRow, GroupMemberRow.added, GroupMemberRow.removed_at).join(
        GroupMemberRow, GroupMemberRow.group_pk == GrantRow.group_pk
    )
    for one in person.owns:
        for question in (
            direct.where(GrantRow.heat_pump_pk == one.heat_pump_pk),
            through.where(GroupMemberRow.heat_pump_pk == one.heat_pump_pk),
        ):
            for row, came, left in session.execute(question):
                begins = max(
                    row.created if row.valid_from is None else row.valid_from, came or 0.0, one.since
                )
                ends = [end for end in (row.until, row.revoked_at, left, one.until) if end is not None]
                if not ends or begins < min(ends):
                    found.add(row.pk)
    return (get_grant(session, key) for key in sorted(found))
