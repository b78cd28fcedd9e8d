"""What each promotion tells besides its outcomes: what stays and why, and what was not seen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table, and keep what check runs that are written later need."""
    op.add_column("outcomes", sa.Column("rule", sa.Text, nullable=False, server_default=""))
    op.add_column(
        "late_checks", sa.Column("details_url", sa.Text, nullable=False, server_default="")
    )
    op.add_column("late_checks", sa.Column("run", sa.BigInteger))
    op.add_column("late_checks", sa.Column("taken_by", sa.Text))
    op.create_table(
        "reports",
        sa.Column("id", SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("repository_id", sa.BigInteger, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("repository", sa.Text, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("stays", sa.LargeBinary, nullable=False),
        sa.Column("blind_spots", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.UniqueConstraint("seq", "workspace", name="one_report_per_workspace"),
    )
    op.create_index("reports_of_a_branch", "reports", ["repository_id", "ref", "seq"])
    op.create_index("reports_by_age", "reports", ["at"])


def downgrade() -> None:
    """Drop what was added."""
    op.drop_table("reports")
    op.drop_column("late_checks", "taken_by")
    op.drop_column("late_checks", "run")
    op.drop_column("late_checks", "details_url")
    op.drop_column("outcomes", "rule")
