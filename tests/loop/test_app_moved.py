"""A repository was renamed or transferred, and no webhook told it: old names lead on."""

from __future__ import annotations

import pytest
from app_world import (
    FAST,
    checks,
    commit,
    completed,
    counted,
    fill,
    push,
    settled,
    wait_for_heads,
)
from running import Developer, running_service, wait_until

from sandbox import world
from sandbox.sandbox import Options, open_sandbox

NEW = "octo-org/etl-renamed"


@pytest.fixture
def sandbox(tmp_path):
    """Git folders with today's URLs, and an App that hears of pushes only."""
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        fill(opened)
        opened.github.app.events = ("push",)
        yield opened


@pytest.fixture
def service(sandbox):
    with running_service(sandbox, **FAST) as running:
        yield running


def rename(sandbox):
    sandbox.github.rename_repository(world.MAIN, "etl-renamed")


def repositories(runs):
    return {run.repository for run in runs.values()}


def statuses(sandbox, part):
    return {status for _, path, status in sandbox.github.requests if part in path}


def test_a_push_under_the_new_name_moves_the_folders_that_hold_the_old_one(
    sandbox, service, tmp_path
):
    developer = Developer(sandbox, tmp_path / "clone")
    completed(sandbox, push(sandbox, service))
    rename(sandbox)

    developer.git("pull", "-q")
    sha = developer.commit()
    developer.push()  # to the old address: git follows

    wait_for_heads(sandbox, sha)
    runs = completed(sandbox, sha)
    assert repositories(runs) == {NEW}
    assert {run.conclusion for run in runs.values()} == {"success"}
    assert {folder.url for w in sandbox.workspaces for folder in w.folders()} == {
        f"{sandbox.github.url}/{world.MAIN}.git"
    }


def test_a_comparison_learns_from_githubs_redirect_what_an_old_name_means(sandbox):
    rename(sandbox)
    sha = commit(sandbox, 1, repository=NEW)

    with running_service(sandbox, **FAST) as service:
        wait_for_heads(sandbox, sha)
        found = completed(sandbox, sha)
        settled(service)
        told = push(sandbox, service, repository=NEW)
        wait_for_heads(sandbox, told)
        completed(sandbox, told)

    assert repositories(found) == {NEW}
    assert all("not told by a push" in run.summary for run in found.values())
    assert 301 in statuses(sandbox, f"/repos/{world.MAIN}")
    assert "name.learnt" in service.log.read_text()


def test_a_rerun_after_a_rename_that_nobody_told_writes_where_the_repository_is(sandbox):
    with running_service(sandbox, **FAST) as service:
        sha = push(sandbox, service)
        run = completed(sandbox, sha)["dev"]
        settled(service)
    rename(sandbox)

    with running_service(sandbox, **FAST) as service:  # it has no token for the old name
        sandbox.github.rerequest(run.id)
        wait_until(
            lambda: counted(service, 'brickpush_runs_total{ending="finished"}') == 1, what="a run"
        )
        failed = counted(service, 'brickpush_runs_total{ending="failed"}')

    assert "github.found_again" in service.log.read_text()
    assert {each.conclusion for each in checks(sandbox, sha).values()} == {"success"}
    assert failed == 0


def test_a_token_for_the_old_name_writes_through_the_redirect(sandbox, service):
    sha = push(sandbox, service)
    run = completed(sandbox, sha)["dev"]
    settled(service)
    rename(sandbox)

    sandbox.github.rerequest(run.id)
    wait_until(
        lambda: counted(service, 'brickpush_runs_total{ending="finished"}') == 2, what="a run"
    )

    assert 307 in statuses(sandbox, "/check-runs")
    assert {each.conclusion for each in checks(sandbox, sha).values()} == {"success"}


def test_a_transfer_that_nobody_told_is_followed_by_a_comparison(sandbox):
    sandbox.github.add_organization("hub-org")
    sandbox.github.transfer_repository(world.MAIN, "hub-org")
    sha = commit(sandbox, 1, repository="hub-org/etl")

    with running_service(sandbox, **FAST):
        wait_for_heads(sandbox, sha)
        runs = completed(sandbox, sha)

    assert repositories(runs) == {"hub-org/etl"}
    assert {run.conclusion for run in runs.values()} == {"success"}
