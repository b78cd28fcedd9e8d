"""The first tables."""

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
    _create_reports()
    _create_known_folders()
    _create_scans()
    _create_repository_names()
    _create_check_runs()
    _create_outbox_items()
    _create_schedule()
    _create_folder_backoff()
    _create_workers()
    _create_credential_slots()
    _create_slot_tickets()


def downgrade() -> None:
    """Drop the tables."""
    for table in (
        "slot_tickets",
        "credential_slots",
        "workers",
        "folder_backoff",
        "schedule",
        "outbox_items",
        "check_runs",
        "repository_names",
        "scans",
        "known_folders",
        "reports",
        "outcomes",
        "branches",
        "deliveries",
    ):
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
        sa.Column("digest", sa.Text),
        sa.Index("deliveries_of_a_branch", "repository_id", "ref", "seq"),
        sa.Index("deliveries_by_digest", "digest"),
        sa.Index("deliveries_by_age", "received_at"),
        sqlite_autoincrement=True,
    )


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
        sa.Column("pushed_at", sa.BigInteger),
        sa.Column("promoted", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("run", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("running", sa.BigInteger),
        sa.Column("starts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("not_before", sa.Double, nullable=False, server_default="0"),
        sa.Column("hint", sa.Text),
        sa.Index(
            "branches_pending",
            "newest",
            sqlite_where=sa.text("newest > promoted and running is null"),
            postgresql_where=sa.text("newest > promoted and running is null"),
        ),
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
        sa.Column("rule", sa.Text, nullable=False, server_default=""),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.UniqueConstraint("seq", "workspace", "git_folder_id", name="one_outcome_per_git_folder"),
        sa.Index("outcomes_of_a_branch", "repository_id", "ref", "seq"),
        sa.Index("outcomes_by_age", "at"),
    )


def _create_reports() -> None:
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
        sa.Column("unchanged", sa.LargeBinary, nullable=False),
        sa.Column("unreadable", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("public_id", sa.Text),
        sa.Column("link_digest", sa.Text),
        sa.UniqueConstraint("seq", "workspace", name="one_report_per_workspace"),
        sa.Index("reports_by_public_id", "public_id", unique=True),
        sa.Index("reports_of_a_commit", "repository_id", "after", "ref", "workspace"),
        sa.Index("reports_of_a_branch", "repository_id", "ref", "seq"),
        sa.Index("reports_by_age", "at"),
    )


def _create_known_folders() -> None:
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


def _create_scans() -> None:
    op.create_table(
        "scans",
        sa.Column("workspace", sa.Text, primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("unreadable", sa.Text, nullable=False),
    )


def _create_repository_names() -> None:
    op.create_table(
        "repository_names",
        sa.Column("host", sa.Text, primary_key=True),
        sa.Column("full_name", sa.Text, primary_key=True),
        sa.Column("repository_id", sa.BigInteger, nullable=False, index=True),
        sa.Column("at", sa.Double, nullable=False),
    )


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
        sa.Index("check_runs_by_age", "at"),
    )


def _create_outbox_items() -> None:
    op.create_table(
        "outbox_items",
        sa.Column("id", SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("repository_id", sa.BigInteger, nullable=False),
        sa.Column("repository", sa.Text, nullable=False),
        sa.Column("installation_id", sa.BigInteger),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("head_sha", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False, server_default=""),
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
        sa.UniqueConstraint(
            "repository_id",
            "head_sha",
            "ref",
            "scope",
            "workspace",
            name="one_outbox_item_per_subject",
        ),
    )


def _create_schedule() -> None:
    op.create_table(
        "schedule",
        sa.Column("work", sa.Text, primary_key=True),
        sa.Column("begun_at", sa.Double, nullable=False),
        sa.Column("asked_at", sa.Double, nullable=False),
        sa.Column("done_at", sa.Double, nullable=False),
    )


def _create_folder_backoff() -> None:
    op.create_table(
        "folder_backoff",
        sa.Column("workspace", sa.Text, primary_key=True),
        sa.Column("git_folder_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("head", sa.Text, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("not_before", sa.Double, nullable=False),
    )


def _create_workers() -> None:
    op.create_table(
        "workers",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("expires", sa.Double, nullable=False),
    )


def _create_credential_slots() -> None:
    op.create_table(
        "credential_slots",
        sa.Column("slot", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("holder", sa.Text),
        sa.Column("repositories", sa.Text),
        sa.Column("expires_at", sa.Double),
        sa.Column("stored_by", sa.Text, sa.ForeignKey("workers.id", ondelete="SET NULL")),
    )


def _create_slot_tickets() -> None:
    op.create_table(
        "slot_tickets",
        sa.Column("number", SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("ticket", sa.Text, nullable=False, unique=True),
        sa.Column("slot", sa.Text, sa.ForeignKey("credential_slots.slot"), nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column(
            "worker", sa.Text, sa.ForeignKey("workers.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Index("slot_tickets_in_order", "slot", "number"),
    )
