"""What providers ask for: a grant on a heat pump or group, by its id.

A provider must not learn by asking which ids there are. So an ask is kept as it was asked, and nobody looks
whether anything has that id until an operator or owner wants to see what is asked of him: for an id nobody
has, the work, the stored row, the limit and what the provider is told are the same. What was refused looks to
him as if nobody had decided, until it expires.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Row, Select, delete, func, select, union
from sqlalchemy.orm import Session

from hub.registry.ask_models import AskRow, AskState
from hub.registry.errors import Conflict, InvalidInput, NotFound
from hub.registry.grants import GROUP_SIGN
from hub.registry.lookup import get_provider
from hub.registry.models import GrantRow, GroupMemberRow, GroupRow, HeatPumpRow, ProviderRow
from hub.registry.naming import checked_id, checked_text
from hub.registry.people import get_person
from hub.registry.rights import rights_of, stored_rights
from hub.roster import Right

MAX_OPEN_ASKS = 100
"""Asks of one provider that wait for an answer: people read them one by one. For more, ask for a group."""
ASK_LASTS = 30 * 86_400.0
"""Seconds an ask waits, and for which a refusal stands: asked again meanwhile, nobody is bothered anew."""


@dataclass(frozen=True, slots=True)
class NewAsk:
    """What a provider asks for: a grant on the heat pump or group with the id ``wanted``, ``@`` before it or
    not. ``subscribed``: by presence, so his XMPP account waits for the answer.
    """

    provider: str
    wanted: str
    rights: Collection[Right] = (Right.READ,)
    purpose: str = ""
    subscribed: bool = False


@dataclass(frozen=True, slots=True)
class AskRecord:
    """An ask with all that is known of it, for operators and owners.

    ``on``: what it is for, ``hp0001`` or ``@north``; empty if nobody has the id ``wanted``. Times are seconds
    since 1970 UTC. ``grant``: the key of what was granted.
    """

    key: int
    provider: str
    wanted: str
    on: str
    rights: frozenset[Right]
    purpose: str
    asked: float
    expires: float
    decision: AskState
    decided_at: float | None
    decided_by: str
    grant: int | None

    def state(self, now: float) -> str:
        """``open``, ``approved``, ``refused`` or ``expired`` at ``now``."""
        return "expired" if self.decision is AskState.OPEN and self.expires <= now else self.decision.value


@dataclass(frozen=True, slots=True)
class OwnAsk:
    """An ask as its provider may see it: granted or not yet, and nothing else."""

    wanted: str
    rights: frozenset[Right]
    purpose: str
    asked: float
    expires: float
    granted: bool


# --- providers ------------------------------------------------------------------------------------


def ask(session: Session, new: NewAsk, *, now: float) -> OwnAsk:
    """A provider asks for a grant.

    Asked again, what waits is as it is asked now; but a subscription takes nothing of it away, for servers
    repeat it. For other rights or another purpose its key is another one, so that nobody approves what he has
    not read. Raises NotFound for the provider; InvalidInput for no rights or an id nobody can have; Conflict
    if he has MAX_OPEN_ASKS.
    """
    wanted, purpose = checked_id(new.wanted.removeprefix(GROUP_SIGN)), checked_text(new.purpose, "purpose")
    rights, subscribed = new.rights, new.subscribed
    if not rights:
        raise InvalidInput(f"an ask needs a right: one of {', '.join(Right)}")
    pk = get_provider(session, new.provider).pk
    _forget_lapsed(session, pk, now)
    row = session.scalar(select(AskRow).where(AskRow.provider_pk == pk, AskRow.wanted == wanted))
    if row is not None and _still_granted(session, row, rights, now):
        row.subscribed |= subscribed
        return _own(row)
    waiting = row is not None and row.state != AskState.APPROVED and now < row.expires
    if not waiting and _waiting(session, pk, now) >= MAX_OPEN_ASKS:
        raise Conflict(f"{MAX_OPEN_ASKS} asks wait for an answer: withdraw one, or ask for a group")
    text, times = (stored_rights(rights), purpose), (now, now + ASK_LASTS)
    if row is not None and waiting and subscribed:
        text, times = (row.rights, row.purpose), (row.asked, row.expires)
    refusal = _refusal(row, now)
    undecided = row is not None and row.state == AskState.OPEN
    if row is None or not waiting or text != (row.rights, row.purpose) or not (refusal or undecided):
        subscribed = subscribed or (row is not None and row.subscribed)
        session.execute(delete(AskRow).where(AskRow.provider_pk == pk, AskRow.wanted == wanted))
        row = AskRow(provider_pk=pk, wanted=wanted, subscribed=subscribed, grant_pk=None)
        session.add(row)
        row.rights, row.purpose = text
        row.state, row.decided_at, row.decided_by = refusal or (AskState.OPEN.value, None, "")
    row.asked, row.expires = times
    row.subscribed |= subscribed
    session.flush()
    return _own(row)


def asks_of_provider(session: Session, provider: str, *, now: float) -> list[OwnAsk]:
    """What a provider asked for and was granted or not yet, the oldest first; not what was granted and has
    ended. Raises NotFound.
    """
    pk = get_provider(session, provider).pk
    rows = select(AskRow).where(AskRow.provider_pk == pk, AskRow.expires > now)
    found = session.scalars(rows.order_by(AskRow.asked, AskRow.pk)).all()
    return [_own(row) for row in found if row.grant_pk is None or _still_granted(session, row, (), now)]


def withdraw_ask(session: Session, provider: str, wanted: str, *, now: float) -> OwnAsk:
    """A provider no longer asks. Raises NotFound if he does not.

    What was refused is kept, so that asking and withdrawing in turn bothers nobody.
    """
    wanted = wanted.removeprefix(GROUP_SIGN)
    row = session.scalar(
        select(AskRow).where(
            AskRow.provider_pk == get_provider(session, provider).pk, AskRow.wanted == wanted, *_waits(now)
        )
    )
    if row is None:
        raise NotFound(f"nothing waits that was asked for {wanted[:80]!r}")
    was = _own(row)
    if row.state == AskState.REFUSED:
        row.expires, row.subscribed = now, False
    else:
        session.delete(row)
    session.flush()
    return was


def end_subscription(session: Session, provider: str, wanted: str, *, now: float) -> None:
    """A provider's account waits no longer; what it asked for by subscribing alone is withdrawn."""
    row = session.scalar(
        select(AskRow).where(
            AskRow.provider_pk == get_provider(session, provider).pk, AskRow.wanted == wanted,
            AskRow.subscribed,
        )
    )  # fmt: skip
    if row is None:
        return
    row.subscribed = False
    plain = NewAsk(provider, wanted)
    if (row.rights, row.purpose) != (stored_rights(plain.rights), plain.purpose):
        return
    if row.state != AskState.APPROVED and now < row.expires:
        withdraw_ask(session, provider, wanted, now=now)


def subscribed_since(session: Session, revision: int) -> list[tuple[str, str]]:
    """By provider, the ids whose subscription he waits for: of those who were granted something, or whose
    groups changed, after ``revision``; from 0 of all.
    """
    found = (
        select(ProviderRow.id, AskRow.wanted)
        .join(AskRow, AskRow.provider_pk == ProviderRow.pk)
        .where(AskRow.subscribed, ProviderRow.removed_at.is_(None))
    )
    if revision:
        granted = select(GrantRow.provider_pk).where(GrantRow.revision > revision)
        joined = (
            select(GrantRow.provider_pk)
            .join(GroupMemberRow, GroupMemberRow.group_pk == GrantRow.group_pk)
            .where(GroupMemberRow.revision > revision)
        )
        found = found.where(AskRow.provider_pk.in_(union(granted, joined)))
    return [(provider, wanted) for provider, wanted in session.execute(found)]


# --- operators and owners -------------------------------------------------------------------------


def asks_about(session: Session, heat_pumps: Collection[str], decided_by: str) -> list[AskRecord]:
    """What is asked for these heat pumps, or was decided by somebody, as long as it is kept."""
    found = _records().where(AskRow.wanted.in_(heat_pumps) | (AskRow.decided_by == decided_by))
    return [_record(row) for row in session.execute(found.order_by(AskRow.asked, AskRow.pk))]


def list_asks(
    session: Session, *, now: float, provider: str | None = None, ended: bool = False
) -> list[AskRecord]:
    """What waits for a decision, of a provider or all, the oldest first; not what nobody has.

    With ``ended`` also what was decided, expired, or is for an id nobody has, as long as it is kept. Raises
    NotFound for the provider.
    """
    found = _records().order_by(AskRow.asked, AskRow.pk)
    if provider is not None:
        found = found.where(AskRow.provider_pk == get_provider(session, provider).pk)
    if not ended:
        found = found.where(*_open(now), HeatPumpRow.pk.is_not(None) | GroupRow.pk.is_not(None))
    return [_record(row) for row in session.execute(found)]


def get_ask(session: Session, key: int) -> AskRecord:
    """The ask with this key, also one that was decided. Raises NotFound."""
    row = session.execute(_records().where(AskRow.pk == key)).one_or_none()
    if row is None:
        raise NotFound(f"there is no request {key}: `hphub request list --all` shows all")
    return _record(row)


def asks_of_owner(session: Session, person: str, *, now: float) -> list[AskRecord]:
    """What waits for a decision on the heat pumps a person owns now. Raises NotFound for the person.

    What is asked for a group, the operator decides.
    """
    owned = [one.heat_pump_pk for one in get_person(session, person).owns if one.covers(now)]
    found = _records().where(*_open(now), HeatPumpRow.pk.in_(owned))
    return [_record(row) for row in session.execute(found.order_by(AskRow.asked, AskRow.pk))]


# --- rows -----------------------------------------------------------------------------------------


def _open(now: float) -> tuple[ColumnElement[bool], ...]:
    return AskRow.state == AskState.OPEN.value, AskRow.expires > now


def _waits(now: float) -> tuple[ColumnElement[bool], ...]:
    """What its provider sees as waiting: refused or not."""
    return AskRow.state != AskState.APPROVED.value, AskRow.expires > now


def _waiting(session: Session, provider_pk: int, now: float) -> int:
    count = select(func.count()).select_from(AskRow).where(AskRow.provider_pk == provider_pk, *_waits(now))
    return session.execute(count).scalar_one()


def _forget_lapsed(session: Session, provider_pk: int, now: float) -> None:
    stands = (AskRow.state == AskState.REFUSED.value) & (AskRow.decided_at > now - ASK_LASTS)
    session.execute(delete(AskRow).where(AskRow.provider_pk == provider_pk, AskRow.expires <= now, ~stands))


def _refusal(row: AskRow | None, now: float) -> tuple[str, float, str] | None:
    """State, time and author of a refusal that stands."""
    if row is None or row.state != AskState.REFUSED or row.decided_at is None:
        return None
    return (row.state, row.decided_at, row.decided_by) if now < row.decided_at + ASK_LASTS else None


def _still_granted(session: Session, row: AskRow, rights: Collection[Right], now: float) -> bool:
    """What is asked was granted on this ask, and is in force or will be."""
    grant = session.get(GrantRow, row.grant_pk) if row.grant_pk is not None else None
    if grant is None or grant.revoked_at is not None or (grant.until is not None and grant.until <= now):
        return False
    return set(rights) <= rights_of(grant.rights)


def _own(row: AskRow) -> OwnAsk:
    granted = row.state == AskState.APPROVED
    return OwnAsk(row.wanted, rights_of(row.rights), row.purpose, row.asked, row.expires, granted)


def _records() -> Select[AskRow, str, str | None, str | None]:
    """Each with the heat pump or group that has its id now."""
    return (
        select(AskRow, ProviderRow.id, HeatPumpRow.id, GroupRow.id)
        .join(ProviderRow, AskRow.provider_pk == ProviderRow.pk)
        .join(HeatPumpRow, (HeatPumpRow.id == AskRow.wanted) & HeatPumpRow.removed_at.is_(None), isouter=True)
        .join(GroupRow, (GroupRow.id == AskRow.wanted) & GroupRow.removed_at.is_(None), isouter=True)
    )


def _record(found: Row[AskRow, str, str | None, str | None]) -> AskRecord:
    row, provider, heat_pump, group = found
    return AskRecord(
        key=row.pk, provider=provider, wanted=row.wanted, rights=rights_of(row.rights), purpose=row.purpose,
        on=heat_pump or (f"{GROUP_SIGN}{group}" if group else ""), asked=row.asked, expires=row.expires,
        decision=AskState(row.state), decided_at=row.decided_at, decided_by=row.decided_by,
        grant=row.grant_pk,
    )  # fmt: skip
