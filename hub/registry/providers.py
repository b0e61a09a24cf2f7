"""Service providers: added, listed, removed."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hub.registry.ask_models import AskRow
from hub.registry.grants import end_grants
from hub.registry.lookup import (
    free_name,
    get_provider,
    require_nobodys_jid,
    require_unused_jid,
    take_name,
)
from hub.registry.models import GrantRow, NameKind, ProviderRow, ProviderSessionRow
from hub.registry.naming import checked_id, checked_jid, checked_text
from hub.registry.routers import next_revision
from hub.registry.steering import require_ended
from hub.roster import Provider


def add_provider(
    session: Session, new: Provider, *, hub_domain: str, now: float, name: str = ""
) -> ProviderRow:
    """Take in a provider and its bare JID.

    Raises InvalidInput for an id or JID that can never be, Conflict for one that is taken.
    """
    id_, jid, name = checked_id(new.id), checked_jid(new.jid, hub_domain), checked_text(name, "name")
    revision = next_revision(session)
    take_name(session, id_, NameKind.PROVIDER)
    require_ended(session, id_)
    require_unused_jid(session, jid)
    require_nobodys_jid(session, jid)
    row = ProviderRow(id=id_, jid=jid, name=name, created=now, removed_at=None, revision=revision)
    session.add(row)
    session.flush()
    return row


def list_providers(session: Session) -> list[ProviderRow]:
    """All providers by id, without removed ones."""
    return list(
        session.scalars(select(ProviderRow).where(ProviderRow.removed_at.is_(None)).order_by(ProviderRow.id))
    )


def remove_provider(session: Session, id_: str, *, now: float) -> tuple[ProviderRow, int]:
    """Remove a provider and revoke its grants; returns it and how many grants ended. Raises NotFound."""
    row = get_provider(session, id_)
    row.revision = next_revision(session)
    row.removed_at = now
    ended = end_grants(session, GrantRow.provider_pk == row.pk, revision=row.revision, now=now)
    for table in (ProviderSessionRow, AskRow):
        session.execute(delete(table).where(table.provider_pk == row.pk))
    free_name(session, id_)
    return row, ended
