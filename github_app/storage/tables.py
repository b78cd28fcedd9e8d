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
    sa.Column("note", sa.Text),  # why nothing moves, where that is known already
    sa.Column("digest", sa.Text),  # SHA-256 of the body as received: what was signed
    sa.Index("deliveries_of_a_branch", "repository_id", "ref", "seq"),
    sa.Index("deliveries_by_digest", "digest"),
    sa.Index("deliveries_by_age", "received_at"),
    sqlite_autoincrement=True,  # a seq is never reused, even after the newest row is deleted
)

# The queue: a branch is pending exactly while newest > promoted.
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
    sa.Column("pushed_at", sa.BigInteger),  # by GitHub's clock; null where no push stated it
    sa.Column("promoted", sa.BigInteger, nullable=False, server_default="0"),
    # The fencing token: it only increases.
    sa.Column("run", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("running", sa.BigInteger),  # the run that holds the branch; null where none does
    sa.Column("starts", sa.Integer, nullable=False, server_default="0"),  # of that run
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),  # consecutive failures
    sa.Column("not_before", sa.Double, nullable=False, server_default="0"),
    sa.Column("hint", sa.Text),  # how an event says it has ended; GitHub is asked before we stop
    sa.Index(
        "branches_pending",
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
    sa.Column("conclusion", sa.Text, nullable=False),  # as of a check run
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("next_step", sa.Text, nullable=False, server_default=""),
    sa.Column("rule", sa.Text, nullable=False, server_default=""),  # the rule that decided, if any
    sa.Column("seconds", sa.Double, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.UniqueConstraint("seq", "workspace", "git_folder_id", name="one_outcome_per_git_folder"),
    sa.Index("outcomes_of_a_branch", "repository_id", "ref", "seq"),
    sa.Index("outcomes_by_age", "at"),
)

# The report on a commit for one branch or tag in one workspace; a Re-run replaces it.
reports = sa.Table(
    "reports",
    metadata,
    sa.Column("id", SEQUENCE, primary_key=True, autoincrement=True),
    sa.Column("seq", sa.BigInteger, nullable=False),  # of the delivery that was promoted
    sa.Column("repository_id", sa.BigInteger, nullable=False),
    sa.Column("workspace", sa.Text, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("repository", sa.Text, nullable=False),  # full name at that time
    sa.Column("ref", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),  # the commit; may be newer than the push's
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("unchanged", sa.LargeBinary, nullable=False),  # packed: id, path, reason
    sa.Column("unreadable", sa.LargeBinary, nullable=False),  # packed: path, reason
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("public_id", sa.Text),  # random: names the details page
    sa.Column("link_digest", sa.Text),  # of the key that opens that page; null: it has no link
    sa.UniqueConstraint("seq", "workspace", name="one_report_per_workspace"),
    sa.Index("reports_by_public_id", "public_id", unique=True),
    sa.Index("reports_of_a_commit", "repository_id", "after", "ref", "workspace"),
    sa.Index("reports_of_a_branch", "repository_id", "ref", "seq"),
    sa.Index("reports_by_age", "at"),
)

# The result of the last scan of each workspace, without commits, which would soon be out of date.
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

scans = sa.Table(
    "scans",
    metadata,
    sa.Column("workspace", sa.Text, primary_key=True),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("unreadable", sa.Text, nullable=False),  # JSON, pairs of path and reason
)

# The names under which a repository was pushed: a Git folder may keep an old one forever.
repository_names = sa.Table(
    "repository_names",
    metadata,
    sa.Column("host", sa.Text, primary_key=True),
    sa.Column("full_name", sa.Text, primary_key=True),  # "octo-org/etl", in lower case
    sa.Column("repository_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("at", sa.Double, nullable=False),  # when it was last seen under the name
)

# Our check runs as last written. GitHub's own list can lag behind.
check_runs = sa.Table(
    "check_runs",
    metadata,
    sa.Column("repository_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("head_sha", sa.Text, primary_key=True),
    sa.Column("ref", sa.Text, primary_key=True),
    sa.Column("workspace", sa.Text, primary_key=True),  # empty: one for all workspaces
    sa.Column("check_run_id", sa.BigInteger),  # null: GitHub was asked to create one
    sa.Column("conclusion", sa.Text),  # null while it is in progress
    # Whether GitHub may have created one more, whose id we never received.
    sa.Column("doubtful", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("at", sa.Double, nullable=False),
    sa.Index("check_runs_by_age", "at"),
)

# The outbox: check runs to write later (of superseded pushes, of runs that were given up), and
# the final states of deployments that GitHub did not accept at once.
outbox_items = sa.Table(
    "outbox_items",
    metadata,
    sa.Column("id", SEQUENCE, primary_key=True, autoincrement=True),
    sa.Column("repository_id", sa.BigInteger, nullable=False),
    sa.Column("repository", sa.Text, nullable=False),
    sa.Column("installation_id", sa.BigInteger),
    sa.Column("ref", sa.Text, nullable=False),
    sa.Column("head_sha", sa.Text, nullable=False),
    # "one" workspace, "each" workspace with a report, one check run for "all", or "deployment"
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("workspace", sa.Text, nullable=False, server_default=""),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("conclusion", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("details_url", sa.Text, nullable=False, server_default=""),
    sa.Column("run", sa.BigInteger),  # the seq of the promotion that it reports on
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("not_before", sa.Double, nullable=False, server_default="0"),
    sa.Column("taken_by", sa.Text),  # the worker that is writing it
    sa.UniqueConstraint(
        "repository_id", "head_sha", "ref", "scope", "workspace", name="one_outbox_item_per_subject"
    ),
)

# When each periodic job was last begun and last asked for: the process that is first does it.
schedule = sa.Table(
    "schedule",
    metadata,
    sa.Column("work", sa.Text, primary_key=True),
    sa.Column("begun_at", sa.Double, nullable=False),
    sa.Column("asked_at", sa.Double, nullable=False),
    sa.Column("done_at", sa.Double, nullable=False),  # when the last that succeeded was begun
)

# Git folders that remain behind their branch: they are retried with exponential backoff.
folder_backoff = sa.Table(
    "folder_backoff",
    metadata,
    sa.Column("workspace", sa.Text, primary_key=True),
    sa.Column("git_folder_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("head", sa.Text, nullable=False),  # where it should be
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("not_before", sa.Double, nullable=False),
)

# The worker processes on PostgreSQL. The row is the lease: a takeover deletes it first.
workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),  # the durable engine's executor_id
    sa.Column("expires", sa.Double, nullable=False),  # by the database's clock
)

# The Git credential that each principal has stored in each workspace, as far as it is known.
credential_slots = sa.Table(
    "credential_slots",
    metadata,
    sa.Column("slot", sa.Text, primary_key=True),  # workspace, principal and provider
    sa.Column("number", sa.BigInteger, nullable=False, server_default="0"),  # only increases
    sa.Column("holder", sa.Text),  # whose token it is; null: not known
    sa.Column("repositories", sa.Text),  # JSON, those that it opens
    sa.Column("expires_at", sa.Double),
    # The worker that is storing a credential now; it excludes all others from storing.
    sa.Column("stored_by", sa.Text, sa.ForeignKey("workers.id", ondelete="SET NULL")),
)

# Tickets of those who use a slot or wait for it: valid while no older one has another holder.
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
