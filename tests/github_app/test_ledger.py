"""What a run leaves in the database, it leaves only while its worker holds its lease."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from github_app.branches import BranchPush
from github_app.check_run import CheckRun, Subject
from github_app.deployments import Promoted, State
from github_app.lease import LeaseLostError
from github_app.ledger import Ledger
from github_app.metrics import Metrics
from github_app.row_lease import RowLease
from promotion.push import Push
from promotion.repository_url import RepositoryKey
from promotion.workspace import Report

OLD, HEAD = "1" * 40, "2" * 40
REF = "refs/heads/main"
OWED = BranchPush(
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
    "begin": lambda ledger: ledger.begin(OWED),
    "record": lambda ledger: ledger.record(OWED, Report("dev", "https://adb-1.example")),
    "write later": lambda ledger: ledger.write_later(OWED, RUN),
    "end later": lambda ledger: ledger.end_later(
        OWED, Promoted(1, "databricks/dev", REF, HEAD), State("inactive")
    ),
    "end what is open": lambda ledger: ledger.end_what_is_open(OWED, ["dev"]),
    "give names": lambda ledger: ledger.give_names({RepositoryKey("github.com", "a", "b"): 7}),
}


@pytest.fixture
def backend():
    return "postgresql"


@pytest.fixture
def ledger(database_url, tables):
    """The ledger of a worker that holds its lease."""
    lease = RowLease(database_url, ttl=30.0, on_lost=lambda: None)
    lease.start()
    yield Ledger(tables, Metrics(), lease)
    lease.stop()


def kept(tables):
    names = ("outcomes", "reports", "late_checks", "repository_names")
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
