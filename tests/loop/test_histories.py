"""Histories that are no straight line, told in any order: reverts, replays, lag, lost branches."""

from __future__ import annotations

import contextlib
import sqlite3
import time

import pytest
from app_world import (
    FAST,
    checks,
    commit,
    completed,
    fill,
    heads,
    post,
    push_payload,
    settled,
    wait_for_heads,
)
from running import running_service, wait_until

from promotion.model import ZERO_SHA
from sandbox import world
from sandbox.github.git import git
from sandbox.sandbox import Options, open_sandbox

HEAD_OF_MAIN = "*/git/ref/heads/main"
NEVER = {**FAST, "BRICKPUSH_RECONCILE_SECONDS": "3600"}


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        fill(opened)
        yield opened


@pytest.fixture
def service(sandbox):
    """A service that compares once, at its start: what follows is the deliveries' own work."""
    with running_service(sandbox, **NEVER) as running:
        asked = f"/repos/{world.MAIN}/git/ref/heads/main"
        wait_until(
            lambda: any(asked in path for _, path, _ in sandbox.github.requests),
            what="the first comparison",
        )
        yield running


def move_branch(sandbox, sha):
    """Force-push on the server; nobody is told."""
    path = sandbox.github.repository(world.MAIN).path
    to = ("-d", "refs/heads/main") if sha == ZERO_SHA else ("refs/heads/main", sha)
    git.run(path, "update-ref", *to)


def there_and_back(sandbox, service, *, seconds=1):
    """Promote A, then push B and go back to A; return both, and the two pushes' payloads."""
    before, now = sandbox.github.head(world.MAIN, "main"), int(time.time())
    a = commit(sandbox, 1)
    post(sandbox, service, push_payload(sandbox, before, a, pushed_at=now - 60))
    assert conclusions(completed(sandbox, a)) == {"success"}
    settled(service)
    b = commit(sandbox, 2)
    move_branch(sandbox, a)
    there = push_payload(sandbox, a, b, pushed_at=now - seconds)
    return a, b, there, push_payload(sandbox, b, a, pushed_at=now)


def conclusions(runs):
    return {run.conclusion for run in runs.values()}


def row(service):
    """Return the commits that the service takes for the branch's newest push."""
    query = 'select "before", "after" from branches where ref = \'refs/heads/main\''
    with contextlib.closing(sqlite3.connect(service.directory / "brickpush.sqlite")) as reader:
        return reader.execute(query).fetchone()


def assert_ends_at(sandbox, service, a, b):
    """Everything is at A, A's checks are the truth, and B's say by what it is superseded."""
    settled(service)
    wait_until(
        lambda: all(run.status == "completed" for run in checks(sandbox, b).values()),
        what="the end of the checks",
    )
    assert heads(sandbox) == {a}
    assert conclusions(checks(sandbox, a)) == {"success"}
    assert conclusions(checks(sandbox, b)) <= {"cancelled"}
    assert {run.title for run in checks(sandbox, b).values()} <= {f"Superseded by {a[:7]}"}
    assert row(service)[1] == a


def test_a_revert_whose_deliveries_were_swapped_ends_at_the_head(sandbox, service):
    a, b, there, back = there_and_back(sandbox, service)

    post(sandbox, service, back)
    settled(service)
    post(sandbox, service, there)

    wait_until(lambda: checks(sandbox, b), what="what became of the push that was undone")
    assert_ends_at(sandbox, service, a, b)


@pytest.mark.slow
def test_a_revert_within_one_second_whose_deliveries_were_swapped_ends_at_the_head(
    sandbox, service
):
    a, b, there, back = there_and_back(sandbox, service, seconds=0)

    post(sandbox, service, back)
    settled(service)
    post(sandbox, service, there)

    wait_until(lambda: checks(sandbox, b), what="what became of the push that was undone")
    assert_ends_at(sandbox, service, a, b)


def test_a_push_that_was_undone_and_is_replayed_under_an_invented_guid_moves_nothing(
    sandbox, service
):
    a, b, there, back = there_and_back(sandbox, service)
    post(sandbox, service, there, guid="there")
    post(sandbox, service, back, guid="back")
    wait_until(lambda: checks(sandbox, b), what="what became of the push that was undone")
    assert_ends_at(sandbox, service, a, b)

    answer = post(sandbox, service, there, guid="invented")

    assert answer == (202, {"guid": "invented", "status": "duplicate"})
    assert_ends_at(sandbox, service, a, b)


@pytest.mark.slow
def test_a_push_that_was_undone_before_it_was_told_is_superseded_by_the_head(sandbox, service):
    a, b, there, back = there_and_back(sandbox, service)

    post(sandbox, service, there)
    wait_until(lambda: checks(sandbox, b), what="what became of the push that was undone")
    assert_ends_at(sandbox, service, a, b)
    post(sandbox, service, back)  # late

    assert_ends_at(sandbox, service, a, b)


@pytest.mark.slow
def test_a_rerun_of_the_commit_that_is_the_head_again_promotes_it(sandbox, service):
    a, b, there, _lost = there_and_back(sandbox, service)
    post(sandbox, service, there)
    wait_until(lambda: checks(sandbox, b), what="what became of the push that was undone")
    settled(service)

    sandbox.github.rerequest(next(iter(checks(sandbox, a).values())).id)

    wait_until(
        lambda: any(each.event == "check_run" for each in sandbox.github.deliveries),
        what="the request",
    )
    assert_ends_at(sandbox, service, a, b)


def test_a_push_that_githubs_replicas_show_later_is_waited_for(sandbox, service):
    before = sandbox.github.head(world.MAIN, "main")
    sha = commit(sandbox, 1)
    lag(sandbox, before, times=2)

    post(sandbox, service, push_payload(sandbox, before, sha))

    wait_for_heads(sandbox, sha)
    assert conclusions(completed(sandbox, sha)) == {"success"}
    settled(service)
    assert row(service) == (before, sha)


def lag(sandbox, sha, *, times=None):
    """Have GitHub answer with an older head of the branch."""
    found = {"ref": "refs/heads/main", "object": {"sha": sha, "type": "commit"}}
    return sandbox.github_faults.add(path=HEAD_OF_MAIN, status=200, body=found, times=times)


@pytest.mark.slow
def test_what_github_showed_too_late_is_mended_by_a_comparison(sandbox):
    with running_service(sandbox, **NEVER) as service:
        a, b, there, _lost = there_and_back(sandbox, service)
        lag(sandbox, b)  # and git, which Databricks asks, is not late
        post(sandbox, service, there)
        completed(sandbox, b)
        settled(service)
        assert (heads(sandbox), row(service)) == ({a}, (a, b))
    sandbox.github_faults.clear()

    with running_service(sandbox, **NEVER) as service:  # which compares at its start
        wait_until(lambda: row(service) == (b, a), what="the comparison")
        settled(service)

    assert heads(sandbox) == {a}
    assert conclusions(checks(sandbox, a)) == {"success"}


@pytest.mark.slow
def test_a_branch_that_was_deleted_before_its_push_was_told_moves_nothing(sandbox, service):
    before = sandbox.github.head(world.MAIN, "main")
    post(sandbox, service, push_payload(sandbox, ZERO_SHA, before))
    completed(sandbox, before)
    settled(service)
    sha = commit(sandbox, 1)
    move_branch(sandbox, ZERO_SHA)

    post(sandbox, service, push_payload(sandbox, before, sha))

    wait_until(lambda: row(service) == (sha, ZERO_SHA), what="the branch's end")
    settled(service)
    assert checks(sandbox, sha) == {}
    assert heads(sandbox) == {before}
