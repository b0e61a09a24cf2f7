"""Accounting: how many intervals of the history each provider was sent."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0015"
down_revision = "registry_0013"


def upgrade() -> None:
    """Add the column; nothing was sent so far."""
    op.add_column("usage", sa.Column("history_rows", sa.BigInteger(), nullable=False, server_default="0"))
