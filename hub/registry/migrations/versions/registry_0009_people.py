"""People: who owns a heat pump and when, the codes they answer by, what they were reminded of."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0009"
down_revision = "registry_0008"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "person",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_person")),
        sa.UniqueConstraint("id", name=op.f("uq_person_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "person_data",
        sa.Column("person_pk", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("name", "contact", "jid")),
        _of("person_data", "person"),
        sa.PrimaryKeyConstraint("person_pk", name=op.f("pk_person_data")),
    )
    op.create_table(
        "ownership",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("person_pk", sa.Integer(), nullable=False),
        sa.Column("heat_pump_pk", sa.Integer(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("until", sa.Float(), nullable=True),
        _of("ownership", "person"),
        _of("ownership", "heat_pump"),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_ownership")),
        sqlite_autoincrement=True,
    )
    for column in ("person_pk", "heat_pump_pk"):
        op.create_index(op.f(f"ix_ownership_{column}"), "ownership", [column])
    op.create_table(
        "owner_invite",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.String(), nullable=False),
        sa.Column("person_pk", sa.Integer(), nullable=False),
        sa.Column("heat_pump_pk", sa.Integer(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("expires", sa.Float(), nullable=False),
        sa.Column("answered_at", sa.Float(), nullable=True),
        sa.Column("answer", sa.String(), nullable=False),
        _of("owner_invite", "person"),
        _of("owner_invite", "heat_pump"),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_owner_invite")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_owner_invite_code_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_owner_invite_person_pk"), "owner_invite", ["person_pk"])
    op.create_table(
        "reminder",
        sa.Column("grant_pk", sa.Integer(), nullable=False),
        sa.Column("person_pk", sa.Integer(), nullable=False),
        sa.Column("ends", sa.Float(), nullable=False),
        sa.Column("told_at", sa.Float(), nullable=False),
        _of("reminder", "grant"),
        _of("reminder", "person"),
        sa.PrimaryKeyConstraint("grant_pk", "person_pk", "ends", name=op.f("pk_reminder")),
    )


def _of(table: str, other: str) -> sa.ForeignKeyConstraint:
    column = f"{other}_pk"
    return sa.ForeignKeyConstraint([column], [f"{other}.pk"], name=op.f(f"fk_{table}_{column}_{other}"))
