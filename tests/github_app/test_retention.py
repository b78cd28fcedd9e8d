from __future__ import annotations

import sqlalchemy as sa

from github_app import retention
from github_app.retention import DAY_SECONDS, Keep
from github_app.tables import branches, deliveries
from promotion.push import ZERO_SHA

NOW = 100 * DAY_SECONDS


def test_payloads_go_first_and_rows_later(tables):
    with tables.begin() as tx:
        for days in (1, 6, 10, 80, 95):
            row = {"guid": f"{days} days", "event": "push", "payload": b"{}"}
            tx.execute(sa.insert(deliveries), {**row, "received_at": NOW - days * DAY_SECONDS})

    retention.forget(tables, now=NOW, keep=Keep())

    with tables.connect() as reader:
        kept = reader.execute(sa.select(deliveries.c.guid, deliveries.c.payload)).all()
    assert kept == [("1 days", b"{}"), ("6 days", b"{}"), ("10 days", None), ("80 days", None)]


def test_more_than_one_transaction_holds_is_forgotten_too(tables):
    rows = [
        {"guid": str(number), "event": "push", "received_at": 0.0}
        for number in range(retention.ROWS_PER_TRANSACTION + 1)
    ]
    with tables.begin() as tx:
        tx.execute(sa.insert(deliveries), rows)

    retention.forget(tables, now=NOW, keep=Keep())

    with tables.connect() as reader:
        assert reader.execute(sa.select(deliveries)).all() == []


def test_of_branches_only_those_go_that_are_deleted_and_owe_nothing(tables):
    with tables.begin() as tx:
        for number, (after, promoted) in enumerate(
            [("a" * 40, 1), (ZERO_SHA, 0), (ZERO_SHA, 1)], start=1
        ):
            row = {
                "repository_id": number,
                "ref": "refs/heads/main",
                "repository": "octo-org/etl",
                "repository_url": "https://github.com/octo-org/etl",
                "newest": 1,
                "before": "b" * 40,
                "after": after,
                "received_at": 0.0,
                "promoted": promoted,
            }
            tx.execute(sa.insert(branches), row)

    retention.forget(tables, now=NOW, keep=Keep())

    with tables.connect() as reader:
        kept = reader.execute(sa.select(branches.c.repository_id)).scalars().all()
    assert kept == [1, 2]
