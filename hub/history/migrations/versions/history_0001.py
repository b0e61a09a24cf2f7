"""Samples, series and their states."""

import sqlalchemy as sa
from alembic import op

revision = "history_0001"
down_revision = None

AVERAGES = (
    "electric_power",
    "reactive_power",
    "voltage",
    "forward_temperature",
    "return_temperature",
    "buffer_top_temperature",
    "buffer_bottom_temperature",
    "dhw_temperature",
    "source_in_temperature",
    "source_out_temperature",
    "outdoor_temperature",
    "room_temperature",
    "room_humidity",
    "space_heating_flow",
    "dhw_flow",
    "space_heating_power",
    "dhw_power",
)
READINGS = ("electric_energy", "space_heating_energy", "dhw_energy")
COUNTS = ("samples", "doubles", "overflows", "misdated", "good", "questionable", "invalid")


def upgrade() -> None:
    """Make the tables. SQLite keeps a sample in its key's tree: what belongs together lies together."""
    op.create_table(
        "sample",
        sa.Column("series", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("interval", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("invalid", sa.BigInteger(), nullable=False),
        sa.Column("questionable", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.REAL()) for name in AVERAGES),
        *(sa.Column(name, sa.BigInteger()) for name in READINGS),
        sa.PrimaryKeyConstraint("series", "interval", name=op.f("pk_sample")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "series",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
    )
    op.create_table(
        "series_state",
        sa.Column("series", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_entry", sa.LargeBinary(8)),
        sa.Column("first_interval", sa.BigInteger()),
        sa.Column("last_interval", sa.BigInteger()),
        sa.Column("stored_at", sa.Float(53)),
        *(sa.Column(name, sa.BigInteger(), nullable=False, server_default="0") for name in COUNTS),
        sa.PrimaryKeyConstraint("series", name=op.f("pk_series_state")),
    )
