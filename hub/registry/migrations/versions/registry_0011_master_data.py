"""Master data of heat pumps, and apart from it their metering points."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0011"
down_revision = "registry_0010"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "master_data",
        sa.Column("heat_pump_pk", sa.Integer(), nullable=False),
        *(
            sa.Column(name, sa.String(), nullable=True)
            for name in ("make", "model", "source", "distribution")
        ),
        *(
            sa.Column(name, sa.Integer(), nullable=True)
            for name in ("buffer_tank", "building_year", "heated_area")
        ),
        *(sa.Column(name, sa.String(), nullable=True) for name in ("price_area", "installed")),
        sa.ForeignKeyConstraint(
            ["heat_pump_pk"], ["heat_pump.pk"], name=op.f("fk_master_data_heat_pump_pk_heat_pump")
        ),
        sa.PrimaryKeyConstraint("heat_pump_pk", name=op.f("pk_master_data")),
    )
    op.create_table(
        "metering_point",
        sa.Column("heat_pump_pk", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["heat_pump_pk"], ["heat_pump.pk"], name=op.f("fk_metering_point_heat_pump_pk_heat_pump")
        ),
        sa.PrimaryKeyConstraint("heat_pump_pk", "id", name=op.f("pk_metering_point")),
    )
