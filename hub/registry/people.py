"""People and the heat pumps they own: added, listed, removed. An operator never chooses a person's id."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from hub.registry.errors import Conflict, InvalidInput, NotFound
from hub.registry.grants import end_grants
from hub.registry.lookup import get_heat_pump, require_unused_jid
from hub.registry.models import GrantRow, HeatPumpRow
from hub.registry.naming import checked_jid, checked_text
from hub.registry.people_models import OperatorRow, OwnershipRow, PersonDataRow, PersonRow
from hub.registry.purposes import OWNER
from hub.registry.routers import next_revision

ID_OCTETS = 5
"""Random octets of a person's id: a million people collide once in a million tries, and it is looked for."""
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Who a person is: for eyes that may see it, never for a log or the audit."""

    name: str
    contact: str = ""
    jid: str = ""


@dataclass(frozen=True, slots=True)
class Ownership:
    """A heat pump (``heat_pump_pk`` is HeatPumpRow.pk) that is somebody's from ``since`` until ``until``.

    Times are seconds since 1970 UTC; of a removed heat pump the end is at the latest its removal.
    """

    person: str
    heat_pump: str
    heat_pump_pk: int
    since: float
    until: float | None

    def covers(self, at: float) -> bool:
        """It is his at ``at``."""
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class Person:
    """A person with all that he owns or owned."""

    pk: int
    id: str
    created: float
    data: PersonalData
    owns: tuple[Ownership, ...]


def add_person(session: Session, data: PersonalData, *, hub_domain: str, now: float) -> Person:
    """Take in a person under a new random id. Raises InvalidInput for a text or JID that cannot be, Conflict
    for a JID that is another person's, a box's or a provider's.
    """
    checked = _checked(data, hub_domain)
    _require_nobodys(session, checked.jid)
    next_revision(session)
    id_ = _free_id(session)
    row = PersonRow(id=id_, created=now)
    session.add(row)
    session.flush()
    session.add(PersonDataRow(person_pk=row.pk, name=checked.name, contact=checked.contact, jid=checked.jid))
    session.flush()
    return Person(row.pk, id_, now, checked, ())


def set_account(session: Session, id_: str, jid: str, *, hub_domain: str) -> Person:
    """Give a person an XMPP account, or (empty) none. Raises NotFound, InvalidInput for what is no JID,
    Conflict for another person's, or if an operator would be left without one.
    """
    person = get_person(session, id_)
    checked = checked_jid(jid, hub_domain) if jid else ""
    if checked != person.data.jid:
        _require_nobodys(session, checked)
    if not checked and session.get(OperatorRow, person.pk) is not None:
        raise Conflict(f"{id_} administers the hub by this account: `hphub operator remove {id_}` first")
    next_revision(session)
    session.get_one(PersonDataRow, person.pk).jid = checked
    session.flush()
    return get_person(session, id_)


def get_person(session: Session, id_: str) -> Person:
    """The person with this id. Raises NotFound."""
    row = session.scalar(select(PersonRow).where(PersonRow.id == id_))
    if row is None:
        raise NotFound(f"there is no person {id_[:_SHOWN]!r}: `hphub person list` shows all")
    return _person(session, row)


def list_people(session: Session) -> list[Person]:
    """All people, those known longest first."""
    return [_person(session, row) for row in session.scalars(select(PersonRow).order_by(PersonRow.pk))]


def remove_person(session: Session, id_: str) -> Person:
    """Remove somebody who never owned a heat pump. Raises NotFound; Conflict if he owns or owned one."""
    person = get_person(session, id_)
    if person.owns:
        raise Conflict(
            f"{person.id} owns or owned {person.owns[0].heat_pump}: `hphub person erase {person.id}` removes"
            " what is held of him there too"
        )
    next_revision(session)
    delete_person(session, person.pk)
    return person


def delete_person(session: Session, pk: int) -> None:
    """Delete the rows of a person (PersonRow.pk); nothing else may refer to him any more."""
    session.execute(delete(OperatorRow).where(OperatorRow.person_pk == pk))
    session.execute(delete(PersonDataRow).where(PersonDataRow.person_pk == pk))
    session.execute(delete(PersonRow).where(PersonRow.pk == pk))


def add_ownership(
    session: Session, person: str, heat_pump: str, *, since: float, until: float | None = None
) -> Ownership:
    """A heat pump is a person's from ``since`` on. Several people may own one together.

    Raises NotFound for either; InvalidInput for an end before the start; Conflict if it is his at that time
    already.
    """
    who, pump = get_person(session, person), get_heat_pump(session, heat_pump)
    if until is not None and until <= since:
        raise InvalidInput("the ownership would end before it begins: choose a later end")
    for one in who.owns:
        later = one.until is None or since < one.until
        if one.heat_pump_pk == pump.pk and later and (until is None or one.since < until):
            raise Conflict(f"{heat_pump} is {person}'s then already: `hphub owner end` ends it")
    next_revision(session)
    session.add(OwnershipRow(person_pk=who.pk, heat_pump_pk=pump.pk, since=since, until=until))
    session.flush()
    return Ownership(who.id, pump.id, pump.pk, since, until)


def end_ownership(session: Session, person: str, heat_pump: str, *, now: float) -> tuple[Ownership, int]:
    """A heat pump is no longer a person's, and what he granted on it ends; returns how many grants that are.

    Raises NotFound if it is not his.
    """
    who = get_person(session, person)
    rows = select(OwnershipRow, HeatPumpRow).join(HeatPumpRow, HeatPumpRow.pk == OwnershipRow.heat_pump_pk)
    rows = rows.where(OwnershipRow.person_pk == who.pk, HeatPumpRow.id == heat_pump)
    for row, pump in session.execute(rows):
        if row.since <= now and (row.until is None or now < row.until):
            row.until = now
            his = (GrantRow.giver == f"{OWNER}{who.id}") & (GrantRow.heat_pump_pk == pump.pk)
            ended = end_grants(session, his, revision=next_revision(session), now=now)
            return Ownership(who.id, pump.id, pump.pk, row.since, now), ended
    raise NotFound(f"{heat_pump[:_SHOWN]!r} is not {who.id}'s now: `hphub person show {who.id}`")


def owners_of(session: Session, heat_pump_pk: int, at: float) -> list[str]:
    """The ids of those who own a heat pump (HeatPumpRow.pk) at ``at``, in order."""
    found = session.scalars(
        select(PersonRow.id)
        .join(OwnershipRow, OwnershipRow.person_pk == PersonRow.pk)
        .where(OwnershipRow.heat_pump_pk == heat_pump_pk, *_covers(at))
    )
    return sorted(set(found))


def owned_by_account(session: Session, jid: str, *, now: float) -> frozenset[str]:
    """The ids of the heat pumps that the person with this bare JID owns at ``now``.

    None if there is no such person, or two: then it does not say who is asking.
    """
    people = session.scalars(
        select(PersonDataRow.person_pk).where(PersonDataRow.jid == jid, PersonDataRow.jid != "").limit(2)
    ).all()
    if len(people) != 1:
        return frozenset()
    found = session.scalars(
        select(HeatPumpRow.id)
        .join(OwnershipRow, OwnershipRow.heat_pump_pk == HeatPumpRow.pk)
        .where(OwnershipRow.person_pk == people[0], HeatPumpRow.removed_at.is_(None), *_covers(now))
    )
    return frozenset(found)


def _covers(at: float) -> tuple[ColumnElement[bool], ...]:
    return OwnershipRow.since <= at, OwnershipRow.until.is_(None) | (OwnershipRow.until > at)


def _person(session: Session, row: PersonRow) -> Person:
    data = session.get_one(PersonDataRow, row.pk)
    owned = session.execute(
        select(OwnershipRow.since, OwnershipRow.until, HeatPumpRow.id, HeatPumpRow.pk, HeatPumpRow.removed_at)
        .join(HeatPumpRow, HeatPumpRow.pk == OwnershipRow.heat_pump_pk)
        .where(OwnershipRow.person_pk == row.pk)
        .order_by(OwnershipRow.since, OwnershipRow.pk)
    )
    owns = tuple(
        Ownership(row.id, heat_pump, pk, since, _earlier(until, removed))
        for since, until, heat_pump, pk, removed in owned
    )
    return Person(row.pk, row.id, row.created, PersonalData(data.name, data.contact, data.jid), owns)


def _checked(data: PersonalData, hub_domain: str) -> PersonalData:
    name, contact = checked_text(data.name, "name"), checked_text(data.contact, "contact")
    if not name:
        raise InvalidInput("a person needs a name: --name")
    return PersonalData(name, contact, checked_jid(data.jid, hub_domain) if data.jid else "")


def _require_nobodys(session: Session, jid: str) -> None:
    """Whoever speaks from an account is one person, and no box or provider: theirs stand in the audit, from
    which nobody is erased.
    """
    if jid:
        require_unused_jid(session, jid)
    if jid and session.scalar(select(PersonDataRow.person_pk).where(PersonDataRow.jid == jid)) is not None:
        raise Conflict(f"{jid} is another person's account: `hphub person list` says whose")


def _free_id(session: Session) -> str:
    while True:
        id_ = f"p-{secrets.token_hex(ID_OCTETS)}"
        if session.scalar(select(PersonRow.pk).where(PersonRow.id == id_)) is None:
            return id_


def _earlier(*times: float | None) -> float | None:
    return min((one for one in times if one is not None), default=None)
