"""What a run leaves in the database, it leaves only while its worker holds its lease."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from github_app.github.check_run import CheckRun, Subject
from github_app.reports.deployments import Promoted, State
from github_app.runtime.metrics import Metrics
from github_app.storage.branches import BranchPush
from github_app.worker.lease import LeaseLostError
from github_app.worker.postgres_lease import RowLease
from github_app.worker.promotion_store import PromotionStore
from promotion.model import Push
from promotion.workspace import Report

OLD, HEAD = "1" * 40, "2" * 40
REF = "refs/heads/main"
PENDING = BranchPush(
    Push("octo-org/etl", REF, OLD, HEAD),
    7,
    "https://github.com/octo-org/etl",
    11,
    1,
    1.0,
    superseded=(Push("octo-org/etl", REF, "0" * 40, OLD),),
)
RUN = CheckRun(Subject(REF, "dev"), HEAD, "completed", "a title", "a summary", "success")
WAYS = {
    "begin": lambda ledger: ledger.begin(PENDING, told=replace(PENDING.push, after="1" * 40)),
    "record": lambda ledger: ledger.record(PENDING, Report("dev", "https://adb-1.example")),
    "write later": lambda ledger: ledger.write_later(PENDING, RUN),
    "end later": lambda ledger: ledger.end_later(
        PENDING, Promoted(1, "databricks/dev", REF, HEAD), State("inactive")
    ),
    "end what is open": lambda ledger: ledger.end_what_is_open(PENDING, ["dev"]),
}


@pytest.fixture
def backend():
    return "postgresql"


@pytest.fixture
def ledger(database_url, tables):
    """The ledger of a worker that holds its lease."""
    lease = RowLease(database_url, ttl=30.0, on_lost=lambda: None)
    lease.start()
    yield PromotionStore(tables, Metrics(), lease)
    lease.stop()


def kept(tables):
    names = ("outcomes", "reports", "outbox_items", "repository_names")
    with tables.connect() as reader:
        return {name: len(reader.execute(sa.text(f"select * from {name}")).all()) for name in names}


@pytest.mark.parametrize("way", WAYS)
def test_a_run_whose_worker_was_taken_over_leaves_nothing(ledger, tables, way):
    WAYS["write later"](ledger)  # so that there is something to take away, too
    before = kept(tables)
    with tables.begin() as tx:
        tx.execute(sa.text("delete from workers"))

    with pytest.raises(LeaseLostError):
        WAYS[way](ledger)

    assert kept(tables) == before
