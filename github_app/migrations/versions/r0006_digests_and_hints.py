"""Know a delivery by what was signed, and ask GitHub before an event stops a promotion."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns; a delivery of before has no digest, and is known by its guid alone."""
    op.add_column("deliveries", sa.Column("digest", sa.Text))
    op.create_index("deliveries_by_digest", "deliveries", ["digest"])
    op.add_column("branches", sa.Column("hint", sa.Text))


def downgrade() -> None:
    """Drop what was added."""
    op.drop_column("branches", "hint")
    op.drop_index("deliveries_by_digest", "deliveries")
    op.drop_column("deliveries", "digest")
