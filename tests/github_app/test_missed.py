"""What is read from GitHub's log, by whose clock, and how far back."""

from __future__ import annotations

import time

import pytest
from builders import StillClock
from running import wait_until

from github_app.github.app import GitHubApp
from github_app.recovery.missed_deliveries import (
    OVERLAP_SECONDS,
    MissedDeliveries,
    first_unread,
    next_cursor,
)
from github_app.runtime.metrics import Metrics
from github_app.storage.tables import deliveries
from github_app.webhooks.admission import Admission
from promotion.http import open_session
from sandbox.github.server import GitHub
from sandbox.github.state.deliveries import ENTERPRISE_RETENTION
from sandbox.serving import Listener

DAY = 24 * 3600.0


@pytest.fixture
def github(tmp_path):
    """A GitHub whose webhooks reach nobody."""
    listening = Listener(None)
    opened = GitHub(tmp_path / "github", url=listening.url)
    listening.serve(opened.asgi)
    opened.add_organization("octo-org")
    opened.add_repository("octo-org/etl")
    yield opened
    opened.close()
    listening.close()


@pytest.fixture
def open_missed(github, tables):
    """Return a function that opens the search, of a machine whose clock is *ahead* of GitHub's."""
    stored, metrics = [], Metrics()
    with open_session(None) as session:

        def open_it(ahead=0.0, admission=None):
            app = GitHubApp(
                github.url,
                app_id=github.app_id,
                private_key=github.private_key_path.read_text(),
                session=session,
                clock=StillClock(),
                now=lambda: time.time() + github.clock_skew + ahead,
            )
            missed = MissedDeliveries(
                tables, app, stored.append, admission=admission or Admission(), metrics=metrics
            )
            return missed, stored

        yield open_it


def fail(github, day=0.0):
    """Let one delivery fail at some day."""
    github.clock_skew, before = day * DAY, len(github.deliveries)
    github.archive_repository("octo-org/etl")
    wait_until(lambda: len(github.deliveries) > before, what="the failed delivery")
    return github.deliveries[-1].guid


def guids(stored):
    return [delivery.guid for delivery in stored]


@pytest.mark.parametrize("ahead", [0, 30, 1800, -300, -1800, 6 * 3600])
def test_what_failed_since_the_last_look_is_found_whatever_this_machines_clock_says(
    github, open_missed, ahead
):
    missed, stored = open_missed(ahead)
    last_look = time.time() + ahead  # as this machine wrote it down
    failed = fail(github)

    missed.look(first_unread(last_look))

    assert guids(stored) == [failed]
    assert [delivery.recovered for delivery in stored] == [True]


def test_a_log_of_seven_days_is_read_to_its_end(github, open_missed):
    github.app.deliveries.retention = ENTERPRISE_RETENTION
    missed, stored = open_missed()
    began = time.time()
    failed = [fail(github, day) for day in (1, 3, 6.5, 8)]
    github.clock_skew = 9 * DAY

    missed.look(first_unread(began))

    assert guids(stored) == failed[1:]  # the first has left the log


def test_what_was_looked_through_is_not_read_again(github, open_missed):
    missed, stored = open_missed()
    fail(github)
    later = fail(github, 1)

    missed.look(first_unread(time.time() + DAY - 60))

    assert guids(stored) == [later]
    assert first_unread(DAY) == DAY - OVERLAP_SECONDS


def test_what_a_stranger_missed_is_not_taken_in(github, open_missed):
    missed, stored = open_missed(admission=Admission(allowed_owners=["somebody-else"]))
    began = time.time()
    fail(github)

    missed.look(first_unread(began))

    assert stored == []


def test_what_is_stored_already_is_not_taken_in_again(github, open_missed, tables):
    """We stored it, and our answer came too late for GitHub."""
    missed, stored = open_missed()
    began = time.time()
    known, other = fail(github), fail(github, 0.01)
    with tables.begin() as tx:
        row = {"guid": known, "event": "repository", "received_at": began}
        tx.execute(deliveries.insert().values(**row))

    found = missed.look(first_unread(began))

    assert (found, guids(stored)) == (1, [other])


@pytest.mark.parametrize(
    ("link", "cursor"),
    [
        ("", ""),
        (
            '<https://api.github.com/app/hook/deliveries?per_page=100&cursor=v1_7>; rel="next"',
            "v1_7",
        ),
        ('<https://h/x?cursor=v1_1>; rel="first", <https://h/x?cursor=v1_9>; rel="next"', "v1_9"),
        ('<https://h/x?cursor=v1_1>; rel="prev"', ""),
    ],
)
def test_the_next_page_is_named_by_its_cursor(link, cursor):
    assert next_cursor(link) == cursor
