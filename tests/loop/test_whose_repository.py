"""Names that a repository had: whoever has one now, nothing of theirs is promoted for it."""

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
    counted,
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

from sandbox.sandbox import Options, open_sandbox

OLD, NEW = "bob-org/tool", "octo-org/tool"
ENDED = "brickpush_runs_total"
NEVER = {**FAST, "BRICKPUSH_RECONCILE_SECONDS": "3600"}


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        yield opened


@pytest.fixture
def bobs(sandbox):
    """The installation of a repository that goes to another organization, and is followed."""
    installation = sandbox.github.add_organization("bob-org")
    sandbox.github.add_repository(OLD)
    fill(sandbox, repository=OLD, people=("bob",))
    return installation


@pytest.fixture
def service(sandbox, bobs):
    with running_service(sandbox, **NEVER) as running:
        yield running


def tell(sandbox, service):
    """Commit to octo-org/tool, and tell it."""
    before = sandbox.github.head(NEW, "main")
    sha = commit(sandbox, time.time_ns(), repository=NEW)
    post(sandbox, service, push_payload(sandbox, before, sha, repository=NEW))
    return sha


def transfer(sandbox, service):
    """Give the repository to octo-org, and have its Git folders follow by the former name."""
    sandbox.github.transfer_repository(OLD, "octo-org")
    delivered(sandbox, "repository", "transferred")
    sha = tell(sandbox, service)
    wait_for_heads(sandbox, sha, "tool")
    assert {run.conclusion for run in completed(sandbox, sha).values()} == {"success"}
    settled(service)
    return sha


def give_to_a_stranger(sandbox, bobs, *, private=False):
    """Let somebody who has not installed the App make a repository of the former name."""
    sandbox.github.uninstall(bobs)
    sandbox.github.add_repository(OLD, private=private)
    return commit(sandbox, "theirs", repository=OLD)


def read(service, query):
    with contextlib.closing(sqlite3.connect(service.directory / "brickpush.sqlite")) as reader:
        return [value for (value,) in reader.execute(query)]


def names(service):
    return set(read(service, "select full_name from repository_names"))


def updates(sandbox):
    seen = [request for workspace in sandbox.workspaces for request in workspace.requests]
    return sum(each.method == "PATCH" and "/repos/" in each.path for each in seen)


@pytest.mark.parametrize("private", slow_after(1, [False, True]))
def test_a_former_name_in_a_strangers_hands_brings_nothing_of_theirs(
    sandbox, service, bobs, private
):
    ours, sent = transfer(sandbox, service), updates(sandbox)
    theirs = give_to_a_stranger(sandbox, bobs, private=private)
    delivered(sandbox, "installation", "deleted")
    ended = counted(service, ENDED)

    sha = tell(sandbox, service)

    wait_until(lambda: counted(service, ENDED) > ended, what="the end of the run")
    assert heads(sandbox, "tool") == {ours} != {theirs}
    assert updates(sandbox) == sent
    assert "success" not in {run.conclusion for run in checks(sandbox, sha).values()}
    assert names(service) == {NEW}


def test_a_comparison_goes_by_no_name_that_leads_to_a_stranger(sandbox, bobs):
    with running_service(sandbox, **NEVER) as service:
        ours = transfer(sandbox, service)
    sent, sandbox.github.hook_url = updates(sandbox), None
    give_to_a_stranger(sandbox, bobs)
    commit(sandbox, "ours", repository=NEW)
    fill(sandbox, people=("bob",))
    found = commit(sandbox, 1)  # by the same comparison

    with running_service(sandbox, **NEVER) as service:
        wait_for_heads(sandbox, found, "etl")
        settled(service)
        known = names(service)
        marked = read(service, "select repository_id from deliveries where event = 'reconcile'")

    assert heads(sandbox, "tool") == {ours}
    assert updates(sandbox) == sent + 2
    assert OLD not in known
    assert sandbox.github.repository(NEW).id not in marked


@pytest.mark.slow
def test_where_github_can_not_say_whose_a_name_is_the_push_waits(sandbox, service, bobs):
    transfer(sandbox, service)
    away = sandbox.github_faults.add(path=f"*/repos/{OLD}", status=503, times=None)

    sha = tell(sandbox, service)

    wait_until(lambda: away.hits, what="the question")
    wait_until(lambda: "promotion.failed" in service.log.read_text(), what="the first try")
    assert sha not in heads(sandbox, "tool")
    sandbox.github_faults.clear()
    wait_for_heads(sandbox, sha, "tool")
    assert {run.conclusion for run in completed(sandbox, sha).values()} == {"success"}


@pytest.mark.slow
def test_a_rerun_under_a_name_that_another_repository_has_got_moves_nothing_of_it(sandbox):
    """Both are the same organization's: no event told that the first one was renamed."""
    github = sandbox.github
    github.add_repository(NEW)
    with running_service(sandbox, **NEVER) as service:
        first = tell(sandbox, service)
        settled(service)
    asked = push_payload(sandbox, "0" * 40, first, repository=NEW)
    asked |= {"action": "rerequested", "check_suite": {"head_sha": first, "app": {}}}
    github.app.events = ("push",)
    github.rename_repository(NEW, "tool-of-before")
    github.add_repository(NEW)
    fill(sandbox, repository=NEW, people=("eve",))
    second = commit(sandbox, 1, repository=NEW)

    with running_service(sandbox, **NEVER) as service:
        wait_for_heads(sandbox, second, "tool")
        completed(sandbox, second)
        settled(service)
        sent, ended = updates(sandbox), counted(service, ENDED)
        post(sandbox, service, asked, event="check_suite")
        wait_until(lambda: counted(service, ENDED) > ended, what="the end of the run")

    assert updates(sandbox) == sent
    assert "now names another repository" in service.log.read_text()
