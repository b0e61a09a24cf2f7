"""Settings of heat pumps, which outlive their boxes; providers enrol as boxes do."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0013"
down_revision = "registry_0014"


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
    op.create_index(op.f("ix_settings_state_written"), "settings_state", ["written"])
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
    for table in ("enrolment_code", "certificate"):
        with op.batch_alter_table(table) as batch:
            batch.alter_column("heat_pump_pk", existing_type=sa.Integer(), nullable=True)
            batch.alter_column("box", existing_type=sa.String(), new_column_name="account")
            batch.add_column(sa.Column("provider_pk", sa.Integer(), nullable=True))
            batch.create_foreign_key(
                op.f(f"fk_{table}_provider_pk_provider"), "provider", ["provider_pk"], ["pk"]
            )
            batch.create_check_constraint(
                op.f(f"ck_{table}_one_holder"), "(heat_pump_pk IS NULL) <> (provider_pk IS NULL)"
            )
        op.create_index(op.f(f"ix_{table}_provider_pk"), table, ["provider_pk"])
    op.create_table(
        "provider_shut_out",
        sa.Column("provider_pk", sa.Integer(), nullable=False),
        sa.Column("jid", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_pk"], ["provider.pk"], name=op.f("fk_provider_shut_out_provider_pk_provider")
        ),
        sa.PrimaryKeyConstraint("provider_pk", name=op.f("pk_provider_shut_out")),
    )
