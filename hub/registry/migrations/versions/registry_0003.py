"""Which series of the history belongs to which heat pump: known here and nowhere else."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0003"
down_revision = "registry_0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "history_series",
        sa.Column("heat_pump_pk", sa.Integer(), nullable=False),
        sa.Column("series", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["heat_pump_pk"], ["heat_pump.pk"], name=op.f("fk_history_series_heat_pump_pk_heat_pump")
        ),
        sa.PrimaryKeyConstraint("heat_pump_pk", name=op.f("pk_history_series")),
        sa.UniqueConstraint("series", name=op.f("uq_history_series_series")),
    )
