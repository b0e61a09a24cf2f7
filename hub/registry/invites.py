"""One-time codes by which an owner answers for his heat pump without an account: given, and used up."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hub.registry.ask_answers import Terms, approve_owners_ask, refuse_owners_ask
from hub.registry.asks import asks_of_owner
from hub.registry.errors import InvalidInput, NotFound
from hub.registry.grants import GrantRecord, end_grants, get_grant, list_grants
from hub.registry.lookup import get_heat_pump, get_provider
from hub.registry.models import GrantRow, HeatPumpRow
from hub.registry.owner_answers import Wish, grant_as_owner, require_his, withdrawable
from hub.registry.people import get_person
from hub.registry.people_models import InviteRow, PersonRow
from hub.registry.purposes import require_purpose
from hub.registry.routers import next_revision

CODE_OCTETS = 10
"""Random octets of a code: nobody finds one of 2^80 by trying, so an unsalted hash of it may be kept."""
GROUP = 4
"""Characters between two hyphens: as people copy them from a letter."""
CODE_LASTS = 14 * 86_400.0
"""Seconds in which a code must be used if nobody says otherwise: two weeks, for one that comes by post."""
MAX_CODE_LASTS = 90 * 86_400.0
"""Seconds a code may last: one that is forgotten in a drawer must not open anything years later."""
MAX_CODE_TEXT = 40
"""Characters looked at of what is typed: a code has 19 with its hyphens."""


@dataclass(frozen=True, slots=True)
class Invite:
    """A code that was given to a person for one heat pump; ``key`` names it where the code must not stand."""

    key: int
    person: str
    heat_pump: str
    expires: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What an owner did with his code, the grants that came or ended by it, and the request he answered."""

    invite: Invite
    what: str
    grants: tuple[GrantRecord, ...] = ()
    request: int | None = None


def invite_owner(
    session: Session, person: str, heat_pump: str, *, now: float, lasts: float = CODE_LASTS
) -> tuple[Invite, str]:
    """A code for somebody who owns the heat pump now, and it in plain text, which is not kept. An earlier
    one that he has not used is void.

    Raises NotFound for either, or if it is not his; InvalidInput for more than MAX_CODE_LASTS.
    """
    if not 0 < lasts <= MAX_CODE_LASTS:
        raise InvalidInput(f"a code lasts up to {MAX_CODE_LASTS / 86_400:.0f} days: choose an earlier end")
    who, pump = get_person(session, person), get_heat_pump(session, heat_pump)
    require_his(who, pump, now)
    next_revision(session)
    session.execute(
        delete(InviteRow).where(
            InviteRow.person_pk == who.pk, InviteRow.heat_pump_pk == pump.pk, InviteRow.answered_at.is_(None)
        )
    )
    plain = base64.b32encode(secrets.token_bytes(CODE_OCTETS)).decode("ascii")
    row = InviteRow(
        code_hash=_hash(plain), person_pk=who.pk, heat_pump_pk=pump.pk, created=now, expires=now + lasts,
        answered_at=None, answer="",
    )  # fmt: skip
    session.add(row)
    session.flush()
    shown = "-".join(plain[at : at + GROUP] for at in range(0, len(plain), GROUP))
    return Invite(row.pk, who.id, pump.id, row.expires), shown


def grant_by_code(session: Session, code: str, wish: Wish, *, now: float) -> Answer:
    """The owner gives a provider rights on his heat pump, at most for as long as it is his. The code is used
    up.

    Raises NotFound for a code that is unknown, used or expired, and else what ``add_grant`` raises; then the
    code may be used again.
    """
    require_purpose(wish.purpose)
    invite = _use(session, code, "grant", now)
    granted = grant_as_owner(session, invite.person, invite.heat_pump, wish, ground=_ground(invite), now=now)
    return Answer(invite, "grant", (granted,))


def approve_by_code(session: Session, code: str, request: int, terms: Terms, *, now: float) -> Answer:
    """The owner grants what a provider asked for his heat pump (its key), or what ``terms`` say. The code is
    used up.

    Raises NotFound for a code that opens nothing or a request that does not wait for it, InvalidInput for no
    purpose, and else what ``add_grant`` raises.
    """
    invite = _use(session, code, "approve", now)
    _require_asked(session, invite, request, now)
    _, grant = approve_owners_ask(session, invite.person, request, terms, ground=_ground(invite), now=now)
    return Answer(invite, "approve", (grant,), request)


def refuse_by_code(session: Session, code: str, request: int | None = None, *, now: float) -> Answer:
    """The owner gives nothing, and refuses what a provider asked for if he names it. The code is used up.

    Raises NotFound for one that opens nothing, or a request that does not wait for it.
    """
    invite = _use(session, code, "refuse", now)
    if request is not None:
        _require_asked(session, invite, request, now)
        refuse_owners_ask(session, invite.person, request, now=now)
    next_revision(session)
    return Answer(invite, "refuse", request=request)


def withdraw_by_code(session: Session, code: str, provider: str, *, now: float) -> Answer:
    """The owner takes back all that rests on consent and lets a provider use his heat pump.

    Raises NotFound for a code that opens nothing, or if nothing of this provider's rests on consent: what he
    holds by contract, or through a group, the operator ends.
    """
    invite = _use(session, code, "withdraw", now)
    get_provider(session, provider)
    found = list_grants(session, provider=provider, heat_pump=invite.heat_pump, now=now)
    keys = [one.key for one in found if withdrawable(one)]
    if not keys:
        held = ", ".join(f"{one.key} ({one.purpose or 'no purpose'}) on {one.on}" for one in found) or "none"
        raise NotFound(
            f"provider {provider} holds no grant on {invite.heat_pump} itself that rests on consent; grants"
            f" that count for it: {held}. Those the operator ends."
        )
    end_grants(session, GrantRow.pk.in_(keys), revision=next_revision(session), now=now)
    return Answer(invite, "withdraw", tuple(get_grant(session, key) for key in keys))


def _use(session: Session, code: str, answer: str, now: float) -> Invite:
    found = session.execute(
        select(InviteRow, PersonRow.id, HeatPumpRow)
        .join(PersonRow, PersonRow.pk == InviteRow.person_pk)
        .join(HeatPumpRow, HeatPumpRow.pk == InviteRow.heat_pump_pk)
        .where(InviteRow.code_hash == _hash(code), InviteRow.answered_at.is_(None), InviteRow.expires > now)
    ).one_or_none()
    if found is None:
        raise NotFound("this code is unknown, used or has expired: ask the operator for another one")
    row, person, pump = found
    require_his(get_person(session, person), pump, now)
    row.answered_at, row.answer = now, answer
    session.flush()
    return Invite(row.pk, person, pump.id, row.expires)


def _ground(invite: Invite) -> str:
    return f"consent of the owner, code {invite.key}"


def _require_asked(session: Session, invite: Invite, request: int, now: float) -> None:
    """A code opens what is asked for its own heat pump, not for others of the same owner."""
    found = asks_of_owner(session, invite.person, now=now)
    if not any(one.key == request and one.on == invite.heat_pump for one in found):
        raise NotFound(f"no request {request} for {invite.heat_pump} waits: ask the operator which one it is")


def _hash(code: str) -> str:
    """SHA-256 of a code as typed: hyphens, blanks and case do not count, 0 and 1 are read as O and I."""
    plain = "".join(code[:MAX_CODE_TEXT].split()).replace("-", "").upper().translate(_MISREAD)
    return hashlib.sha256(plain.encode()).hexdigest()


_MISREAD = str.maketrans("01", "OI")
