"""Events that say that something has ended are hints: GitHub is asked before a promotion stops."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import replace

import pytest
from app_world import (
    FAST,
    checks,
    commit,
    completed,
    delivered,
    fill,
    heads,
    post,
    push_payload,
    settled,
    wait_for_heads,
)
from running import running_service, wait_until
from variants import slow_after

from sandbox import world
from sandbox.sandbox import Options, open_sandbox

NEVER = {**FAST, "BRICKPUSH_RECONCILE_SECONDS": "3600"}


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        fill(opened)
        yield opened


@pytest.fixture
def service(sandbox):
    with running_service(sandbox, **NEVER) as running:
        wait_until(
            lambda: any("git/ref/heads" in path for _, path, _ in sandbox.github.requests),
            what="the first comparison",
        )
        yield running


def rows(service, query):
    with contextlib.closing(sqlite3.connect(service.directory / "brickpush.sqlite")) as reader:
        return reader.execute(query).fetchall()


def stopped(service):
    """Say whether a promotion was stopped because of an event."""
    note = "select note from deliveries where note like 'its promotion has stopped%'"
    return rows(service, note) != []


def repository_event(sandbox, action):
    """An event whose body nobody has delivered yet, signed by GitHub at some time."""
    payload = push_payload(sandbox, "0" * 40, "1" * 40)
    return {**payload, "action": action}


def installation_event(sandbox, action):
    account = {"login": world.ORGANIZATION}
    return {"action": action, "installation": {"id": sandbox.installation_id, "account": account}}


def failed_once(sandbox, service):
    """Let GitHub be away for a push's first try; return its commit, which waits for the next."""
    before = sandbox.github.head(world.MAIN, "main")
    sha = commit(sandbox, 1)
    sandbox.github_faults.add(path="*/git/ref/*", status=503, times=None)
    post(sandbox, service, push_payload(sandbox, before, sha))
    wait_until(lambda: "promotion.failed" in service.log.read_text(), what="the first try")
    return sha


OLD_EVENTS = [
    pytest.param("repository", repository_event, "archived", id="archived"),
    pytest.param("repository", repository_event, "deleted", id="deleted"),
    pytest.param("installation", installation_event, "deleted", id="uninstalled"),
    pytest.param("installation", installation_event, "suspend", id="suspended"),
]


@pytest.mark.parametrize(("event", "body", "action"), slow_after(1, OLD_EVENTS))
def test_an_event_of_long_ago_stops_no_promotion(sandbox, service, event, body, action):
    sha = failed_once(sandbox, service)

    status, answer = post(sandbox, service, body(sandbox, action), event=event)
    sandbox.github_faults.clear()

    assert (status, answer["status"]) == (202, "accepted")
    wait_until(
        lambda: stopped(service) or heads(sandbox) == {sha}, what="the promotion, or its end"
    )
    assert not stopped(service)
    assert {run.conclusion for run in completed(sandbox, sha).values()} == {"success"}
    settled(service)
    assert rows(service, "select hint from branches") == [(None,)]


def test_a_body_that_was_accepted_once_is_a_duplicate_under_any_guid(sandbox, service):
    sandbox.github.archive_repository(world.MAIN)
    delivered(sandbox, "repository", "archived")
    sandbox.github.unarchive_repository(world.MAIN)
    delivered(sandbox, "repository", "unarchived")
    [archived] = [each for each in sandbox.github.deliveries if each.action == "archived"]
    sha = failed_once(sandbox, service)
    sandbox.github_faults.clear()
    stored = rows(service, "select count(*) from deliveries")

    answer = replay(sandbox, archived)

    assert answer == {"guid": "invented", "status": "duplicate"}
    assert rows(service, "select count(*) from deliveries") == stored
    wait_for_heads(sandbox, sha)
    completed(sandbox, sha)


def replay(sandbox, delivery):
    """Deliver the very bytes that GitHub signed under an invented guid; return the answer."""
    log = sandbox.github.app.deliveries
    log.redeliver(replace(delivery, guid="invented"))
    found = wait_until(
        lambda: [each for each in sandbox.github.deliveries if each.guid == "invented"],
        what="the answer",
    )
    return json.loads(found[0].response_body)


def test_what_github_confirms_stops_the_promotion_and_is_noted(sandbox, service):
    sha, before = failed_once(sandbox, service), heads(sandbox)

    sandbox.github.archive_repository(world.MAIN)
    delivered(sandbox, "repository", "archived")

    settled(service)
    notes = rows(service, "select note from deliveries where event = 'push'")
    assert notes == [("its promotion has stopped: octo-org/etl is archived",)]
    assert heads(sandbox) == before
    assert checks(sandbox, sha) == {}


@pytest.mark.slow
def test_while_github_can_not_be_asked_nothing_stops(sandbox, service):
    sha = failed_once(sandbox, service)
    away = sandbox.github_faults.add(path="*/installation", status=503, times=None)

    post(sandbox, service, repository_event(sandbox, "archived"), event="repository")

    wait_until(lambda: away.hits, what="the question")
    sandbox.github_faults.clear()
    wait_for_heads(sandbox, sha)
    completed(sandbox, sha)


def test_a_repository_is_forgotten_once_github_confirms_that_it_is_gone(sandbox, service):
    before = sandbox.github.head(world.MAIN, "main")
    post(sandbox, service, push_payload(sandbox, "0" * 40, before))
    completed(sandbox, before)
    settled(service)
    kept = "select (select count(*) from branches), (select count(*) from repository_names)"

    post(sandbox, service, repository_event(sandbox, "deleted"), event="repository")
    hints = "select hint from branches"
    wait_until(lambda: rows(service, hints) != [("deleted",)], what="GitHub's answer")
    assert rows(service, hints) == [(None,)]
    assert rows(service, kept) == [(1, 1)]
    sandbox.github.app.events = ("push",)
    sandbox.github.remove_repository_from_installation(sandbox.installation_id, world.MAIN)
    again = {**repository_event(sandbox, "deleted"), "sender": {"login": "octocat"}}
    post(sandbox, service, again, event="repository")

    wait_until(lambda: rows(service, kept) == [(0, 0)], what="nothing to be kept")


@pytest.mark.slow
def test_what_failed_while_a_repository_was_away_is_promoted_when_it_comes_back(sandbox, service):
    github, installation = sandbox.github, sandbox.installation_id
    github.remove_repository_from_installation(installation, world.MAIN)
    delivered(sandbox, "installation_repositories", "removed")
    before = github.head(world.MAIN, "main")
    sha = commit(sandbox, 1)
    post(sandbox, service, push_payload(sandbox, before, sha))
    wait_until(
        lambda: rows(service, "select attempts from branches") >= [(2,)], what="the second try"
    )

    github.add_repository_to_installation(installation, world.MAIN)

    wait_for_heads(sandbox, sha, seconds=20)  # the third try would come after 30 s
    assert {run.conclusion for run in completed(sandbox, sha).values()} == {"success"}
