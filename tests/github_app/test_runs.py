from __future__ import annotations

import asyncio
import threading
import time

import pytest
import sqlalchemy as sa

from github_app.github.confirm import GoneError
from github_app.github.rate_limits import LimitedError
from github_app.runtime.metrics import Metrics
from github_app.storage import claims
from github_app.storage.claims import MOST_STARTS
from github_app.storage.tables import branches as branch_rows
from github_app.worker.lease import LeaseLostError
from github_app.worker.runs import Runs


@pytest.fixture
def take(intake, tables, a_delivery):
    """Return a function that claims a new push, whose run was begun and cut off so often."""

    def claimed(branch="main", *, starts=0):
        asyncio.run(intake.store(a_delivery(2, branch=branch)))
        return take_again(tables, starts=starts)

    return claimed


def take_again(tables, *, starts=0):
    with tables.begin() as tx:
        [held] = claims.ready(tx, now=time.time() + 3600)
        claims.claim(tx, held)
        for _ in range(starts):
            claims.start(tx, held)
    return held


def row_of(tables, branch="main"):
    with tables.connect() as reader:
        wanted = branch_rows.c.ref == f"refs/heads/{branch}"
        return reader.execute(sa.select(branch_rows).where(wanted)).one()


def test_a_run_that_ended_the_process_every_time_is_not_begun_again(take, tables):
    held, promoted = take(starts=MOST_STARTS), []

    Runs(tables, promoted.append, Metrics()).carry_out(held)

    row = row_of(tables)
    assert promoted == []
    assert (row.running, row.attempts, row.newest > row.promoted) == (None, 1, True)
    assert row.not_before > time.time()


def test_the_branchs_next_run_begins_at_its_last_start_until_one_ends_well(take, tables):
    runs = Runs(tables, lambda _pushed: None, Metrics())
    runs.carry_out(take(starts=MOST_STARTS))

    again = take_again(tables)

    assert row_of(tables).starts == MOST_STARTS - 1
    runs.carry_out(again)
    assert row_of(tables).starts == 0


@pytest.mark.parametrize(
    "ends", [None, RuntimeError("odd"), GoneError("gone"), LimitedError(1, 5.0)]
)
def test_a_worker_that_has_lost_its_lease_records_no_end_of_a_run(take, tables, ends):
    lost = []

    def promote(_pushed):
        lost.append(True)
        if ends is not None:
            raise ends

    def still_mine(_tx):
        if lost:
            raise LeaseLostError("another worker took over")

    held = take()
    with pytest.raises(LeaseLostError):
        Runs(tables, promote, Metrics(), still_mine=still_mine).carry_out(held)

    row = row_of(tables)
    assert (row.running, row.attempts, row.newest > row.promoted) == (held.run, 0, True)


def test_two_runs_at_their_last_start_take_turns(take, tables):
    suspects = [take(branch, starts=MOST_STARTS - 1) for branch in ("main", "dev")]
    meeting, met = threading.Barrier(2), []

    def promote(_pushed):
        try:
            met.append(meeting.wait(0.5))
        except threading.BrokenBarrierError:
            met.append(None)  # the other one waits until this one has ended

    in_threads(Runs(tables, promote, Metrics()).carry_out, suspects)

    assert met == [None, None]


def test_who_is_not_at_its_last_start_waits_for_nobody(take, tables):
    held = [take("main", starts=MOST_STARTS - 1), take("dev", starts=MOST_STARTS - 2)]
    meeting = threading.Barrier(2, timeout=20)

    in_threads(Runs(tables, lambda _pushed: meeting.wait(), Metrics()).carry_out, held)

    assert [row_of(tables, branch).attempts for branch in ("main", "dev")] == [0, 0]


def test_a_start_that_an_orderly_end_cut_off_does_not_count(take, tables):
    held = take(starts=1)
    begun, go_on = threading.Event(), threading.Event()

    def promote(_pushed):
        begun.set()
        go_on.wait(20)

    runs = Runs(tables, promote, Metrics())
    thread = threading.Thread(target=runs.carry_out, args=(held,))
    thread.start()
    assert begun.wait(20)
    counted = row_of(tables).starts
    runs.uncount_start()
    taken_back = row_of(tables).starts
    go_on.set()
    thread.join()

    assert (counted, taken_back) == (2, 1)


@pytest.mark.parametrize(
    "promote",
    [
        pytest.param(lambda _pushed: None, id="well"),
        pytest.param(lambda _pushed: fail(OSError("away")), id="failed"),
        pytest.param(lambda _pushed: fail(LimitedError(11, 60)), id="put off"),
        pytest.param(lambda _pushed: fail(GoneError("archived")), id="stopped"),
    ],
)
def test_who_has_lost_its_lease_ends_no_run(take, tables, promote):
    held, begun = take(), []

    def still_mine(_tx):
        if begun:  # the lease is lost while the promotion runs
            raise LeaseLostError("another worker took over")

    def promoting(pushed):
        begun.append(pushed)
        promote(pushed)

    runs = Runs(tables, promoting, Metrics(), still_mine=still_mine)
    with pytest.raises(LeaseLostError):
        runs.carry_out(held)

    row = row_of(tables)
    assert (row.running, row.promoted, row.attempts, row.not_before) == (held.run, 0, 0, 0)


def test_who_has_lost_its_lease_begins_and_lets_go_of_no_run(take, tables):
    held, promoted = take(), []

    def still_mine(_tx):
        raise LeaseLostError("another worker took over")

    runs = Runs(tables, promoted.append, Metrics(), still_mine=still_mine)
    for work in (runs.carry_out, runs.release_orphan):
        with pytest.raises(LeaseLostError):
            work(held)

    row = row_of(tables)
    assert promoted == []
    assert (row.running, row.starts, row.attempts) == (held.run, 0, 0)


def fail(exc):
    raise exc


def in_threads(work, of):
    threads = [threading.Thread(target=work, args=(each,)) for each in of]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
