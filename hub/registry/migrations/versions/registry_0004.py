"""Groups of heat pumps: their members, and grants on them."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0004"
down_revision = "registry_0003"

LIVE = sa.text("removed_at IS NULL")


def upgrade() -> None:
    """Make the tables, and let a grant be on a group instead of a heat pump."""
    op.create_table(
        "group",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("removed_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_group")),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_group_live_id", "group", ["id"], unique=True, sqlite_where=LIVE)
    op.create_table(
        "group_member",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("group_pk", sa.Integer(), nullable=False),
        sa.Column("heat_pump_pk", sa.Integer(), nullable=False),
        sa.Column("added", sa.Float(), nullable=False),
        sa.Column("removed_at", sa.Float(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["group_pk"], ["group.pk"], name=op.f("fk_group_member_group_pk_group")),
        sa.ForeignKeyConstraint(
            ["heat_pump_pk"], ["heat_pump.pk"], name=op.f("fk_group_member_heat_pump_pk_heat_pump")
        ),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_group_member")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_group_member_live", "group_member", ["heat_pump_pk", "group_pk"], unique=True, sqlite_where=LIVE
    )
    for column in ("group_pk", "heat_pump_pk", "revision"):
        op.create_index(op.f(f"ix_group_member_{column}"), "group_member", [column])
    with op.batch_alter_table("grant", table_kwargs={"sqlite_autoincrement": True}) as grant:
        grant.alter_column("heat_pump_pk", existing_type=sa.Integer(), nullable=True)
        grant.add_column(sa.Column("group_pk", sa.Integer(), nullable=True))
        grant.create_foreign_key(op.f("fk_grant_group_pk_group"), "group", ["group_pk"], ["pk"])
        grant.create_index(op.f("ix_grant_group_pk"), ["group_pk"])
        one_target = "(heat_pump_pk IS NULL) <> (group_pk IS NULL)"
        grant.create_check_constraint(op.f("ck_grant_one_target"), one_target)
