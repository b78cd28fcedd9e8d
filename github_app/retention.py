"""Forget what nobody will ask for again: payloads first, then deliveries and outcomes."""

from __future__ import annotations

import sqlalchemy as sa

from github_app.tables import deliveries, outcomes

PAYLOAD_DAYS = 3  # as long as GitHub redelivers
ROW_DAYS = 30
DAY_SECONDS = 24 * 3600
ROWS_PER_TRANSACTION = 500  # more makes the webhook's own writes wait


def forget(engine: sa.Engine, *, now: float) -> None:
    """Drop what is past its time, a small transaction at a time."""
    payloads = _first(
        deliveries.c.seq,
        deliveries.c.payload.is_not(None),
        deliveries.c.received_at < now - PAYLOAD_DAYS * DAY_SECONDS,
    )
    _repeat(engine, sa.update(deliveries).where(payloads).values(payload=None))
    before = now - ROW_DAYS * DAY_SECONDS
    old_deliveries = _first(deliveries.c.seq, deliveries.c.received_at < before)
    _repeat(engine, sa.delete(deliveries).where(old_deliveries))
    _repeat(engine, sa.delete(outcomes).where(_first(outcomes.c.id, outcomes.c.at < before)))


def _first(key: sa.Column[int], *wanted: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return key.in_(sa.select(key).where(*wanted).limit(ROWS_PER_TRANSACTION))


def _repeat(engine: sa.Engine, statement: sa.Update | sa.Delete) -> None:
    changed = ROWS_PER_TRANSACTION
    while changed == ROWS_PER_TRANSACTION:
        with engine.begin() as tx:
            changed = tx.execute(statement).rowcount
