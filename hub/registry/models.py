"""The registry's tables. Times are seconds since 1970 UTC; ``revision`` is that of the row's last change."""

from __future__ import annotations

import enum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Float,
    ForeignKey,
    Index,
    MetaData,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Names every constraint, so that a migration can change it."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )


class NameKind(enum.StrEnum):
    """Who holds a name: they share one namespace, for each is a localpart of the hub's domain."""

    HEAT_PUMP = "heat pump"
    GROUP = "group"
    PROVIDER = "provider"


class NameRow(Base):
    """An id in use; gone when its holder is removed."""

    __tablename__ = "name"
    id: Mapped[str] = mapped_column(String, primary_key=True)
    kind: Mapped[str] = mapped_column(String)


class HeatPumpRow(Base):
    """A heat pump, also a removed one."""

    __tablename__ = "heat_pump"
    __table_args__ = (
        Index("uq_heat_pump_live_id", "id", unique=True, sqlite_where=text("removed_at IS NULL")),
        Index("uq_heat_pump_live_box", "box", unique=True, sqlite_where=text("removed_at IS NULL")),
        {"sqlite_autoincrement": True},
    )
    pk: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String)
    box: Mapped[str] = mapped_column(String)
    note: Mapped[str] = mapped_column(String)
    created: Mapped[float] = mapped_column(Float)
    removed_at: Mapped[float | None] = mapped_column(Float)
    revision: Mapped[int] = mapped_column(index=True)


class ProviderRow(Base):
    """A service provider, also a removed one."""

    __tablename__ = "provider"
    __table_args__ = (
        Index("uq_provider_live_id", "id", unique=True, sqlite_where=text("removed_at IS NULL")),
        Index("uq_provider_live_jid", "jid", unique=True, sqlite_where=text("removed_at IS NULL")),
        {"sqlite_autoincrement": True},
    )
    pk: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String)
    jid: Mapped[str] = mapped_column(String)
    name: Mapped[str] = mapped_column(String)
    created: Mapped[float] = mapped_column(Float)
    removed_at: Mapped[float | None] = mapped_column(Float)
    revision: Mapped[int] = mapped_column(index=True)


class GroupRow(Base):
    """A group of heat pumps, also a removed one."""

    __tablename__ = "group"
    __table_args__ = (
        Index("uq_group_live_id", "id", unique=True, sqlite_where=text("removed_at IS NULL")),
        {"sqlite_autoincrement": True},
    )
    pk: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String)
    note: Mapped[str] = mapped_column(String)
    created: Mapped[float] = mapped_column(Float)
    removed_at: Mapped[float | None] = mapped_column(Float)


class GroupMemberRow(Base):
    """That a heat pump belongs to a group, or did: each stay is a row of its own."""

    __tablename__ = "group_member"
    __table_args__ = (
        Index(
            "uq_group_member_live", "heat_pump_pk", "group_pk", unique=True,
            sqlite_where=text("removed_at IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )  # fmt: skip
    pk: Mapped[int] = mapped_column(primary_key=True)
    group_pk: Mapped[int] = mapped_column(ForeignKey("group.pk"), index=True)
    heat_pump_pk: Mapped[int] = mapped_column(ForeignKey("heat_pump.pk"), index=True)
    added: Mapped[float] = mapped_column(Float)
    removed_at: Mapped[float | None] = mapped_column(Float)
    revision: Mapped[int] = mapped_column(index=True)


class GrantRow(Base):
    """A grant on a heat pump or a group, also a revoked one. ``rights`` and ``scope`` hold their members
    parted by spaces.
    """

    __tablename__ = "grant"
    __table_args__ = (
        CheckConstraint("(heat_pump_pk IS NULL) <> (group_pk IS NULL)", name="one_target"),
        {"sqlite_autoincrement": True},
    )
    pk: Mapped[int] = mapped_column(primary_key=True)
    provider_pk: Mapped[int] = mapped_column(ForeignKey("provider.pk"), index=True)
    heat_pump_pk: Mapped[int | None] = mapped_column(ForeignKey("heat_pump.pk"), index=True)
    group_pk: Mapped[int | None] = mapped_column(ForeignKey("group.pk"), index=True)
    rights: Mapped[str] = mapped_column(String)
    scope: Mapped[str] = mapped_column(String)
    valid_from: Mapped[float | None] = mapped_column(Float)
    until: Mapped[float | None] = mapped_column(Float)
    purpose: Mapped[str] = mapped_column(String)
    ground: Mapped[str] = mapped_column(String)
    giver: Mapped[str] = mapped_column(String)
    created: Mapped[float] = mapped_column(Float)
    revoked_at: Mapped[float | None] = mapped_column(Float)
    revision: Mapped[int] = mapped_column(index=True)


class SteeringState(enum.StrEnum):
    """How far operations is with what a grant steers in a box."""

    PENDING = "pending"
    READY = "ready"
    ENDING = "ending"
    GIVEN_UP = "given up"
    ENDED = "ended"


class SteeringRow(Base):
    """What a grant with ``control`` or ``schedule`` steers in one box; ended when nothing is left there.

    ``slot`` is the instance of the schedules that is the grant's, ``priority`` what they are written;
    ``ends`` when the grant ends by itself, until it has; ``trouble`` why the box does not take it yet.
    """

    __tablename__ = "steering"
    __table_args__ = (
        UniqueConstraint("heat_pump_pk", "slot"),
        {"sqlite_autoincrement": True},
    )
    pk: Mapped[int] = mapped_column(primary_key=True)
    grant_pk: Mapped[int] = mapped_column(ForeignKey("grant.pk"), index=True)
    heat_pump_pk: Mapped[int] = mapped_column(ForeignKey("heat_pump.pk"))
    slot: Mapped[int | None]
    priority: Mapped[int | None]
    state: Mapped[str] = mapped_column(String, index=True)
    ends: Mapped[float | None] = mapped_column(Float, index=True)
    trouble: Mapped[str] = mapped_column(String)
    revision: Mapped[int] = mapped_column(index=True)


class ManufacturerRow(Base):
    """A provider that has boxes on an XMPP domain of its own; removed with it."""

    __tablename__ = "manufacturer"
    provider_pk: Mapped[int] = mapped_column(ForeignKey("provider.pk"), primary_key=True)
    domain: Mapped[str] = mapped_column(String, index=True)


class UsageRow(Base):
    """How much a provider used a heat pump in a month such as ``2026-11`` (UTC), counted by all routers and
    the collector."""

    __tablename__ = "usage"
    month: Mapped[str] = mapped_column(String, primary_key=True)
    provider_pk: Mapped[int] = mapped_column(ForeignKey("provider.pk"), primary_key=True)
    heat_pump_pk: Mapped[int] = mapped_column(ForeignKey("heat_pump.pk"), primary_key=True)
    reads: Mapped[int] = mapped_column(BigInteger)
    controls: Mapped[int] = mapped_column(BigInteger)
    settings: Mapped[int] = mapped_column(BigInteger)
    reports: Mapped[int] = mapped_column(BigInteger)
    history_rows: Mapped[int] = mapped_column(BigInteger, server_default="0")


class RevisionRow(Base):
    """The one counter that every change takes its revision from."""

    __tablename__ = "revision"
    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[int]


class RouterRow(Base):
    """A running router, the revision it judges by, and when it last said so.

    ``listening``: its link is up and it takes part in presence.
    """

    __tablename__ = "router"
    name: Mapped[str] = mapped_column(String, primary_key=True)
    revision: Mapped[int]
    heartbeat: Mapped[float] = mapped_column(Float)
    listening: Mapped[bool] = mapped_column(default=False)


class PresenceRow(Base):
    """The link state of a heat pump's box, since when it is so and when that was last heard.

    ``seen``: until when it is known to have been online.

    ``revision`` is that of presence.
    """

    __tablename__ = "presence"
    heat_pump_pk: Mapped[int] = mapped_column(ForeignKey("heat_pump.pk"), primary_key=True)
    state: Mapped[str] = mapped_column(String)
    since: Mapped[float] = mapped_column(Float)
    heard: Mapped[float] = mapped_column(Float)
    seen: Mapped[float | None] = mapped_column(Float)
    resource: Mapped[str] = mapped_column(String)
    revision: Mapped[int] = mapped_column(index=True)


class ProviderSessionRow(Base):
    """A full JID under which a provider is online, when that was last heard, and the router that tells it."""

    __tablename__ = "provider_session"
    jid: Mapped[str] = mapped_column(String, primary_key=True)
    provider_pk: Mapped[int] = mapped_column(ForeignKey("provider.pk"), index=True)
    heard: Mapped[float] = mapped_column(Float)
    router: Mapped[str] = mapped_column(String)


class PresenceRevisionRow(Base):
    """The counter of presence; ``epoch`` counts how often all that was known was given up."""

    __tablename__ = "presence_revision"
    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[int]
    epoch: Mapped[int]


class HistorySeriesRow(Base):
    """The series of the history that belongs to a heat pump: nothing in the history itself tells."""

    __tablename__ = "history_series"
    heat_pump_pk: Mapped[int] = mapped_column(ForeignKey("heat_pump.pk"), primary_key=True)
    series: Mapped[int] = mapped_column(BigInteger, unique=True)
