"""Check runs to write at leisure, turns of periodic work, Git folders that stay behind."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables, and note when GitHub says that a push was made."""
    op.add_column("branches", sa.Column("pushed_at", sa.BigInteger))
    _create_late_checks()
    op.create_table(
        "turns",
        sa.Column("work", sa.Text, primary_key=True),
        sa.Column("begun_at", sa.Double, nullable=False),
        sa.Column("asked_at", sa.Double, nullable=False),
        sa.Column("done_at", sa.Double, nullable=False),
    )
    op.create_table(
        "stragglers",
        sa.Column("workspace", sa.Text, primary_key=True),
        sa.Column("git_folder_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("head", sa.Text, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("not_before", sa.Double, nullable=False),
    )


def downgrade() -> None:
    """Drop what was added."""
    for table in ("stragglers", "turns", "late_checks"):
        op.drop_table(table)
    op.drop_column("branches", "pushed_at")


def _create_late_checks() -> None:
    op.create_table(
        "late_checks",
        sa.Column("id", SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("repository_id", sa.BigInteger, nullable=False),
        sa.Column("repository", sa.Text, nullable=False),
        sa.Column("installation_id", sa.BigInteger),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("head_sha", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("conclusion", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("not_before", sa.Double, nullable=False, server_default="0"),
        sa.UniqueConstraint("repository_id", "head_sha", "name", name="one_late_check_per_name"),
    )
