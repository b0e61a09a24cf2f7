"""Heat pumps, providers, grants, the revision counter, routers and presence."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0001"
down_revision = None

LIVE = sa.text("removed_at IS NULL")


def upgrade() -> None:
    """Make every table, and the counter at 0."""
    op.create_table(
        "name",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_name")),
    )
    op.create_table(
        "heat_pump",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("box", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("removed_at", sa.Float(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_heat_pump")),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_heat_pump_live_id", "heat_pump", ["id"], unique=True, sqlite_where=LIVE)
    op.create_index("uq_heat_pump_live_box", "heat_pump", ["box"], unique=True, sqlite_where=LIVE)
    op.create_index(op.f("ix_heat_pump_revision"), "heat_pump", ["revision"])
    op.create_table(
        "provider",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("jid", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("removed_at", sa.Float(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_provider")),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_provider_live_id", "provider", ["id"], unique=True, sqlite_where=LIVE)
    op.create_index("uq_provider_live_jid", "provider", ["jid"], unique=True, sqlite_where=LIVE)
    op.create_index(op.f("ix_provider_revision"), "provider", ["revision"])
    op.create_table(
        "grant",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("provider_pk", sa.Integer(), nullable=False),
        sa.Column("heat_pump_pk", sa.Integer(), nullable=False),
        sa.Column("rights", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("valid_from", sa.Float(), nullable=True),
        sa.Column("until", sa.Float(), nullable=True),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("ground", sa.String(), nullable=False),
        sa.Column("giver", sa.String(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("revoked_at", sa.Float(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["provider_pk"], ["provider.pk"], name=op.f("fk_grant_provider_pk_provider")),
        sa.ForeignKeyConstraint(
            ["heat_pump_pk"], ["heat_pump.pk"], name=op.f("fk_grant_heat_pump_pk_heat_pump")
        ),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_grant")),
        sqlite_autoincrement=True,
    )
    for column in ("provider_pk", "heat_pump_pk", "revision"):
        op.create_index(op.f(f"ix_grant_{column}"), "grant", [column])
    counter = op.create_table(
        "revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revision")),
    )
    op.bulk_insert(counter, [{"id": 1, "value": 0}])
    op.create_table(
        "router",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("heartbeat", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_router")),
    )
    op.create_table(
        "presence",
        sa.Column("heat_pump_pk", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("resource", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["heat_pump_pk"], ["heat_pump.pk"], name=op.f("fk_presence_heat_pump_pk_heat_pump")
        ),
        sa.PrimaryKeyConstraint("heat_pump_pk", name=op.f("pk_presence")),
    )
    op.create_table(
        "provider_session",
        sa.Column("jid", sa.String(), nullable=False),
        sa.Column("provider_pk", sa.Integer(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_pk"], ["provider.pk"], name=op.f("fk_provider_session_provider_pk_provider")
        ),
        sa.PrimaryKeyConstraint("jid", name=op.f("pk_provider_session")),
    )
    op.create_index(op.f("ix_provider_session_provider_pk"), "provider_session", ["provider_pk"])
