"""Who is online, shared by all routers. Nothing here is a change of the roster: presence counts for itself.

Each router writes what it hears and takes over what the others heard. A provider's session is told of
presence by the router that heard it last.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sqlalchemy import case, delete, func, select, text, update
from sqlalchemy.orm import Session

from hub.registry.models import (
    HeatPumpRow,
    PresenceRevisionRow,
    PresenceRow,
    ProviderRow,
    ProviderSessionRow,
)
from hub.roster import LinkState

IDS_AT_ONCE = 500
"""Ids in one query: SQLite takes some 32,000 parameters at most, and 999 where it is old."""


@dataclass(frozen=True, slots=True)
class Presence:
    """A box's link state since ``since`` (seconds since 1970 UTC), and the resource of its full JID.

    ``seen``: until when it is known to have been online, None if it never was.
    """

    heat_pump: str
    state: LinkState
    since: float
    resource: str
    seen: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Heard:
    """A box's link state as a router heard it at ``at``. ``silent``: it heard nothing, which is weaker."""

    state: LinkState
    at: float
    silent: bool = False


@dataclass(frozen=True, slots=True)
class HeardSession:
    """What a router heard at ``at`` of a provider's session: it is there, or it went."""

    provider: str
    there: bool
    at: float


@dataclass(frozen=True, slots=True)
class ProviderSession:
    """A full JID under which a provider is online, and the router that tells it of presence."""

    provider: str
    jid: str
    router: str


@dataclass(frozen=True, slots=True)
class Shared:
    """What all routers together know: link states that changed, and every session.

    ``epoch``: if it is another one than before, all that was known had been given up in between.
    """

    revision: int
    epoch: int
    states: tuple[Presence, ...]
    sessions: tuple[ProviderSession, ...]


_KEEP_STATE = text(
    "INSERT INTO presence (heat_pump_pk, state, since, heard, seen, resource, revision)"
    " SELECT pk, :state, :at, :at, CASE :state WHEN 'online' THEN :at END, 'IEC', :revision"
    " FROM heat_pump WHERE id = :id AND removed_at IS NULL"
    " ON CONFLICT (heat_pump_pk) DO UPDATE SET state = excluded.state, heard = excluded.heard,"
    " seen = CASE WHEN 'online' IN (presence.state, excluded.state) THEN excluded.heard"
    " ELSE presence.seen END,"
    " since = CASE presence.state WHEN excluded.state THEN presence.since ELSE excluded.since END,"
    " revision = CASE presence.state WHEN excluded.state THEN presence.revision ELSE excluded.revision END"
    " WHERE presence.heard <= excluded.heard AND (presence.state = 'unknown' OR NOT :silent)"
)
_KEEP_SESSION = text(
    "INSERT INTO provider_session (jid, provider_pk, heard, router)"
    " SELECT :jid, pk, :at, :router FROM provider WHERE id = :provider AND removed_at IS NULL"
    " ON CONFLICT (jid) DO UPDATE SET router = excluded.router, heard = excluded.heard"
    " WHERE provider_session.heard <= excluded.heard"
)
_DROP_SESSION = text("DELETE FROM provider_session WHERE jid = :jid AND heard <= :at")


def presence(session: Session) -> list[Presence]:
    """The link state of every box that was ever seen, by heat pump id."""
    return [_presence(*row) for row in session.execute(_STATES.order_by(HeatPumpRow.id))]


def keep_presence(
    session: Session, router: str, states: Mapping[str, Heard], sessions: Mapping[str, HeardSession]
) -> None:
    """Write what a router heard: states by heat pump id, sessions by full JID.

    What was heard last stays, whoever writes first; silence says nothing against what was heard. Heat pumps
    and providers removed meanwhile are left out.
    """
    revision = _next_revision(session)
    rows = [
        {"id": id_, "state": one.state.value, "at": one.at, "revision": revision, "silent": one.silent}
        for id_, one in states.items()
    ]
    came = [
        {"jid": jid, "provider": one.provider, "router": router, "at": one.at}
        for jid, one in sessions.items()
        if one.there
    ]
    went = [{"jid": jid, "at": one.at} for jid, one in sessions.items() if not one.there]
    for statement, values in ((_KEEP_STATE, rows), (_KEEP_SESSION, came), (_DROP_SESSION, went)):
        if values:
            session.execute(statement, values)


def presence_since(session: Session, revision: int, doubtful: Collection[str] = ()) -> Shared:
    """What changed after ``revision``, and the states of the ``doubtful`` heat pumps in any case."""
    reached, epoch = session.execute(select(PresenceRevisionRow.value, PresenceRevisionRow.epoch)).one()
    ids = list(doubtful)
    wanted = [PresenceRow.revision > revision]
    wanted += [HeatPumpRow.id.in_(ids[at : at + IDS_AT_ONCE]) for at in range(0, len(ids), IDS_AT_ONCE)]
    states = [row for one in wanted for row in session.execute(_STATES.where(one))]
    sessions = session.execute(
        select(ProviderRow.id, ProviderSessionRow.jid, ProviderSessionRow.router).join(
            ProviderRow, ProviderSessionRow.provider_pk == ProviderRow.pk
        )
    )
    return Shared(
        reached,
        epoch,
        tuple(_presence(*row) for row in states),
        tuple(ProviderSession(*row) for row in sessions),
    )


def presence_revision(session: Session) -> int:
    """The revision of the last change of presence."""
    return session.execute(select(PresenceRevisionRow.value)).scalar_one()


def forget_presence(session: Session, now: float, listened: float = 0.0) -> None:
    """Nobody has listened since ``listened``: no state is known until the boxes have answered, and no
    session. Who was online was so until then.
    """
    revision = _next_revision(session)
    session.execute(update(PresenceRevisionRow).values(epoch=PresenceRevisionRow.epoch + 1))
    session.execute(delete(ProviderSessionRow))
    online = (PresenceRow.state == LinkState.ONLINE.value) & (func.coalesce(PresenceRow.seen, 0.0) < listened)
    until = case((online, listened), else_=PresenceRow.seen)
    session.execute(
        update(PresenceRow)
        .where(PresenceRow.state != LinkState.UNKNOWN.value)
        .values(state=LinkState.UNKNOWN.value, since=now, heard=now, seen=until, revision=revision)
    )


def presence_lost(session: Session, heat_pump_pk: int, now: float) -> float | None:
    """Another box stands for this heat pump (HeatPumpRow.pk): nothing is known of it yet. Returns until when
    the former one was online, None if it never was.
    """
    row = session.get(PresenceRow, heat_pump_pk, populate_existing=True)
    seen = None if row is None else now if row.state == LinkState.ONLINE.value else row.seen
    session.execute(
        update(PresenceRow)
        .where(PresenceRow.heat_pump_pk == heat_pump_pk)
        .values(
            state=LinkState.UNKNOWN.value, since=now, heard=now, seen=None, revision=_next_revision(session)
        )
    )
    return seen


def _presence(heat_pump: str, state: str, since: float, resource: str, seen: float | None) -> Presence:
    return Presence(heat_pump, LinkState(state), since, resource, seen)


def _next_revision(session: Session) -> int:
    return session.execute(
        update(PresenceRevisionRow)
        .values(value=PresenceRevisionRow.value + 1)
        .returning(PresenceRevisionRow.value)
    ).scalar_one()


_STATES = select(
    HeatPumpRow.id, PresenceRow.state, PresenceRow.since, PresenceRow.resource, PresenceRow.seen
).join(PresenceRow, PresenceRow.heat_pump_pk == HeatPumpRow.pk)
