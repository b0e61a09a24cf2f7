"""The entries, and the triggers that keep them as they were written."""

import sqlalchemy as sa
from alembic import op

revision = "audit_0001"
down_revision = None

TEXTS_BEFORE_HASH = (
    "kind",
    "provider",
    "provider_jid",
    "heat_pump",
    "box",
    "stanza_id",
    "service",
    "references",
    "detail",
    "actor",
)


def upgrade() -> None:
    """Make the table, its indexes and its triggers."""
    op.create_table(
        "entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in TEXTS_BEFORE_HASH),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry")),
        sa.UniqueConstraint("chain", "seq", name=op.f("uq_entry_chain_seq")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_entry_heat_pump_id", "entry", ["heat_pump", "id"])
    op.create_index("ix_entry_provider_id", "entry", ["provider", "id"])
    op.create_index(op.f("ix_entry_at"), "entry", ["at"])
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER entry_no_{change.lower()} BEFORE {change} ON entry"
            " BEGIN SELECT RAISE(ABORT, 'audit entries are only ever added'); END"
        )
