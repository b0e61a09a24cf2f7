"""Accounting: how much each provider used each heat pump in a month."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0010"
down_revision = "registry_0009"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "usage",
        sa.Column("month", sa.String(), nullable=False),
        sa.Column("provider_pk", sa.Integer(), nullable=False),
        sa.Column("heat_pump_pk", sa.Integer(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("reads", "controls", "settings", "reports")
        ),
        sa.ForeignKeyConstraint(["provider_pk"], ["provider.pk"], name=op.f("fk_usage_provider_pk_provider")),
        sa.ForeignKeyConstraint(
            ["heat_pump_pk"], ["heat_pump.pk"], name=op.f("fk_usage_heat_pump_pk_heat_pump")
        ),
        sa.PrimaryKeyConstraint("month", "provider_pk", "heat_pump_pk", name=op.f("pk_usage")),
    )
