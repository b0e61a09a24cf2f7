"""The registry's tables of people. What tells who somebody is stands in ``person_data`` alone.

Everything else, the audit too, names a person by a random id. Times are seconds since 1970 UTC.
"""

from __future__ import annotations

from sqlalchemy import Float, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from hub.registry.models import Base


class PersonRow(Base):
    """A person, by an id that tells nothing of him."""

    __tablename__ = "person"
    __table_args__ = ({"sqlite_autoincrement": True},)
    pk: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String, unique=True)
    created: Mapped[float] = mapped_column(Float)


class PersonDataRow(Base):
    """Who he is and how he is reached; ``jid`` is empty if he has no XMPP account."""

    __tablename__ = "person_data"
    person_pk: Mapped[int] = mapped_column(ForeignKey("person.pk"), primary_key=True)
    name: Mapped[str] = mapped_column(String)
    contact: Mapped[str] = mapped_column(String)
    jid: Mapped[str] = mapped_column(String, index=True)


class OperatorRow(Base):
    """That a person administers the hub by XMPP, since when."""

    __tablename__ = "operator"
    person_pk: Mapped[int] = mapped_column(ForeignKey("person.pk"), primary_key=True)
    since: Mapped[float] = mapped_column(Float)


class OwnershipRow(Base):
    """That a heat pump is a person's from ``since`` until ``until`` (None: no end is known)."""

    __tablename__ = "ownership"
    __table_args__ = ({"sqlite_autoincrement": True},)
    pk: Mapped[int] = mapped_column(primary_key=True)
    person_pk: Mapped[int] = mapped_column(ForeignKey("person.pk"), index=True)
    heat_pump_pk: Mapped[int] = mapped_column(ForeignKey("heat_pump.pk"), index=True)
    since: Mapped[float] = mapped_column(Float)
    until: Mapped[float | None] = mapped_column(Float)


class InviteRow(Base):
    """A one-time code by which an owner answers for one heat pump; ``code_hash`` is SHA-256 of it.

    ``answer`` is empty until it was used.
    """

    __tablename__ = "owner_invite"
    __table_args__ = ({"sqlite_autoincrement": True},)
    pk: Mapped[int] = mapped_column(primary_key=True)
    code_hash: Mapped[str] = mapped_column(String, unique=True)
    person_pk: Mapped[int] = mapped_column(ForeignKey("person.pk"), index=True)
    heat_pump_pk: Mapped[int] = mapped_column(ForeignKey("heat_pump.pk"))
    created: Mapped[float] = mapped_column(Float)
    expires: Mapped[float] = mapped_column(Float)
    answered_at: Mapped[float | None] = mapped_column(Float)
    answer: Mapped[str] = mapped_column(String)


class ReminderRow(Base):
    """That a person was told that a consent ends at ``ends``; one that gets another end is told anew."""

    __tablename__ = "reminder"
    grant_pk: Mapped[int] = mapped_column(ForeignKey("grant.pk"), primary_key=True)
    person_pk: Mapped[int] = mapped_column(ForeignKey("person.pk"), primary_key=True)
    ends: Mapped[float] = mapped_column(Float, primary_key=True)
    told_at: Mapped[float] = mapped_column(Float)
