"""What no webhook told: deliveries that failed, and Git folders that fell behind."""

from __future__ import annotations

import pytest
from app_world import FAST, checks, commit, completed, counted, fill, heads, wait_for_heads
from nobody import NOBODY
from running import Developer, running_service, wait_until

from sandbox import world
from sandbox.sandbox import Options, open_sandbox


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        fill(opened)
        yield opened


def test_an_outage_ends_with_every_folder_at_its_head_and_a_check_on_each_newest(sandbox, tmp_path):
    fill(sandbox, branch="dev")
    developer = Developer(sandbox, tmp_path / "clone")
    for number in range(3):
        newest = developer.commit(f"{number}.txt")
        developer.push()
    developer.git("checkout", "-q", "dev")
    dev = developer.commit("dev.txt")
    developer.push()
    wait_until(lambda: len(sandbox.github.deliveries) >= 1, what="the failed deliveries")

    with running_service(sandbox, **FAST) as service:
        wait_for_heads(sandbox, newest, "etl-main")
        wait_for_heads(sandbox, dev, "etl-dev")
        on_main, on_dev = completed(sandbox, newest), completed(sandbox, dev)
        recovered = counted(service, "brickpush_recovered_deliveries_total")

    assert recovered >= 3
    for runs in (on_main, on_dev):
        assert {run.conclusion for run in runs.values()} == {"success"}


def test_a_failed_delivery_is_taken_from_githubs_log_and_the_check_says_so(sandbox, tmp_path):
    developer = Developer(sandbox, tmp_path / "clone")
    with running_service(sandbox, BRICKPUSH_RECONCILE_SECONDS="3600", **FAST) as service:
        wait_until(
            lambda: any("git/ref/heads" in path for _, path, _ in sandbox.github.requests),
            what="the first look and comparison",
        )
        hook, sandbox.github.hook_url = sandbox.github.hook_url, f"http://{NOBODY}/"
        sha = developer.commit()
        developer.push()
        wait_until(lambda: sandbox.github.deliveries, what="the failed delivery")
        sandbox.github.hook_url = hook

        runs = completed(sandbox, sha)
        recovered = counted(service, "brickpush_recovered_deliveries_total")

    assert heads(sandbox) == {sha}
    assert recovered == 1
    assert all(
        "GitHub could not deliver this push; it was found in the App's log" in run.summary
        for run in runs.values()
    )


def test_a_branch_that_nobody_pushed_to_us_is_reconciled(sandbox):
    sha = commit(sandbox, 1)

    with running_service(sandbox, **FAST):
        wait_for_heads(sandbox, sha)
        runs = completed(sandbox, sha)

    assert {run.title for run in runs.values()} == {f"2 of 2 Git folders at {sha[:7]}"}
    assert all("not told by a push" in run.summary for run in runs.values())


@pytest.mark.slow
def test_a_comparison_is_repeated_and_costs_no_calls_of_the_hour_where_nothing_changed(sandbox):
    with running_service(sandbox, BRICKPUSH_RECONCILE_SECONDS="1", **FAST):
        first = commit(sandbox, 1)
        wait_for_heads(sandbox, first)
        wait_until(
            lambda: [r for r in sandbox.github.requests if r[2] == 304], what="an answer 304"
        )
        second = commit(sandbox, 2)
        wait_for_heads(sandbox, second)
        completed(sandbox, second)

    assert checks(sandbox, second).keys() == {"dev", "prod"}


@pytest.mark.slow
def test_a_folder_that_cannot_move_is_not_tried_at_every_comparison(sandbox):
    place = sandbox.workspace("dev")
    sha = sandbox.github.commit(world.MAIN, "main", {world.EDITED_FILE: "rows = 7\n"}, "Change")
    place.write_file("/Repos/ada/etl-main", world.EDITED_FILE, "rows = 1000\n")

    with running_service(sandbox, BRICKPUSH_RECONCILE_SECONDS="2", **FAST) as service:
        runs = completed(sandbox, sha)
        tried = len([r for r in place.requests if r.method == "PATCH"])
        lists = len([r for r in place.requests if r.path.endswith("/repos")])
        wait_until(
            lambda: len([r for r in place.requests if r.path.endswith("/repos")]) > lists,
            what="another comparison",
        )
        runs_of_branch = counted(service, 'brickpush_runs_total{ending="finished"}')

    assert runs["dev"].conclusion == "action_required"
    assert len([r for r in place.requests if r.method == "PATCH"]) == tried
    assert runs_of_branch == 1


def test_a_new_installation_gets_its_followed_branches_promoted(sandbox):
    github = sandbox.github
    github.add_account("new-org")
    github.add_repository("new-org/lake")
    fill(sandbox, repository="new-org/lake")
    sha = commit(sandbox, 1, repository="new-org/lake")

    with running_service(sandbox, **FAST) as service:
        wait_until(
            lambda: any(path == "/api/v3/app/installations" for _, path, _ in github.requests),
            what="the first comparison",
        )
        assert sha not in heads(sandbox, "lake")
        github.add_installation("new-org")

        wait_for_heads(sandbox, sha, "lake")
        completed(sandbox, sha)
        assert counted(service, "brickpush_refused_total") == 0
