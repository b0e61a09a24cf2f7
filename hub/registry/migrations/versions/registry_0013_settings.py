"""Settings of heat pumps, which outlive their boxes."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0013"
down_revision = "registry_0011"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "settings_state",
        sa.Column("heat_pump_pk", sa.Integer(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("measures_from", sa.Float(), nullable=False),
        sa.Column("read_at", sa.Float(), nullable=True),
        sa.Column("written", sa.Integer(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("restoring", sa.String(), nullable=False),
        sa.Column("restoring_at", sa.Float(), nullable=True),
        sa.Column("trouble", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["heat_pump_pk"], ["heat_pump.pk"], name=op.f("fk_settings_state_heat_pump_pk_heat_pump")
        ),
        sa.PrimaryKeyConstraint("heat_pump_pk", name=op.f("pk_settings_state")),
    )
    op.create_index(op.f("ix_settings_state_revision"), "settings_state", ["revision"])
    op.create_index(
        "ix_settings_state_unseen",
        "settings_state",
        ["heat_pump_pk"],
        sqlite_where=sa.text("written <> seen"),
    )
    op.create_table(
        "setting",
        sa.Column("heat_pump_pk", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=True),
        sa.Column("set_here", sa.Boolean(), nullable=False),
        sa.Column("kept", sa.String(), nullable=True),
        sa.Column("kept_at", sa.Float(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["heat_pump_pk"], ["heat_pump.pk"], name=op.f("fk_setting_heat_pump_pk_heat_pump")
        ),
        sa.PrimaryKeyConstraint("heat_pump_pk", "reference", name=op.f("pk_setting")),
    )
