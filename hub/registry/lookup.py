"""Who holds an id or a JID now: ids share one namespace, box and provider JIDs another."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.registry.errors import Conflict, NotFound
from hub.registry.models import GroupRow, HeatPumpRow, NameKind, NameRow, ProviderRow
from hub.registry.people_models import PersonDataRow, PersonRow

_SHOWN = 80
"""Characters of a wrong id repeated in a message."""


def get_heat_pump(session: Session, id_: str) -> HeatPumpRow:
    """The heat pump with this id, not a removed one. Raises NotFound."""
    row = session.scalar(select(HeatPumpRow).where(HeatPumpRow.id == id_, HeatPumpRow.removed_at.is_(None)))
    if row is None:
        raise NotFound(f"there is no heat pump {id_[:_SHOWN]!r}: `hphub heatpump list` shows all")
    return row


def get_provider(session: Session, id_: str) -> ProviderRow:
    """The provider with this id, not a removed one. Raises NotFound."""
    row = session.scalar(select(ProviderRow).where(ProviderRow.id == id_, ProviderRow.removed_at.is_(None)))
    if row is None:
        raise NotFound(f"there is no provider {id_[:_SHOWN]!r}: `hphub provider list` shows all")
    return row


def get_group(session: Session, id_: str) -> GroupRow:
    """The group with this id, not a removed one. Raises NotFound."""
    row = session.scalar(select(GroupRow).where(GroupRow.id == id_, GroupRow.removed_at.is_(None)))
    if row is None:
        raise NotFound(f"there is no group {id_[:_SHOWN]!r}: `hphub group list` shows all")
    return row


def is_group(session: Session, id_: str) -> bool:
    """A group has this id now, and no heat pump: they share one namespace."""
    holder = session.get(NameRow, id_)
    return holder is not None and holder.kind == NameKind.GROUP


def take_name(session: Session, id_: str, kind: NameKind) -> None:
    """Reserve an id for its new holder; raises Conflict if somebody has it."""
    holder = session.get(NameRow, id_)
    if holder is not None:
        raise Conflict(f"there is a {holder.kind} {id_} already: choose another id, or remove that one first")
    session.add(NameRow(id=id_, kind=kind.value))


def free_name(session: Session, id_: str) -> None:
    """Give an id back."""
    session.delete(session.get_one(NameRow, id_))


def require_unused_jid(session: Session, jid: str) -> None:
    """Raise Conflict if ``jid`` is a live box's or provider's: the router tells senders apart by it."""
    of_box = select(HeatPumpRow.id).where(HeatPumpRow.box == jid, HeatPumpRow.removed_at.is_(None))
    of_provider = select(ProviderRow.id).where(ProviderRow.jid == jid, ProviderRow.removed_at.is_(None))
    for holder, question in (("heat pump", of_box), ("provider", of_provider)):
        if id_ := session.scalar(question):
            raise Conflict(
                f"{jid} is that of {holder} {id_}: each box and each provider has a JID of its own"
            )


def require_nobodys_jid(session: Session, jid: str) -> None:
    """Raise Conflict if ``jid`` is a person's: a box's and a provider's stand in the audit, where nobody is
    erased.
    """
    whose = select(PersonRow.id).join(PersonDataRow, PersonDataRow.person_pk == PersonRow.pk)
    if id_ := session.scalar(whose.where(PersonDataRow.jid == jid).limit(1)):
        raise Conflict(
            f"{jid} is the account of person {id_}: the audit names boxes and providers by their JIDs and"
            " people never, so each box and each provider needs a JID of its own"
        )
