"""Presence is shared by routers: who tells a session, what changed since when, and who listens."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0002"
down_revision = "registry_0001"


def upgrade() -> None:
    """Make the tables of presence and routers anew: what they held is learned again at the next start."""
    for table in ("presence", "provider_session", "router"):
        op.drop_table(table)
    op.create_table(
        "router",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("heartbeat", sa.Float(), nullable=False),
        sa.Column("listening", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_router")),
    )
    op.create_table(
        "presence",
        sa.Column("heat_pump_pk", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("heard", sa.Float(), nullable=False),
        sa.Column("resource", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["heat_pump_pk"], ["heat_pump.pk"], name=op.f("fk_presence_heat_pump_pk_heat_pump")
        ),
        sa.PrimaryKeyConstraint("heat_pump_pk", name=op.f("pk_presence")),
    )
    op.create_index(op.f("ix_presence_revision"), "presence", ["revision"])
    op.create_table(
        "provider_session",
        sa.Column("jid", sa.String(), nullable=False),
        sa.Column("provider_pk", sa.Integer(), nullable=False),
        sa.Column("heard", sa.Float(), nullable=False),
        sa.Column("router", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_pk"], ["provider.pk"], name=op.f("fk_provider_session_provider_pk_provider")
        ),
        sa.PrimaryKeyConstraint("jid", name=op.f("pk_provider_session")),
    )
    op.create_index(op.f("ix_provider_session_provider_pk"), "provider_session", ["provider_pk"])
    counter = op.create_table(
        "presence_revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presence_revision")),
    )
    op.bulk_insert(counter, [{"id": 1, "value": 0, "epoch": 0}])
