"""Who is online, shared by all routers. Nothing here is a change of the roster, so no revision is taken."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from hub.registry.lookup import get_heat_pump, get_provider
from hub.registry.models import HeatPumpRow, PresenceRow, PresenceState, ProviderRow, ProviderSessionRow

MAX_SESSIONS = 100
"""Sessions kept of one provider: each is told of every presence, and a server could make up any number."""


@dataclass(frozen=True, slots=True)
class Presence:
    """A box's link state since ``since`` (seconds since 1970 UTC), and the resource of its full JID."""

    heat_pump: str
    state: PresenceState
    since: float
    resource: str


@dataclass(frozen=True, slots=True)
class ProviderSession:
    """A full JID under which a provider is online since ``since`` (seconds since 1970 UTC)."""

    provider: str
    jid: str
    since: float


def set_presence(session: Session, heat_pump: str, state: PresenceState, resource: str, now: float) -> bool:
    """Note a box's link state; True if it is another one than before. Raises NotFound for no heat pump."""
    pk = get_heat_pump(session, heat_pump).pk
    row = session.get(PresenceRow, pk)
    if row is None:
        session.add(PresenceRow(heat_pump_pk=pk, state=state.value, since=now, resource=resource))
        return True
    row.resource = resource
    if row.state == state:
        return False
    row.state, row.since = state.value, now
    return True


def presence(session: Session) -> list[Presence]:
    """The link state of every box that was ever seen, by heat pump id."""
    rows = session.execute(
        select(HeatPumpRow.id, PresenceRow.state, PresenceRow.since, PresenceRow.resource)
        .join(PresenceRow, PresenceRow.heat_pump_pk == HeatPumpRow.pk)
        .order_by(HeatPumpRow.id)
    )
    return [Presence(id_, PresenceState(state), since, resource) for id_, state, since, resource in rows]


def mark_all_unknown(session: Session, now: float) -> None:
    """Nobody has listened for a while: no state is known until the boxes have answered."""
    session.execute(
        update(PresenceRow)
        .where(PresenceRow.state != PresenceState.UNKNOWN.value)
        .values(state=PresenceState.UNKNOWN.value, since=now)
    )


def save_provider_session(session: Session, provider: str, jid: str, now: float) -> bool:
    """Note that a provider is online under this full JID; False if it has MAX_SESSIONS others already.

    Raises NotFound for no such provider.
    """
    pk = get_provider(session, provider).pk
    if session.get(ProviderSessionRow, jid) is not None:
        return True
    held = select(func.count()).select_from(ProviderSessionRow).where(ProviderSessionRow.provider_pk == pk)
    if session.execute(held).scalar_one() >= MAX_SESSIONS:
        return False
    session.add(ProviderSessionRow(jid=jid, provider_pk=pk, since=now))
    return True


def drop_provider_session(session: Session, jid: str) -> None:
    """The provider's session under this full JID has ended."""
    session.execute(delete(ProviderSessionRow).where(ProviderSessionRow.jid == jid))


def provider_sessions(session: Session) -> list[ProviderSession]:
    """Every session of every provider, the oldest first."""
    rows = session.execute(
        select(ProviderRow.id, ProviderSessionRow.jid, ProviderSessionRow.since)
        .join(ProviderRow, ProviderSessionRow.provider_pk == ProviderRow.pk)
        .order_by(ProviderSessionRow.since, ProviderSessionRow.jid)
    )
    return [ProviderSession(provider, jid, since) for provider, jid, since in rows]
