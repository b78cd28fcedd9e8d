"""Leases of worker processes, and who uses a principal's Git credential slot."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables, and count how often a run was started."""
    op.add_column("branches", sa.Column("starts", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "workers",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("expires", sa.Double, nullable=False),
    )
    op.create_table(
        "credential_slots",
        sa.Column("slot", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("holder", sa.Text),
        sa.Column("repositories", sa.Text),
        sa.Column("expires_at", sa.Double),
        sa.Column("stored_by", sa.Text, sa.ForeignKey("workers.id", ondelete="SET NULL")),
    )
    op.create_table(
        "slot_tickets",
        sa.Column("number", SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("ticket", sa.Text, nullable=False, unique=True),
        sa.Column("slot", sa.Text, sa.ForeignKey("credential_slots.slot"), nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column(
            "worker", sa.Text, sa.ForeignKey("workers.id", ondelete="CASCADE"), nullable=False
        ),
    )
    op.create_index("slot_tickets_in_order", "slot_tickets", ["slot", "number"])


def downgrade() -> None:
    """Drop what was added."""
    for table in ("slot_tickets", "credential_slots", "workers"):
        op.drop_table(table)
    op.drop_column("branches", "starts")
