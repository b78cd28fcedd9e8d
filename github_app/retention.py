"""Forget what nobody will ask for again: payloads first, then deliveries and outcomes."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from github_app.tables import (
    branches,
    check_runs,
    deliveries,
    late_checks,
    outcomes,
    reports,
)
from promotion.push import ZERO_SHA

ROW_DAYS = 90.0
PAYLOAD_DAYS = 7.0  # more than the three in which GitHub redelivers
WORKFLOW_DAYS = 1.0  # the engine's own rows, about runs that have ended
DAY_SECONDS = 24 * 3600
ROWS_PER_TRANSACTION = 500  # more makes the webhook's own writes wait


@dataclass(frozen=True)
class Keep:
    """For how many days what is kept."""

    days: float = ROW_DAYS  # deliveries and outcomes
    payload_days: float = PAYLOAD_DAYS


def forget(engine: sa.Engine, *, now: float, keep: Keep) -> None:
    """Drop what is past its time, a small transaction at a time."""
    payloads = _first(
        deliveries.c.seq,
        deliveries.c.payload.is_not(None),
        deliveries.c.received_at < now - keep.payload_days * DAY_SECONDS,
    )
    _repeat(engine, sa.update(deliveries).where(payloads).values(payload=None))
    before = now - keep.days * DAY_SECONDS
    # What a promotion has yet to come past is not forgotten: it will say which pushes it overtook.
    of_branch = (
        branches.c.repository_id == deliveries.c.repository_id,
        branches.c.ref == deliveries.c.ref,
    )
    ahead = (branches.c.promoted < deliveries.c.seq, deliveries.c.seq <= branches.c.newest)
    owed = sa.exists().where(*of_branch, *ahead)
    old_deliveries = _first(deliveries.c.seq, deliveries.c.received_at < before, ~owed)
    _repeat(engine, sa.delete(deliveries).where(old_deliveries))
    _repeat(engine, sa.delete(outcomes).where(_first(outcomes.c.id, outcomes.c.at < before)))
    # Check runs that are still to be written go where the reports and records say.
    old_reports = _first(reports.c.id, reports.c.at < before, ~_awaited(reports))
    _repeat(engine, sa.delete(reports).where(old_reports))
    place = sa.tuple_(*check_runs.primary_key.columns)
    too_old = (check_runs.c.at < before, ~_awaited(check_runs))
    old_runs = sa.select(*check_runs.primary_key.columns).where(*too_old)
    _repeat(engine, sa.delete(check_runs).where(place.in_(old_runs.limit(ROWS_PER_TRANSACTION))))
    # A branch that is no more on GitHub, and owes nothing; who pushes it again begins it anew.
    gone = (branches.c.after == ZERO_SHA, branches.c.newest == branches.c.promoted)
    with engine.begin() as tx:
        old = (branches.c.received_at < before, branches.c.running.is_(None))
        tx.execute(sa.delete(branches).where(*gone, *old))


def _awaited(table: sa.Table) -> sa.ColumnElement[bool]:
    """Say whether a check run of the row's branch or tag is still to be written."""
    of_ref = (
        late_checks.c.repository_id == table.c.repository_id,
        late_checks.c.ref == table.c.ref,
    )
    return sa.exists().where(*of_ref)


def _first(key: sa.Column[int], *wanted: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return key.in_(sa.select(key).where(*wanted).limit(ROWS_PER_TRANSACTION))


def _repeat(engine: sa.Engine, statement: sa.Update | sa.Delete) -> None:
    changed = ROWS_PER_TRANSACTION
    while changed == ROWS_PER_TRANSACTION:
        with engine.begin() as tx:
            changed = tx.execute(statement).rowcount
