"""What an owner gives and takes back on his own heat pump, by a code or by his XMPP account."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy.orm import Session

from hub.registry.errors import NotFound
from hub.registry.grants import GrantRecord, NewGrant, add_grant, get_grant, revoke_grant
from hub.registry.lookup import get_heat_pump
from hub.registry.models import HeatPumpRow
from hub.registry.people import Ownership, Person, get_person
from hub.registry.purposes import OWNER, on_consent, owners_end, require_purpose
from hub.roster import Right


@dataclass(frozen=True, slots=True)
class Wish:
    """What an owner allows a provider, and for which purpose; ``until`` None: a year."""

    provider: str
    rights: Collection[Right]
    purpose: str
    scope: Collection[str] = ()
    until: float | None = None


def grant_as_owner(
    session: Session, person: str, heat_pump: str, wish: Wish, *, ground: str, now: float
) -> GrantRecord:
    """A person gives a provider rights on a heat pump that is his now, at most for as long as it is his.

    Raises NotFound if it is not his, InvalidInput without a purpose, and else what ``add_grant`` raises.
    """
    require_purpose(wish.purpose)
    who, pump = get_person(session, person), get_heat_pump(session, heat_pump)
    owned = require_his(who, pump, now)
    new = NewGrant(
        wish.provider, pump.id, wish.rights, f"{OWNER}{who.id}", scope=wish.scope,
        until=owners_end(wish.until, owned.until, now), purpose=wish.purpose, ground=ground,
    )  # fmt: skip
    return add_grant(session, new, now=now)


def withdraw_as_owner(session: Session, person: str, key: int, *, now: float) -> GrantRecord:
    """A person takes back one grant that rests on consent and is on a heat pump that is his now.

    Raises NotFound for any other: what a provider holds by contract, or through a group, the operator ends.
    """
    record = get_grant(session, key)
    if not withdrawable(record):
        raise NotFound(f"grant {key} does not rest on the owner's consent: the operator ends it")
    require_his(get_person(session, person), get_heat_pump(session, record.heat_pump), now)
    return revoke_grant(session, key, now=now)


def withdrawable(record: GrantRecord) -> bool:
    """The owner of the heat pump may take it back."""
    return not record.group and on_consent(record.purpose, record.giver)


def require_his(who: Person, pump: HeatPumpRow, now: float) -> Ownership:
    """The ownership by which a heat pump is a person's at ``now``. Raises NotFound."""
    for one in who.owns:
        if one.heat_pump_pk == pump.pk and one.covers(now):
            return one
    raise NotFound(f"{pump.id} is not {who.id}'s now: `hphub owner add {who.id} {pump.id}` says it is")
