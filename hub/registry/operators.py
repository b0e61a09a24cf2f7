"""Who administers the hub by XMPP, and as whom an account may give commands: nobody unless named here."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hub.registry.errors import Conflict, InvalidInput, NotFound
from hub.registry.models import ProviderRow
from hub.registry.people import Person, get_person, owned_by_account
from hub.registry.people_models import OperatorRow, PersonDataRow, PersonRow
from hub.registry.routers import next_revision


@dataclass(frozen=True, slots=True)
class Caller:
    """As whom an account may give commands: a person with what is his now, a provider; empty: neither."""

    person: str = ""
    operator: bool = False
    owns: frozenset[str] = frozenset()
    provider: str = ""
    account: str = field(default="", compare=False, repr=False)
    """The bare JID, to ask again who he is."""


def add_operator(session: Session, person: str, *, now: float) -> Person:
    """Let a person administer the hub by his XMPP account. Raises NotFound, InvalidInput if he has none,
    Conflict if he does already.
    """
    who = get_person(session, person)
    if not who.data.jid:
        raise InvalidInput(f"{who.id} has no XMPP account: `hphub person account {who.id} JID` gives him one")
    if session.get(OperatorRow, who.pk) is not None:
        raise Conflict(f"{who.id} is an operator already")
    next_revision(session)
    session.add(OperatorRow(person_pk=who.pk, since=now))
    session.flush()
    return who


def remove_operator(session: Session, person: str) -> Person:
    """He administers the hub no longer. Raises NotFound if he does not."""
    who = get_person(session, person)
    if session.get(OperatorRow, who.pk) is None:
        raise NotFound(f"{who.id} is no operator: `hphub operator list` shows all")
    next_revision(session)
    session.execute(delete(OperatorRow).where(OperatorRow.person_pk == who.pk))
    return who


def list_operators(session: Session) -> list[tuple[Person, float]]:
    """All who administer the hub by XMPP, and since when."""
    rows = session.execute(
        select(PersonRow.id, OperatorRow.since)
        .join(OperatorRow, OperatorRow.person_pk == PersonRow.pk)
        .order_by(OperatorRow.since, PersonRow.pk)
    )
    return [(get_person(session, id_), since) for id_, since in rows.all()]


def caller_of(session: Session, jid: str, *, now: float) -> Caller:
    """As whom a bare JID may give commands at ``now``. One that stands for two people is nobody's."""
    people = session.execute(
        select(PersonRow.id, OperatorRow.since)
        .join(PersonDataRow, PersonDataRow.person_pk == PersonRow.pk)
        .join(OperatorRow, OperatorRow.person_pk == PersonRow.pk, isouter=True)
        .where(PersonDataRow.jid == jid, PersonDataRow.jid != "")
        .limit(2)
    ).all()
    provider = session.scalar(
        select(ProviderRow.id).where(ProviderRow.jid == jid, ProviderRow.removed_at.is_(None))
    )
    if len(people) != 1:
        return Caller(provider=provider or "", account=jid)
    ((id_, operator_since),) = people
    owns = owned_by_account(session, jid, now=now)
    return Caller(id_, operator_since is not None, owns, provider or "", jid)
