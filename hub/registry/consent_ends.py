"""Grants on consent that end soon, and who is to be reminded of it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.registry.errors import NotFound
from hub.registry.grants import GrantRecord, get_grant, list_grants
from hub.registry.models import GrantRow, GroupMemberRow
from hub.registry.people import Person, get_person, owners_of
from hub.registry.people_models import PersonRow, ReminderRow
from hub.registry.purposes import on_consent
from hub.registry.routers import next_revision

REMIND_BEFORE = 30 * 86_400.0
"""Seconds before a consent ends from which its owner is to be reminded: time to think, and to answer."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A grant that rests on consent, and the ids of those who own a heat pump it is on now."""

    grant: GrantRecord
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reminder:
    """That a person is to hear, or has heard at ``told_at``, that a grant ends at ``ends``.

    Times are seconds since 1970 UTC.
    """

    grant: GrantRecord
    person: Person
    ends: float
    told_at: float | None = None


def list_consents(session: Session, *, now: float, ending: float | None = None) -> list[Consent]:
    """Grants on consent that are in force or will be; with ``ending`` those alone that end by then, the
    first to end first.
    """
    found = [one for one in list_grants(session, now=now) if on_consent(one.purpose, one.giver)]
    if ending is not None:
        found = [one for one in found if one.until is not None and one.until <= ending]
    found.sort(key=lambda one: (one.until is None, one.until or 0.0, one.key))
    return [Consent(one, _people(session, one, now)) for one in found]


def reminders_due(session: Session, *, now: float) -> list[Reminder]:
    """Who is to be reminded now and has not been: of each end once, of another end anew."""
    told = {
        (grant, person, ends)
        for grant, person, ends in session.execute(
            select(ReminderRow.grant_pk, PersonRow.id, ReminderRow.ends).join(
                PersonRow, PersonRow.pk == ReminderRow.person_pk
            )
        )
    }
    return [
        Reminder(one.grant, get_person(session, person), one.grant.until)
        for one in list_consents(session, now=now, ending=now + REMIND_BEFORE)
        for person in one.people
        if one.grant.until is not None and (one.grant.key, person, one.grant.until) not in told
    ]


def reminder_told(session: Session, grant: int, person: str, *, now: float) -> Reminder:
    """Record that somebody was reminded. Raises NotFound if that was not due."""
    for one in reminders_due(session, now=now):
        if (one.grant.key, one.person.id) == (grant, person):
            next_revision(session)
            session.add(ReminderRow(grant_pk=grant, person_pk=one.person.pk, ends=one.ends, told_at=now))
            session.flush()
            return Reminder(one.grant, one.person, one.ends, now)
    raise NotFound(f"no reminder of grant {grant} is due to {person[:80]!r}: `hphub reminder due` shows all")


def reminders_told(session: Session) -> list[Reminder]:
    """Who was reminded of what, the last one first."""
    rows = session.execute(
        select(ReminderRow, PersonRow.id)
        .join(PersonRow, PersonRow.pk == ReminderRow.person_pk)
        .order_by(ReminderRow.told_at.desc())
    )
    return [
        Reminder(get_grant(session, row.grant_pk), get_person(session, person), row.ends, row.told_at)
        for row, person in rows.all()
    ]


def _people(session: Session, grant: GrantRecord, now: float) -> tuple[str, ...]:
    on = session.execute(
        select(GrantRow.heat_pump_pk, GrantRow.group_pk).where(GrantRow.pk == grant.key)
    ).one()
    pumps = [on.heat_pump_pk]
    if on.group_pk is not None:
        members = select(GroupMemberRow.heat_pump_pk).where(
            GroupMemberRow.group_pk == on.group_pk, GroupMemberRow.removed_at.is_(None)
        )
        pumps = list(session.scalars(members))
    return tuple(sorted({person for pump in pumps for person in owners_of(session, pump, now)}))
