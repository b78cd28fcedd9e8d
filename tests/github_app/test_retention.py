from __future__ import annotations

import sqlalchemy as sa

from github_app.storage import retention
from github_app.storage.retention import DAY_SECONDS, Keep
from github_app.storage.tables import branches, deliveries
from promotion.model import ZERO_SHA

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


def a_branch(tx, number, *, newest, promoted, after="a" * 40):
    row = {"repository_id": number, "ref": "refs/heads/main", "repository": "octo-org/etl"}
    row.update(repository_url="https://github.com/octo-org/etl", received_at=0.0)
    row.update(before="b" * 40, after=after, newest=newest, promoted=promoted)
    tx.execute(sa.insert(branches), row)


def test_a_push_that_no_promotion_has_come_past_is_kept_however_old(tables):
    with tables.begin() as tx:
        a_branch(tx, 7, newest=3, promoted=1)
        for seq in (1, 2, 3):
            row = {"seq": seq, "guid": str(seq), "event": "push", "received_at": 0.0}
            tx.execute(sa.insert(deliveries), {**row, "repository_id": 7, "ref": "refs/heads/main"})

    retention.forget(tables, now=NOW, keep=Keep())

    with tables.connect() as reader:
        kept = reader.execute(sa.select(deliveries.c.seq).order_by(deliveries.c.seq)).scalars()
        assert list(kept) == [2, 3]


def test_of_branches_only_those_go_that_are_deleted_and_owe_nothing(tables):
    with tables.begin() as tx:
        for number, (after, promoted) in enumerate(
            [("a" * 40, 1), (ZERO_SHA, 0), (ZERO_SHA, 1)], start=1
        ):
            a_branch(tx, number, after=after, newest=1, promoted=promoted)

    retention.forget(tables, now=NOW, keep=Keep())

    with tables.connect() as reader:
        kept = reader.execute(sa.select(branches.c.repository_id)).scalars().all()
    assert kept == [1, 2]
