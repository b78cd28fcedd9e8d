from __future__ import annotations

import asyncio
import time

import sqlalchemy as sa

from github_app import branches
from github_app.metrics import Metrics
from github_app.runs import MOST_STARTS, Runs
from github_app.tables import branches as branch_rows


def test_a_run_that_ended_the_process_every_time_is_not_begun_again(intake, tables, a_delivery):
    asyncio.run(intake.store(a_delivery(2)))
    with tables.begin() as tx:
        [held] = branches.owed(tx, now=time.time())
        branches.claim(tx, held)
        for _ in range(MOST_STARTS):
            branches.start(tx, held)
    promoted = []

    Runs(tables, promoted.append, Metrics()).carry_out(held)

    with tables.connect() as reader:
        row = reader.execute(sa.select(branch_rows)).one()
    assert promoted == []
    assert (row.running, row.attempts, row.newest > row.promoted) == (None, 1, True)
    assert row.not_before > time.time()
