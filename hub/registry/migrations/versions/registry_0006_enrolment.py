"""Enrolment: one-time codes, certificates, and boxes that are shut out."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0006"
down_revision = "registry_0005"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "enrolment_code",
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("verifier", sa.String(), nullable=False),
        sa.Column("heat_pump_pk", sa.Integer(), nullable=False),
        sa.Column("box", sa.String(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("expires", sa.Float(), nullable=False),
        sa.Column("ended", sa.Float(), nullable=True),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("serial", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["heat_pump_pk"], ["heat_pump.pk"], name=op.f("fk_enrolment_code_heat_pump_pk_heat_pump")
        ),
        sa.PrimaryKeyConstraint("identity", name=op.f("pk_enrolment_code")),
    )
    op.create_index(op.f("ix_enrolment_code_heat_pump_pk"), "enrolment_code", ["heat_pump_pk"])
    op.create_table(
        "certificate",
        sa.Column("serial", sa.String(), nullable=False),
        sa.Column("heat_pump_pk", sa.Integer(), nullable=False),
        sa.Column("box", sa.String(), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("issued", sa.Float(), nullable=False),
        sa.Column("ends", sa.Float(), nullable=False),
        sa.Column("revoked_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["heat_pump_pk"], ["heat_pump.pk"], name=op.f("fk_certificate_heat_pump_pk_heat_pump")
        ),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_certificate")),
    )
    for column in ("heat_pump_pk", "ends"):
        op.create_index(op.f(f"ix_certificate_{column}"), "certificate", [column])
    op.create_table(
        "shut_out",
        sa.Column("heat_pump_pk", sa.Integer(), nullable=False),
        sa.Column("box", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["heat_pump_pk"], ["heat_pump.pk"], name=op.f("fk_shut_out_heat_pump_pk_heat_pump")
        ),
        sa.PrimaryKeyConstraint("heat_pump_pk", name=op.f("pk_shut_out")),
    )
