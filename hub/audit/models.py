"""The audit's one table. Its rows are only ever added: triggers of the migration refuse any other change."""

from __future__ import annotations

from sqlalchemy import Float, Index, MetaData, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Names every constraint, so that a migration can change it."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class EntryRow(Base):
    """An audit entry. ``chain`` is the router's name or ``operator``; ``seq`` counts from 1 in each chain."""

    __tablename__ = "entry"
    __table_args__ = (
        UniqueConstraint("chain", "seq"),
        Index("ix_entry_heat_pump_id", "heat_pump", "id"),
        Index("ix_entry_provider_id", "provider", "id"),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    chain: Mapped[str] = mapped_column(String)
    seq: Mapped[int]
    at: Mapped[float] = mapped_column(Float, index=True)
    kind: Mapped[str] = mapped_column(String)
    provider: Mapped[str] = mapped_column(String)
    provider_jid: Mapped[str] = mapped_column(String)
    heat_pump: Mapped[str] = mapped_column(String)
    box: Mapped[str] = mapped_column(String)
    stanza_id: Mapped[str] = mapped_column(String)
    service: Mapped[str] = mapped_column(String)
    references: Mapped[str] = mapped_column(String)
    detail: Mapped[str] = mapped_column(String)
    actor: Mapped[str] = mapped_column(String)
    previous_hash: Mapped[str] = mapped_column(String)
    hash: Mapped[str] = mapped_column(String)
