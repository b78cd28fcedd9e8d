"""Each branch or tag has a report of its own on a commit, in each workspace that it moves."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from app_world import FAST, checks, completed, fill, post, settled, wait_for_heads
from running import Developer, running_service, wait_until

from sandbox import world
from sandbox.sandbox import Options, open_sandbox

QUIET = {**FAST, "BRICKPUSH_RECONCILE_SECONDS": "3600"}


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        fill(opened)
        fill(opened, branch="dev", people=("grace",))
        yield opened


@pytest.fixture
def service(sandbox):
    with running_service(sandbox, **QUIET) as running:
        yield running


@pytest.fixture
def developer(sandbox, tmp_path):
    return Developer(sandbox, tmp_path / "clone")


def on(sandbox, sha):
    return [run for run in sandbox.github.check_runs if run.head_sha == sha]


def pushes_delivered(sandbox, service, count):
    def arrived():
        return len([d for d in sandbox.github.deliveries if d.event == "push"]) >= count

    wait_until(arrived, what=f"{count} deliveries")
    settled(service)


def a_conflict(sandbox, developer):
    """Push a change to a file that somebody edits in one Git folder of dev; return the commit."""
    place = sandbox.workspace("dev")
    place.write_file("/Repos/ada/etl-main", world.EDITED_FILE, "rows = 1000\n")
    sha = developer.commit(world.EDITED_FILE, "rows = 7\n")
    developer.push()
    completed(sandbox, sha)
    return sha


def test_a_branch_that_nobody_follows_leaves_the_commits_check_alone(sandbox, service, developer):
    sha = a_conflict(sandbox, developer)
    before = on(sandbox, sha)

    developer.push("origin", "main:feature/x")
    pushes_delivered(sandbox, service, 2)

    assert {run.conclusion for run in before} == {"action_required", "success"}
    assert on(sandbox, sha) == before


def test_a_second_branch_at_the_commit_has_a_check_of_its_own(sandbox, service, developer):
    sha = a_conflict(sandbox, developer)
    before = on(sandbox, sha)

    developer.push("-f", "origin", "main:dev")
    wait_for_heads(sandbox, sha, "etl-dev")
    pushes_delivered(sandbox, service, 2)
    wait_until(
        lambda: len([run for run in on(sandbox, sha) if run not in before and run.conclusion]) == 2,
        what="the second branch's checks",
    )

    added = [run for run in on(sandbox, sha) if run not in before]
    assert before == [run for run in on(sandbox, sha) if run in before]
    assert {run.title for run in added} == {f"1 of 1 Git folder at {sha[:7]}"}
    assert not {run.name for run in added} & {run.name for run in before}


@pytest.mark.parametrize(
    "answer", [422, *(pytest.param(each, marks=pytest.mark.slow) for each in (404, 410))]
)
def test_a_check_run_that_github_does_not_take_for_a_while_ends_all_the_same(
    sandbox, service, developer, answer
):
    struck = sandbox.github_faults.add(
        method="PATCH", path="*/check-runs/*", status=answer, times=10
    )

    sha = developer.commit("a.txt")
    developer.push()
    wait_for_heads(sandbox, sha, "etl-main")
    wait_until(lambda: struck.hits >= 4, what="refusals, at first and later")
    sandbox.github_faults.clear()

    runs = completed(sandbox, sha)
    assert {run.conclusion for run in runs.values()} == {"success"}


def waiting_reports(service, *, tries):
    """Return how many reports wait after so many tries, or more."""
    query = "select count(*) from outbox_items where attempts >= ?"
    with contextlib.closing(sqlite3.connect(service.directory / "brickpush.sqlite")) as reader:
        return reader.execute(query, (tries,)).fetchone()[0]


def test_a_report_that_waits_is_dropped_where_the_commit_is_promoted_again(
    sandbox, service, developer
):
    place = sandbox.workspace("dev")
    place.write_file("/Repos/ada/etl-main", world.EDITED_FILE, "rows = 1000\n")
    sandbox.github_faults.add(method="PATCH", path="*/check-runs/*", status=500, times=None)
    sha = developer.commit(world.EDITED_FILE, "rows = 7\n")
    developer.push()
    wait_until(lambda: waiting_reports(service, tries=1) == 2, what="reports that wait")
    sandbox.github_faults.clear()
    place.write_file("/Repos/ada/etl-main", world.EDITED_FILE, "rows = 1\n")

    [pushed] = [each for each in sandbox.github.deliveries if each.event == "push"]
    post(sandbox, service, pushed.payload, guid=pushed.guid)
    wait_for_heads(sandbox, sha, "etl-main")
    wait_until(lambda: waiting_reports(service, tries=0) == 0, what="the end of what waited")
    settled(service)

    assert {run.conclusion for run in checks(sandbox, sha).values()} == {"success"}


def test_where_one_is_wanted_always_a_push_that_moves_nothing_has_a_neutral_check(
    sandbox, developer
):
    always = {**QUIET, "BRICKPUSH_GITHUB__CHECK_RUNS": "always"}
    with running_service(sandbox, **always):
        developer.push("origin", "main:feature/x")
        runs = completed(sandbox, developer.git("rev-parse", "HEAD"))

    assert {run.name for run in runs.values()} == {
        "Brickpush / dev / feature/x",
        "Brickpush / prod / feature/x",
    }
    assert {(run.conclusion, run.title) for run in runs.values()} == {
        ("neutral", "No Git folder moves for feature/x")
    }
