from __future__ import annotations

import asyncio
import threading
import time

import pytest
import sqlalchemy as sa
from running import wait_until

from github_app.runtime.metrics import Metrics
from github_app.storage import branches, claims, retention
from github_app.storage.claims import Claim
from github_app.storage.tables import branches as branch_rows
from github_app.worker.engine import Engine, EngineError

SECONDS = 15


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request):
    return request.param


def store(intake, *deliveries):
    async def all_at_once():
        return await asyncio.gather(*(intake.store(delivery) for delivery in deliveries))

    return asyncio.run(all_at_once())


def is_settled(tables):
    with tables.connect() as reader:
        return branches.count_pending(reader) == 0 and not claims.held(reader)


def test_a_push_is_promoted(intake, start_worker, tables, a_delivery):
    worker = start_worker()

    store(intake, a_delivery(2))

    wait_until(lambda: is_settled(tables), seconds=SECONDS)
    assert worker.commits() == ["0" * 39 + "2"]
    assert worker.engine.problems() == {}


def test_a_burst_on_one_branch_costs_few_rounds_and_the_newest_is_last(
    intake, start_worker, tables, a_delivery
):
    first_runs, burst_stored = threading.Event(), threading.Event()

    def promote(_pushed):
        first_runs.set()
        assert burst_stored.wait(SECONDS)

    worker = start_worker(promote)
    store(intake, a_delivery(1))
    assert first_runs.wait(SECONDS)
    store(intake, *(a_delivery(number) for number in range(2, 202)))
    burst_stored.set()

    wait_until(lambda: is_settled(tables), seconds=SECONDS)
    assert worker.commits() == ["0" * 39 + "1", f"{201:040x}"]
    assert len(worker.promoted[-1].superseded) == 199


def test_no_branch_is_promoted_twice_at_once(intake, start_worker, tables, a_delivery):
    running, overlaps, lock = set(), [], threading.Lock()

    def promote(pushed):
        with lock:
            overlaps.extend({pushed.push.ref} & running)
            running.add(pushed.push.ref)
        time.sleep(0.02)  # the work itself
        with lock:
            running.remove(pushed.push.ref)

    worker = start_worker(promote)
    for number in range(2, 12):
        store(intake, *(a_delivery(number, branch=f"b{b}") for b in range(5)))

    wait_until(lambda: is_settled(tables), seconds=SECONDS)
    assert overlaps == []
    assert [worker.commits(f"b{b}")[-1] for b in range(5)] == [f"{11:040x}"] * 5


def test_a_failing_promotion_is_repeated_and_holds_up_no_other_branch(
    intake, start_worker, tables, a_delivery
):
    failures = iter([OSError("away"), ValueError("odd")])

    def promote(pushed):
        if pushed.push.branch == "poison" and (failure := next(failures, None)):
            raise failure

    worker = start_worker(promote)
    store(intake, a_delivery(2, branch="poison"), a_delivery(2, branch="healthy"))

    wait_until(lambda: is_settled(tables), seconds=SECONDS)
    assert worker.commits("healthy") == worker.commits("poison") == ["0" * 39 + "2"]
    assert worker.promoted[-1].attempts == 2


def test_a_promotion_that_always_fails_is_given_up_until_the_next_push(
    intake, start_worker, tables, a_delivery
):
    attempts = []

    def promote(pushed):
        attempts.append(pushed.push.after)
        if pushed.push.after.endswith("2"):
            raise OSError("away for good")

    def given_up():
        with tables.connect() as reader:
            row = reader.execute(sa.select(branch_rows)).one()
        return row.not_before == branches.NEVER and row.running is None

    worker = start_worker(promote)
    store(intake, a_delivery(2))
    wait_until(given_up, seconds=SECONDS)
    tried = len(attempts)
    store(intake, a_delivery(3))

    wait_until(lambda: is_settled(tables), seconds=SECONDS)
    assert tried == 3  # once, and after each of the two pauses
    assert worker.commits() == ["0" * 39 + "3"]


def test_a_claim_whose_workflow_is_gone_is_owed_again(intake, start_worker, tables, a_delivery):
    store(intake, a_delivery(2))
    with tables.begin() as tx:
        claims.claim(tx, Claim(7, "refs/heads/main", 1))

    worker = start_worker()

    wait_until(lambda: is_settled(tables), seconds=SECONDS)
    assert worker.commits() == ["0" * 39 + "2"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_second_worker_on_one_file_is_refused(start_worker, database_url, tables):
    start_worker()
    second = Engine(database_url=database_url, engine=tables, promote=print, metrics=Metrics())

    with pytest.raises(EngineError, match="another worker uses"):
        second.start()


def test_a_stop_lets_running_work_end(intake, start_worker, tables, a_delivery):
    started, may_end = threading.Event(), threading.Event()

    def promote(_pushed):
        started.set()
        assert may_end.wait(SECONDS)

    worker = start_worker(promote)
    store(intake, a_delivery(2))
    assert started.wait(SECONDS)
    threading.Timer(0.3, may_end.set).start()

    ended = worker.engine.stop(5)

    assert ended
    assert worker.commits() == ["0" * 39 + "2"]
    assert is_settled(tables)


def test_a_stop_does_not_wait_for_ever(intake, start_worker, a_delivery):
    started, may_end = threading.Event(), threading.Event()

    def promote(_pushed):
        started.set()
        may_end.wait(SECONDS)

    worker = start_worker(promote)
    store(intake, a_delivery(2))
    assert started.wait(SECONDS)
    before = time.monotonic()

    ended = worker.engine.stop(1)
    seconds = time.monotonic() - before
    may_end.set()

    assert not ended
    assert seconds < 5


def put_back(tables, days):
    """Let everything that the engine has recorded be so many days older."""
    schema = "" if tables.dialect.name == "sqlite" else "dbos."
    milliseconds = int(days * 24 * 3600 * 1000)
    with tables.begin() as tx:
        for column in ("created_at", "updated_at", "completed_at"):
            tx.exec_driver_sql(
                f"update {schema}workflow_status set {column} = {column} - {milliseconds}"
            )


def workflows(tables):
    schema = "" if tables.dialect.name == "sqlite" else "dbos."
    with tables.connect() as reader:
        query = f"select workflow_uuid, status from {schema}workflow_status order by 1"
        return [tuple(row) for row in reader.exec_driver_sql(query)]


def steps(tables):
    schema = "" if tables.dialect.name == "sqlite" else "dbos."
    with tables.connect() as reader:
        return reader.exec_driver_sql(f"select count(*) from {schema}operation_outputs").scalar()


def promote_some(intake, start_worker, tables, a_delivery, numbers):
    worker = start_worker()
    for number in numbers:
        store(intake, a_delivery(number))
        wait_until(lambda: is_settled(tables), seconds=SECONDS)
    # A branch is let go before the engine has noted that its run ended.
    wait_until(lambda: {status for _, status in workflows(tables)} == {"SUCCESS"}, seconds=SECONDS)
    worker.engine.stop(5)


def test_the_engines_own_records_of_runs_are_forgotten_in_time(
    intake, start_worker, tables, a_delivery
):
    promote_some(intake, start_worker, tables, a_delivery, (2, 3))
    put_back(tables, retention.WORKFLOW_DAYS - 0.5)
    promote_some(intake, start_worker, tables, a_delivery, (4,))
    put_back(tables, 0.6)  # the first two are past their time, the third is not
    recorded = steps(tables)

    start_worker()

    wait_until(lambda: len(workflows(tables)) < 3, seconds=SECONDS)
    assert workflows(tables) == [("7:refs/heads/main#3", "SUCCESS")]
    assert (recorded, steps(tables)) == (3, 1)
