from __future__ import annotations

import time

import pytest
import sqlalchemy as sa

from github_app.storage import branches, schedule
from github_app.storage.clock_repair import ClockWatch
from github_app.storage.database import open_engine
from github_app.storage.tables import branches as branch_rows
from github_app.storage.tables import folder_backoff, outbox_items, outcomes
from github_app.storage.tables import schedule as schedule_rows

HOUR = 3600.0
NOW = 1_800_000_000.0


class Clock:
    """A wall clock that can be set, beside one that can't."""

    def __init__(self):
        self.steady = 100.0
        self.wall = NOW

    def watch(self, engine):
        return ClockWatch(engine, now=lambda: self.wall, steady=lambda: self.steady)

    def pass_by(self, seconds, *, set_by=0.0):
        self.steady += seconds
        self.wall += seconds + set_by


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request):
    return request.param


def put_waits(tables, until):
    check = {"repository": "o/r", "ref": "r", "kind": "final", "conclusion": "failure"}
    check |= {"head_sha": "a", "scope": "one", "title": "t", "summary": "s", "repository_id": 7}
    outcome = {"seq": 1, "repository_id": 7, "ref": "r", "workspace": "dev", "git_folder_id": 1}
    outcome |= {"path": "/a", "conclusion": "failure", "reason": "no", "seconds": 1.0}
    backed_off = {"workspace": "dev", "git_folder_id": 1, "head": "a", "tries": 1}
    branch = {"repository_id": 7, "repository": "o/r", "repository_url": "u", "newest": 1}
    branch |= {"before": "a", "after": "b", "received_at": 0.0}
    with tables.begin() as tx:
        tx.execute(outbox_items.insert(), {**check, "at": 0.0, "not_before": until})
        tx.execute(outcomes.insert(), {**outcome, "at": until})
        tx.execute(folder_backoff.insert(), {**backed_off, "not_before": until})
        tx.execute(branch_rows.insert(), {**branch, "ref": "waits", "not_before": until})
        given_up = {**branch, "ref": "given up", "not_before": branches.NEVER}
        tx.execute(branch_rows.insert(), given_up)
        turn = {"work": "reconcile", "begun_at": until, "asked_at": until + 1, "done_at": until}
        tx.execute(schedule_rows.insert(), turn)


def waits(tables):
    with tables.connect() as reader:
        return (
            dict(reader.execute(sa.select(branch_rows.c.ref, branch_rows.c.not_before)).all()),
            reader.execute(sa.select(outbox_items.c.not_before)).scalar_one(),
            reader.execute(sa.select(folder_backoff.c.not_before)).scalar_one(),
            reader.execute(sa.select(outcomes.c.at)).scalar_one(),
            tuple(reader.execute(sa.select(schedule_rows).with_only_columns(*TURN)).one()),
        )


TURN = (schedule_rows.c.begun_at, schedule_rows.c.asked_at, schedule_rows.c.done_at)


def test_what_waits_is_done_at_once_after_the_clock_was_set_back(tables):
    clock = Clock()
    watch = clock.watch(tables)
    put_waits(tables, NOW + 30)

    clock.pass_by(5, set_by=-HOUR)
    watch.look()

    now = NOW + 5 - HOUR
    ended = {"waits": 0, "given up": branches.NEVER}
    assert waits(tables) == (ended, 0, 0, now, (0, 0, now))


@pytest.mark.parametrize("set_by", [HOUR, 0.0, -0.5])
def test_otherwise_what_waits_goes_on_waiting(tables, set_by):
    clock = Clock()
    watch = clock.watch(tables)
    put_waits(tables, NOW + 2 * HOUR)
    before = waits(tables)

    clock.pass_by(5, set_by=set_by)
    watch.look()

    assert waits(tables) == before


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_where_the_database_was_locked_the_next_look_makes_it_good(tables, database_url):
    clock, hasty = Clock(), open_engine(database_url, lock_wait_seconds=0.1)
    watch = clock.watch(hasty)
    put_waits(tables, NOW + 30)
    clock.pass_by(5, set_by=-HOUR)
    with tables.connect() as other:
        other.exec_driver_sql("begin immediate")
        with pytest.raises(sa.exc.OperationalError):
            watch.look()

    watch.look()

    hasty.dispose()
    assert waits(tables)[0]["waits"] == 0


def test_a_turn_that_was_begun_by_a_clock_set_back_since_can_be_asked_for(tables):
    now = time.time()
    with tables.begin() as tx:
        tx.execute(
            schedule_rows.insert(),
            {"work": "look", "begun_at": now + HOUR, "asked_at": 0, "done_at": 0},
        )
        schedule.ask(tx, "look", now=now)

        assert schedule.take(tx, "look", now=now, seconds=600)
