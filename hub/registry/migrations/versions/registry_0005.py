"""What grants steer in boxes: which schedules are whose, and what must still be ended where."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0005"
down_revision = "registry_0004"


def upgrade() -> None:
    """Make the table, and enter the grants with control that are in force, on groups for each member.

    Grants to schedule get their slots when they are given anew: no box had schedules before.
    """
    op.create_table(
        "steering",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("grant_pk", sa.Integer(), nullable=False),
        sa.Column("heat_pump_pk", sa.Integer(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("ends", sa.Float(), nullable=True),
        sa.Column("trouble", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["grant_pk"], ["grant.pk"], name=op.f("fk_steering_grant_pk_grant")),
        sa.ForeignKeyConstraint(
            ["heat_pump_pk"], ["heat_pump.pk"], name=op.f("fk_steering_heat_pump_pk_heat_pump")
        ),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_steering")),
        sa.UniqueConstraint("heat_pump_pk", "slot", name=op.f("uq_steering_heat_pump_pk_slot")),
        sqlite_autoincrement=True,
    )
    for column in ("grant_pk", "state", "ends", "revision"):
        op.create_index(op.f(f"ix_steering_{column}"), "steering", [column])
    op.execute(
        "INSERT INTO steering (grant_pk, heat_pump_pk, state, ends, trouble, revision)"
        " SELECT pk, heat_pump_pk, 'ready', until, '', revision FROM \"grant\""
        " WHERE revoked_at IS NULL AND heat_pump_pk IS NOT NULL AND ' ' || rights || ' ' LIKE '% control %'"
    )
    op.execute(
        "INSERT INTO steering (grant_pk, heat_pump_pk, state, ends, trouble, revision)"
        " SELECT g.pk, m.heat_pump_pk, 'ready', g.until, '', g.revision FROM \"grant\" g"
        " JOIN group_member m ON m.group_pk = g.group_pk AND m.removed_at IS NULL"
        " WHERE g.revoked_at IS NULL AND ' ' || g.rights || ' ' LIKE '% control %'"
    )
