"""Delete rows that are past their retention: payloads first, then deliveries and outcomes."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from github_app.config.settings import PAYLOAD_DAYS, ROW_DAYS
from github_app.storage.tables import (
    branches,
    check_runs,
    deliveries,
    outbox_items,
    outcomes,
    reports,
)
from promotion.model import ZERO_SHA

WORKFLOW_DAYS = 1.0  # for the durable engine's rows of runs that have ended
DAY_SECONDS = 24 * 3600
ROWS_PER_TRANSACTION = 500  # more would make the webhook's writes wait


@dataclass(frozen=True)
class Keep:
    """The retention, in days."""

    days: float = ROW_DAYS  # deliveries and outcomes
    payload_days: float = PAYLOAD_DAYS


def forget(engine: sa.Engine, *, now: float, keep: Keep) -> None:
    """Delete what is past its retention, in small transactions."""
    payloads = _first(
        deliveries.c.seq,
        deliveries.c.payload.is_not(None),
        deliveries.c.received_at < now - keep.payload_days * DAY_SECONDS,
    )
    _repeat(engine, sa.update(deliveries).where(payloads).values(payload=None))
    before = now - keep.days * DAY_SECONDS
    # Keep deliveries that are not promoted yet: the promotion reports which pushes it supersedes.
    of_branch = (
        branches.c.repository_id == deliveries.c.repository_id,
        branches.c.ref == deliveries.c.ref,
    )
    ahead = (branches.c.promoted < deliveries.c.seq, deliveries.c.seq <= branches.c.newest)
    pending = sa.exists().where(*of_branch, *ahead)
    old_deliveries = _first(deliveries.c.seq, deliveries.c.received_at < before, ~pending)
    _repeat(engine, sa.delete(deliveries).where(old_deliveries))
    _repeat(engine, sa.delete(outcomes).where(_first(outcomes.c.id, outcomes.c.at < before)))
    # Check runs that are still to be written go where the reports and records say.
    old_reports = _first(reports.c.id, reports.c.at < before, ~_awaited(reports))
    _repeat(engine, sa.delete(reports).where(old_reports))
    place = sa.tuple_(*check_runs.primary_key.columns)
    too_old = (check_runs.c.at < before, ~_awaited(check_runs))
    old_runs = sa.select(*check_runs.primary_key.columns).where(*too_old)
    _repeat(engine, sa.delete(check_runs).where(place.in_(old_runs.limit(ROWS_PER_TRANSACTION))))
    # A branch that was deleted on GitHub and is not pending; another push would create it anew.
    gone = (branches.c.after == ZERO_SHA, branches.c.newest == branches.c.promoted)
    with engine.begin() as tx:
        old = (branches.c.received_at < before, branches.c.running.is_(None))
        tx.execute(sa.delete(branches).where(*gone, *old))


def _awaited(table: sa.Table) -> sa.ColumnElement[bool]:
    """Say whether a check run of the row's branch or tag is still to be written."""
    of_ref = (
        outbox_items.c.repository_id == table.c.repository_id,
        outbox_items.c.ref == table.c.ref,
    )
    return sa.exists().where(*of_ref)


def _first(key: sa.Column[int], *wanted: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return key.in_(sa.select(key).where(*wanted).limit(ROWS_PER_TRANSACTION))


def _repeat(engine: sa.Engine, statement: sa.Update | sa.Delete) -> None:
    changed = ROWS_PER_TRANSACTION
    while changed == ROWS_PER_TRANSACTION:
        with engine.begin() as tx:
            changed = tx.execute(statement).rowcount
