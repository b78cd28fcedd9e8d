"""The first tables: deliveries, branches, outcomes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    _create_deliveries()
    _create_branches()
    _create_outcomes()


def downgrade() -> None:
    """Drop the tables."""
    for table in ("outcomes", "branches", "deliveries"):
        op.drop_table(table)


def _create_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("guid", sa.Text, nullable=False, unique=True),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("action", sa.Text),
        sa.Column("repository_id", sa.BigInteger),
        sa.Column("ref", sa.Text),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
        sa.Column("installation_id", sa.BigInteger),
        sa.Column("received_at", sa.Double, nullable=False),
        sa.Column("payload", sa.LargeBinary),
        sa.Column("note", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("deliveries_of_a_branch", "deliveries", ["repository_id", "ref", "seq"])
    op.create_index("deliveries_by_age", "deliveries", ["received_at"])


def _create_branches() -> None:
    op.create_table(
        "branches",
        sa.Column("repository_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("ref", sa.Text, primary_key=True),
        sa.Column("repository", sa.Text, nullable=False),
        sa.Column("repository_url", sa.Text, nullable=False),
        sa.Column("installation_id", sa.BigInteger),
        sa.Column("newest", sa.BigInteger, nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("received_at", sa.Double, nullable=False),
        sa.Column("promoted", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("run", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("running", sa.BigInteger),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("not_before", sa.Double, nullable=False, server_default="0"),
    )
    owed = sa.text("newest > promoted and running is null")
    op.create_index(
        "branches_owed", "branches", ["newest"], sqlite_where=owed, postgresql_where=owed
    )


def _create_outcomes() -> None:
    op.create_table(
        "outcomes",
        sa.Column("id", SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("repository_id", sa.BigInteger, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("git_folder_id", sa.BigInteger, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
        sa.Column("conclusion", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("next_step", sa.Text, nullable=False, server_default=""),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.UniqueConstraint("seq", "workspace", "git_folder_id", name="one_outcome_per_git_folder"),
    )
    op.create_index("outcomes_of_a_branch", "outcomes", ["repository_id", "ref", "seq"])
    op.create_index("outcomes_by_age", "outcomes", ["at"])
