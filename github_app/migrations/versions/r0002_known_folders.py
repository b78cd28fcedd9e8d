"""Remember the Git folders of each workspace, and the names of each repository."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "known_folders",
        sa.Column("workspace", sa.Text, primary_key=True),
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("url", sa.Text),
        sa.Column("provider", sa.Text),
        sa.Column("branch", sa.Text),
        sa.Column("git_cli_enabled", sa.Boolean, nullable=False),
        sa.Column("manageable", sa.Boolean, nullable=False),
    )
    op.create_table(
        "surveys",
        sa.Column("workspace", sa.Text, primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("blind_spots", sa.Text, nullable=False),
    )
    op.create_table(
        "repository_names",
        sa.Column("host", sa.Text, primary_key=True),
        sa.Column("full_name", sa.Text, primary_key=True),
        sa.Column("repository_id", sa.BigInteger, nullable=False, index=True),
        sa.Column("at", sa.Double, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("repository_names", "surveys", "known_folders"):
        op.drop_table(table)
