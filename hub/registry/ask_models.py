"""The registry's table of what providers ask for, and how a grant answers it."""

from __future__ import annotations

import enum

from sqlalchemy import Float, ForeignKey, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub.registry.models import Base, GrantRow, GroupRow, HeatPumpRow
from hub.registry.rights import rights_of


class AskState(enum.StrEnum):
    """What became of an ask; that it has expired its times tell."""

    OPEN = "open"
    APPROVED = "approved"
    REFUSED = "refused"


class AskRow(Base):
    """A provider's wish for a grant on whatever has the id ``wanted``, be there anything or not.

    ``subscribed``: his XMPP account waits for the answer to a subscription. ``decided_by`` is empty until
    somebody has decided, ``grant_pk`` until he was granted something. Times are seconds since 1970 UTC.
    """

    __tablename__ = "ask"
    __table_args__ = (UniqueConstraint("provider_pk", "wanted"), {"sqlite_autoincrement": True})
    pk: Mapped[int] = mapped_column(primary_key=True)
    provider_pk: Mapped[int] = mapped_column(ForeignKey("provider.pk"))
    wanted: Mapped[str] = mapped_column(String, index=True)
    rights: Mapped[str] = mapped_column(String)
    purpose: Mapped[str] = mapped_column(String)
    subscribed: Mapped[bool]
    asked: Mapped[float] = mapped_column(Float)
    expires: Mapped[float] = mapped_column(Float)
    state: Mapped[str] = mapped_column(String)
    decided_at: Mapped[float | None] = mapped_column(Float)
    decided_by: Mapped[str] = mapped_column(String)
    grant_pk: Mapped[int | None] = mapped_column(ForeignKey("grant.pk"))


def answer_ask(session: Session, grant: GrantRow, *, now: float, whole: bool = True) -> None:
    """The ask that ``grant`` answers is approved by it. ``whole``: only if it gives all that was asked."""
    held_by = HeatPumpRow if grant.heat_pump_pk is not None else GroupRow
    wanted = session.scalar(select(held_by.id).where(held_by.pk == (grant.heat_pump_pk or grant.group_pk)))
    row = session.scalar(
        select(AskRow).where(AskRow.provider_pk == grant.provider_pk, AskRow.wanted == wanted)
    )
    if row is None or (whole and not rights_of(row.rights) <= rights_of(grant.rights)):
        return
    row.state = AskState.APPROVED.value
    row.decided_at, row.decided_by, row.grant_pk = now, grant.giver, grant.pk
