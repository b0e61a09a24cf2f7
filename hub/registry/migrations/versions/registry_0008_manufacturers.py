"""Manufacturers: providers that have boxes on a domain of their own."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0008"
down_revision = "registry_0006"


def upgrade() -> None:
    """Make the table, and a column for when a box was last seen."""
    op.add_column("presence", sa.Column("seen", sa.Float(), nullable=True))
    op.create_table(
        "manufacturer",
        sa.Column("provider_pk", sa.Integer(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_pk"], ["provider.pk"], name=op.f("fk_manufacturer_provider_pk_provider")
        ),
        sa.PrimaryKeyConstraint("provider_pk", name=op.f("pk_manufacturer")),
    )
    op.create_index(op.f("ix_manufacturer_domain"), "manufacturer", ["domain"])
