"""When a periodic work has its turn."""

from __future__ import annotations

import pytest

from github_app.storage import schedule

WORK, SECONDS = "compare", 60.0


@pytest.fixture
def tx(tables):
    """A database in which the work was asked for at 100 s, and its turn taken."""
    with tables.begin() as opened:
        schedule.ask(opened, WORK, now=100.0)
        assert schedule.take(opened, WORK, now=100.0, seconds=SECONDS)
        yield opened


def taken(tx, *times):
    return [now for now in times if schedule.take(tx, WORK, now=now, seconds=SECONDS)]


def test_a_turn_comes_by_itself_once_in_its_time(tx):
    assert taken(tx, 101.0, 159.0, 160.0, 161.0, 219.0, 220.0) == [160.0, 220.0]


def test_a_turn_that_is_asked_for_comes_at_once_and_once(tx):
    schedule.ask(tx, WORK, now=110.0)

    assert taken(tx, 110.0, 111.0, 169.0, 170.0) == [110.0, 170.0]


def test_what_nobody_asked_for_yet_has_no_turn(tx):
    assert not schedule.take(tx, "another", now=1000.0, seconds=SECONDS)


def test_after_a_failure_the_next_turn_comes_sooner_and_not_at_once(tx):
    schedule.failed(tx, WORK, taken_at=100.0, sooner=40.0)

    assert taken(tx, 119.0, 120.0, 121.0) == [120.0]


def test_a_turn_that_was_asked_for_meanwhile_comes_at_once_after_a_failure(tx):
    schedule.ask(tx, WORK, now=110.0)
    schedule.failed(tx, WORK, taken_at=100.0, sooner=0.0)

    assert taken(tx, 111.0, 112.0) == [111.0]


def test_only_a_turn_that_ended_well_is_the_last_one_done(tx):
    before = schedule.last_done(tx, WORK)
    schedule.done(tx, WORK, taken_at=100.0)
    schedule.failed(tx, WORK, taken_at=160.0, sooner=0.0)

    assert (before, schedule.last_done(tx, WORK)) == (0.0, 100.0)
