"""Asks: what providers ask to be granted; and whose account a JID is is looked up."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0012"
down_revision = "registry_0011"


def upgrade() -> None:
    """Make the table and the indices."""
    op.create_table(
        "ask",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("provider_pk", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("wanted", "rights", "purpose")),
        sa.Column("subscribed", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.Float(), nullable=False) for name in ("asked", "expires")),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("decided_at", sa.Float(), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("grant_pk", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["provider_pk"], ["provider.pk"], name=op.f("fk_ask_provider_pk_provider")),
        sa.ForeignKeyConstraint(["grant_pk"], ["grant.pk"], name=op.f("fk_ask_grant_pk_grant")),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_ask")),
        sa.UniqueConstraint("provider_pk", "wanted", name=op.f("uq_ask_provider_pk_wanted")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_ask_wanted"), "ask", ["wanted"])
    op.create_index(op.f("ix_person_data_jid"), "person_data", ["jid"])
