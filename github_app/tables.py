"""The tables of the service, the same on SQLite and PostgreSQL. Pure.

Times are seconds since the epoch. Whoever changes a table adds a migration.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

# SQLite numbers rows by itself only where the type is exactly INTEGER.
SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

deliveries = sa.Table(
    "deliveries",
    metadata,
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
    sa.Column("payload", sa.LargeBinary),  # null once GitHub no longer redelivers it
    sa.Column("note", sa.Text),  # why nothing moves, where that is known at once
    sa.Column("digest", sa.Text),  # SHA-256 of the body as it came: what was signed
    sa.Index("deliveries_of_a_branch", "repository_id", "ref", "seq"),
    sa.Index("deliveries_by_digest", "digest"),
    sa.Index("deliveries_by_age", "received_at"),
    sqlite_autoincrement=True,  # a seq is never given twice, also after the newest row is deleted
)

# A promotion is owed exactly while newest > promoted.
branches = sa.Table(
    "branches",
    metadata,
    sa.Column("repository_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("ref", sa.Text, primary_key=True),
    sa.Column("repository", sa.Text, nullable=False),  # full name, as of the newest push
    sa.Column("repository_url", sa.Text, nullable=False),
    sa.Column("installation_id", sa.BigInteger),
    sa.Column("newest", sa.BigInteger, nullable=False),  # seq of the newest delivery
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),
    sa.Column("received_at", sa.Double, nullable=False),
    sa.Column("pushed_at", sa.BigInteger),  # by GitHub's clock; null where no push told it
    sa.Column("promoted", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("run", sa.BigInteger, nullable=False, server_default="0"),  # only grows: the fence
    sa.Column("running", sa.BigInteger),  # the run that holds the branch, null when nobody does
    sa.Column("starts", sa.Integer, nullable=False, server_default="0"),  # of that run
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),  # failed, in a row
    sa.Column("not_before", sa.Double, nullable=False, server_default="0"),
    sa.Column("hint", sa.Text),  # what an event says has ended it; GitHub is asked before it does
    sa.Index(
        "branches_owed",
        "newest",
        sqlite_where=sa.text("newest > promoted and running is null"),
        postgresql_where=sa.text("newest > promoted and running is null"),
    ),
)

outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("id", SEQUENCE, primary_key=True, autoincrement=True),
    sa.Column("seq", sa.BigInteger, nullable=False),  # of the delivery that was promoted
    sa.Column("repository_id", sa.BigInteger, nullable=False),
    sa.Column("ref", sa.Text, nullable=False),
    sa.Column("workspace", sa.Text, nullable=False),
    sa.Column("git_folder_id", sa.BigInteger, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("before", sa.Text),
    sa.Column("after", sa.Text),
    sa.Column("conclusion", sa.Text, nullable=False),  # a check run's word
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("next_step", sa.Text, nullable=False, server_default=""),
    sa.Column("rule", sa.Text, nullable=False, server_default=""),  # that decided, where one did
    sa.Column("seconds", sa.Double, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.UniqueConstraint("seq", "workspace", "git_folder_id", name="one_outcome_per_git_folder"),
    sa.Index("outcomes_of_a_branch", "repository_id", "ref", "seq"),
    sa.Index("outcomes_by_age", "at"),
)

# What was reported of a commit, for one branch or tag in one workspace; a Re-run replaces it.
reports = sa.Table(
    "reports",
    metadata,
    sa.Column("id", SEQUENCE, primary_key=True, autoincrement=True),
    sa.Column("seq", sa.BigInteger, nullable=False),  # of the delivery that was promoted
    sa.Column("repository_id", sa.BigInteger, nullable=False),
    sa.Column("workspace", sa.Text, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("repository", sa.Text, nullable=False),  # full name, as of then
    sa.Column("ref", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),  # the commit, which may be newer than the push's
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("stays", sa.LargeBinary, nullable=False),  # packed: id, path, reason
    sa.Column("blind_spots", sa.LargeBinary, nullable=False),  # packed: path, reason
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("public_id", sa.Text),  # random: names the page of details
    sa.Column("link_digest", sa.Text),  # of the key that opens that page; null: it has no link
    sa.UniqueConstraint("seq", "workspace", name="one_report_per_workspace"),
    sa.Index("reports_by_public_id", "public_id", unique=True),
    sa.Index("reports_of_a_commit", "repository_id", "after", "ref", "workspace"),
    sa.Index("reports_of_a_branch", "repository_id", "ref", "seq"),
    sa.Index("reports_by_age", "at"),
)

# What the last survey of each workspace has seen; commits are not kept, they age at once.
known_folders = sa.Table(
    "known_folders",
    metadata,
    sa.Column("workspace", sa.Text, primary_key=True),
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("url", sa.Text),
    sa.Column("provider", sa.Text),
    sa.Column("branch", sa.Text),
    sa.Column("git_cli_enabled", sa.Boolean, nullable=False),
    sa.Column("manageable", sa.Boolean, nullable=False),
)

surveys = sa.Table(
    "surveys",
    metadata,
    sa.Column("workspace", sa.Text, primary_key=True),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("blind_spots", sa.Text, nullable=False),  # JSON, pairs of path and reason
)

# Under which names a repository was pushed: a Git folder may hold an old one for ever.
repository_names = sa.Table(
    "repository_names",
    metadata,
    sa.Column("host", sa.Text, primary_key=True),
    sa.Column("full_name", sa.Text, primary_key=True),  # "octo-org/etl", in lower case
    sa.Column("repository_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("at", sa.Double, nullable=False),  # when it was last seen under it
)

# Every check run of ours, as it was written last. GitHub's own list can lag behind.
check_runs = sa.Table(
    "check_runs",
    metadata,
    sa.Column("repository_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("head_sha", sa.Text, primary_key=True),
    sa.Column("ref", sa.Text, primary_key=True),
    sa.Column("workspace", sa.Text, primary_key=True),  # empty: one for all workspaces
    sa.Column("check_run_id", sa.BigInteger),  # null: GitHub was asked to make one
    sa.Column("conclusion", sa.Text),  # null while it is in progress
    # Whether GitHub may have made one more, whose id never came.
    sa.Column("doubtful", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("at", sa.Double, nullable=False),
    sa.Index("check_runs_by_age", "at"),
)

# Check runs to write at leisure: superseded pushes, runs that were given up; and the ends of
# deployments that GitHub did not take at once.
late_checks = sa.Table(
    "late_checks",
    metadata,
    sa.Column("id", SEQUENCE, primary_key=True, autoincrement=True),
    sa.Column("repository_id", sa.BigInteger, nullable=False),
    sa.Column("repository", sa.Text, nullable=False),
    sa.Column("installation_id", sa.BigInteger),
    sa.Column("ref", sa.Text, nullable=False),
    sa.Column("head_sha", sa.Text, nullable=False),
    # "one" workspace's, "each" one's that the promotion moved, one for "all", or a "deployment"
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("workspace", sa.Text, nullable=False, server_default=""),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("conclusion", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("details_url", sa.Text, nullable=False, server_default=""),
    sa.Column("run", sa.BigInteger),  # the seq of the promotion that it tells of
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("not_before", sa.Double, nullable=False, server_default="0"),
    sa.Column("taken_by", sa.Text),  # the worker that writes it now
    sa.UniqueConstraint(
        "repository_id", "head_sha", "ref", "scope", "workspace", name="one_late_check_per_subject"
    ),
)

# When each periodic work was last begun, and last asked for: one process does it, whoever is first.
turns = sa.Table(
    "turns",
    metadata,
    sa.Column("work", sa.Text, primary_key=True),
    sa.Column("begun_at", sa.Double, nullable=False),
    sa.Column("asked_at", sa.Double, nullable=False),
    sa.Column("done_at", sa.Double, nullable=False),  # when the last that ended well was begun
)

# Git folders that stay behind for a reason: they are tried again, more and more seldom.
stragglers = sa.Table(
    "stragglers",
    metadata,
    sa.Column("workspace", sa.Text, primary_key=True),
    sa.Column("git_folder_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("head", sa.Text, nullable=False),  # where it should be
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("not_before", sa.Double, nullable=False),
)

# The worker processes on PostgreSQL. The row is the lease: who takes over deletes it first.
workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),  # the durable engine's executor_id
    sa.Column("expires", sa.Double, nullable=False),  # by the database's clock
)

# What is known of the Git credential that each principal has stored in each workspace.
credential_slots = sa.Table(
    "credential_slots",
    metadata,
    sa.Column("slot", sa.Text, primary_key=True),  # workspace, principal and provider
    sa.Column("number", sa.BigInteger, nullable=False, server_default="0"),  # only grows
    sa.Column("holder", sa.Text),  # whose token it is; null: nobody knows
    sa.Column("repositories", sa.Text),  # JSON, those that it opens
    sa.Column("expires_at", sa.Double),
    sa.Column("stored_by", sa.Text, sa.ForeignKey("workers.id", ondelete="SET NULL")),  # just now
)

# Who uses a slot, or waits for it: a ticket is good when no older one has another holder.
slot_tickets = sa.Table(
    "slot_tickets",
    metadata,
    sa.Column("number", SEQUENCE, primary_key=True, autoincrement=True),
    sa.Column("ticket", sa.Text, nullable=False, unique=True),
    sa.Column("slot", sa.Text, sa.ForeignKey("credential_slots.slot"), nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("worker", sa.Text, sa.ForeignKey("workers.id", ondelete="CASCADE"), nullable=False),
    sa.Index("slot_tickets_in_order", "slot", "number"),
)
