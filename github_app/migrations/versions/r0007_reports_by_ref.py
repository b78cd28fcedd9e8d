"""A report for each commit, ref and workspace: check runs by what they are about, links by page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FOR_ALL = "Brickpush"
FOR_ONE = "Brickpush / "


def upgrade() -> None:
    """Add what is known of each check run; keep what is still to be written."""
    _create_check_runs()
    op.add_column("reports", sa.Column("public_id", sa.Text))
    op.add_column("reports", sa.Column("link_digest", sa.Text))
    op.create_index("reports_by_public_id", "reports", ["public_id"], unique=True)
    op.create_index(
        "reports_of_a_commit", "reports", ["repository_id", "after", "ref", "workspace"]
    )
    waiting = op.get_bind().execute(sa.text("select * from late_checks order by id")).mappings()
    rows = [_with_scope(row) for row in waiting]
    op.drop_table("late_checks")
    table = _create_late_checks()
    for row in rows:
        op.bulk_insert(table, [row])


def downgrade() -> None:
    """Drop what was added; what is still to be written is lost."""
    op.drop_table("late_checks")
    op.create_table(
        "late_checks",
        sa.Column("id", SEQUENCE, primary_key=True, autoincrement=True),
        *_columns(),
        sa.Column("name", sa.Text, nullable=False),
        sa.UniqueConstraint("repository_id", "head_sha", "name", name="one_late_check_per_name"),
    )
    op.drop_index("reports_of_a_commit", "reports")
    op.drop_index("reports_by_public_id", "reports")
    op.drop_column("reports", "link_digest")
    op.drop_column("reports", "public_id")
    op.drop_table("check_runs")


def _create_check_runs() -> None:
    op.create_table(
        "check_runs",
        sa.Column("repository_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("head_sha", sa.Text, primary_key=True),
        sa.Column("ref", sa.Text, primary_key=True),
        sa.Column("workspace", sa.Text, primary_key=True),
        sa.Column("check_run_id", sa.BigInteger),
        sa.Column("conclusion", sa.Text),
        sa.Column("doubtful", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_index("check_runs_by_age", "check_runs", ["at"])


def _create_late_checks() -> sa.Table:
    return op.create_table(
        "late_checks",
        sa.Column("id", SEQUENCE, primary_key=True, autoincrement=True),
        *_columns(),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False, server_default=""),
        sa.UniqueConstraint(
            "repository_id",
            "head_sha",
            "ref",
            "scope",
            "workspace",
            name="one_late_check_per_subject",
        ),
    )


def _columns() -> list[sa.Column[object]]:
    return [
        sa.Column("repository_id", sa.BigInteger, nullable=False),
        sa.Column("repository", sa.Text, nullable=False),
        sa.Column("installation_id", sa.BigInteger),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("head_sha", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("conclusion", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("details_url", sa.Text, nullable=False, server_default=""),
        sa.Column("run", sa.BigInteger),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("not_before", sa.Double, nullable=False, server_default="0"),
        sa.Column("taken_by", sa.Text),
    ]


def _with_scope(row: Mapping[Any, Any]) -> dict[str, object]:
    """Return a row by what its check run is about: its name said that until now."""
    kept = {name: value for name, value in row.items() if name not in ("id", "name")}
    name, ref = str(row["name"]), str(row["ref"])
    tag = ref.removeprefix("refs/tags/") if ref.startswith("refs/tags/") else ""
    if row["kind"] == "deployment":
        return {**kept, "scope": "deployment", "workspace": name}
    if name.startswith(FOR_ONE):
        workspace = name.removeprefix(FOR_ONE).removesuffix(f" / {tag}" if tag else "")
        return {**kept, "scope": "one", "workspace": workspace}
    return {**kept, "scope": "all" if name == FOR_ALL else "each", "workspace": ""}
