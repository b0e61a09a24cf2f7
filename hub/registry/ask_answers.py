"""How an operator or an owner answers what a provider asked for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy.orm import Session

from hub.registry.ask_models import AskRow, AskState, answer_ask
from hub.registry.asks import AskRecord, asks_of_owner, get_ask
from hub.registry.errors import NotFound
from hub.registry.grants import GrantRecord, NewGrant, add_grant
from hub.registry.models import GrantRow
from hub.registry.people import Ownership, get_person
from hub.registry.purposes import OWNER, owners_end, require_purpose
from hub.roster import Right


@dataclass(frozen=True, slots=True)
class Terms:
    """What is granted on an ask; None: as it was asked. ``until`` None: as ``add_grant`` has it."""

    rights: Collection[Right] | None = None
    purpose: str | None = None
    scope: Collection[str] = ()
    until: float | None = None
    ground: str = ""
    priority: int | None = None


def approve_ask(
    session: Session, key: int, terms: Terms, *, giver: str, now: float
) -> tuple[AskRecord, GrantRecord]:
    """Grant what was asked for, or what ``terms`` say instead; returns the ask as approved, and the grant.

    Raises NotFound if it does not wait for a decision, and what ``add_grant`` raises: a purpose that needs
    consent needs a ground.
    """
    asked = _undecided(session, key, now)
    new = NewGrant(
        asked.provider, asked.on, asked.rights if terms.rights is None else terms.rights, giver,
        scope=terms.scope, until=terms.until, ground=terms.ground, priority=terms.priority,
        purpose=asked.purpose if terms.purpose is None else terms.purpose,
    )  # fmt: skip
    grant = add_grant(session, new, now=now)
    answer_ask(session, session.get_one(GrantRow, grant.key), now=now, whole=False)
    session.flush()
    return get_ask(session, key), grant


def approve_owners_ask(
    session: Session, person: str, key: int, terms: Terms, *, ground: str, now: float
) -> tuple[AskRecord, GrantRecord]:
    """An owner grants what was asked for, for a purpose, a year or until the end of ``terms``, and at most
    for as long as the heat pump is his. ``ground`` says how he answered.

    Raises NotFound for the person, or if it does not wait for his decision; InvalidInput for no purpose, and
    what ``add_grant`` raises.
    """
    asked, owned = _owners(session, person, key, now)
    purpose = asked.purpose if terms.purpose is None else terms.purpose
    require_purpose(purpose)
    his = Terms(terms.rights, purpose, terms.scope, owners_end(terms.until, owned.until, now), ground)
    return approve_ask(session, key, his, giver=f"{OWNER}{person}", now=now)


def refuse_ask(session: Session, key: int, *, decided_by: str, now: float) -> AskRecord:
    """Nothing is granted, and the provider is not told. Raises NotFound if it does not wait for that."""
    _undecided(session, key, now)
    row = session.get_one(AskRow, key)
    row.state, row.decided_at, row.decided_by = AskState.REFUSED.value, now, decided_by
    session.flush()
    return get_ask(session, key)


def refuse_owners_ask(session: Session, person: str, key: int, *, now: float) -> AskRecord:
    """An owner grants nothing. Raises NotFound for the person, or if it does not wait for his decision."""
    _owners(session, person, key, now)
    return refuse_ask(session, key, decided_by=f"{OWNER}{person}", now=now)


def _undecided(session: Session, key: int, now: float) -> AskRecord:
    found = get_ask(session, key)
    if found.state(now) != AskState.OPEN:
        raise NotFound(f"request {key} is {found.state(now)}: `hphub request list` shows what waits")
    if not found.on:
        raise NotFound(f"request {key} is for {found.wanted!r}, and there is no such heat pump or group")
    return found


def _owners(session: Session, person: str, key: int, now: float) -> tuple[AskRecord, Ownership]:
    """An ask that this person may decide; for all others the same words, be there such a one or not."""
    for one in asks_of_owner(session, person, now=now):
        if one.key == key:
            owns = get_person(session, person).owns
            return one, next(own for own in owns if own.heat_pump == one.on and own.covers(now))
    raise NotFound(f"no request {key} waits for the decision of {person}")
