"""Operators: people who administer the hub by XMPP."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0014"
down_revision = "registry_0012"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "operator",
        sa.Column("person_pk", sa.Integer(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["person_pk"], ["person.pk"], name=op.f("fk_operator_person_pk_person")),
        sa.PrimaryKeyConstraint("person_pk", name=op.f("pk_operator")),
    )
