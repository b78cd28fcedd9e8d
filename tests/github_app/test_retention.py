from __future__ import annotations

import sqlalchemy as sa

from github_app import retention
from github_app.retention import DAY_SECONDS
from github_app.tables import deliveries

NOW = 100 * DAY_SECONDS


def test_payloads_go_first_and_rows_later(tables):
    with tables.begin() as tx:
        for days in (1, 10, 40):
            row = {"guid": f"{days} days", "event": "push", "payload": b"{}"}
            tx.execute(sa.insert(deliveries), {**row, "received_at": NOW - days * DAY_SECONDS})

    retention.forget(tables, now=NOW)

    with tables.connect() as reader:
        kept = reader.execute(sa.select(deliveries.c.guid, deliveries.c.payload)).all()
    assert kept == [("1 days", b"{}"), ("10 days", None)]


def test_more_than_one_transaction_holds_is_forgotten_too(tables):
    rows = [
        {"guid": str(number), "event": "push", "received_at": 0.0}
        for number in range(retention.ROWS_PER_TRANSACTION + 1)
    ]
    with tables.begin() as tx:
        tx.execute(sa.insert(deliveries), rows)

    retention.forget(tables, now=NOW)

    with tables.connect() as reader:
        assert reader.execute(sa.select(deliveries)).all() == []
