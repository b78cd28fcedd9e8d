"""One promotion for each branch, and the newest wins: through the whole service."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from app_world import (
    FAST,
    checks,
    commit,
    completed,
    counted,
    fill,
    heads,
    post,
    push_payload,
    settled,
    wait_for_heads,
)
from running import running_service, wait_until

from sandbox import world
from sandbox.sandbox import Options, open_sandbox

FINISHED = 'brickpush_runs_total{ending="finished"}'


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with open_sandbox(tmp_path_factory.mktemp("sandbox"), Options(empty=True)) as opened:
        fill(opened)
        fill(opened, branch="dev")
        yield opened


@pytest.fixture(scope="module")
def service(sandbox):
    # No comparison but the first: what follows must be the pushes' own work.
    with running_service(sandbox, BRICKPUSH_RECONCILE_SECONDS="3600", **FAST) as running:
        wait_until(
            lambda: any("git/ref/heads" in path for _, path, _ in sandbox.github.requests),
            what="the first comparison",
        )
        yield running


def commits(sandbox, count, **where):
    """Make commits one after the other; return the branch's head before them, and them."""
    branch = where.get("branch", "main")
    before = sandbox.github.head(world.MAIN, branch)
    started = time.time_ns()
    return [before, *(commit(sandbox, started + number, **where) for number in range(count))]


def pushes(sandbox, chain, **where):
    return [push_payload(sandbox, before, after, **where) for before, after in pairwise(chain)]


def patches(sandbox, name):
    ids = {str(f.id) for w in sandbox.workspaces for f in w.folders() if name in f.path}
    return sum(
        request.method == "PATCH" and request.path.rpartition("/")[2] in ids
        for workspace in sandbox.workspaces
        for request in workspace.requests
    )


@pytest.mark.slow
def test_a_quick_series_of_pushes_ends_at_the_newest_and_tells_each_commit(sandbox, service):
    chain = commits(sandbox, 50)
    bodies = pushes(sandbox, chain)

    statuses = [post(sandbox, service, body)[0] for body in bodies]
    wait_for_heads(sandbox, chain[-1], "main")
    runs = completed(sandbox, chain[-1])
    for sha in chain[1:-1]:
        completed(sandbox, sha, count=1)
    settled(service)

    assert set(statuses) == {202}
    assert {run.title for run in runs.values()} == {f"2 of 2 Git folders at {chain[-1][:7]}"}
    superseded = {
        (run.status, run.conclusion, run.title.partition(" by ")[0])
        for sha in chain[1:-1]
        for run in checks(sandbox, sha).values()
        if run.conclusion != "success"
    }
    assert superseded == {("completed", "cancelled", "Superseded")}


@pytest.mark.slow
def test_a_burst_while_a_promotion_runs_costs_one_more_round(sandbox, service):
    chain = commits(sandbox, 201, branch="dev")
    first, *rest = pushes(sandbox, chain, branch="dev")
    before, finished = patches(sandbox, "dev"), counted(service, FINISHED)
    for workspace in sandbox.workspaces:
        workspace.faults.latency_seconds = 0.8
    post(sandbox, service, first)
    wait_until(lambda: checks(sandbox, chain[1]), what="the first promotion")
    with ThreadPoolExecutor(8) as senders:
        list(senders.map(lambda body: post(sandbox, service, body), rest))
    for workspace in sandbox.workspaces:
        workspace.faults.latency_seconds = 0.0

    wait_for_heads(sandbox, chain[-1], "dev")
    completed(sandbox, chain[-1])
    settled(service)
    wait_until(
        lambda: all(checks(sandbox, sha) for sha in chain[1:]), what="a check on each commit"
    )

    assert counted(service, FINISHED) - finished <= 3
    assert patches(sandbox, "dev") - before <= 3 * 4
    assert {run.title for run in checks(sandbox, chain[100]).values()} == {
        f"Superseded by {chain[-1][:7]}"
    }


@pytest.mark.slow
def test_a_steady_stream_starves_nobody(sandbox, service):
    chain = [sandbox.github.head(world.MAIN, "main")]
    ended, seen = threading.Event(), set()

    def watch():
        while not ended.wait(0.02):
            seen.update(heads(sandbox, "main"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    finished = counted(service, FINISHED)
    for _ in range(30):
        chain += commits(sandbox, 1)[1:]
        post(sandbox, service, pushes(sandbox, chain[-2:])[0])
        time.sleep(0.1)
    during = counted(service, FINISHED) - finished
    promoted = seen & set(chain[1:])
    other = commits(sandbox, 1, branch="dev")
    post(sandbox, service, pushes(sandbox, other, branch="dev")[0])
    wait_for_heads(sandbox, other[-1], "dev")
    wait_for_heads(sandbox, chain[-1], "main")
    ended.set()
    watcher.join()

    assert during >= 2
    assert len(promoted) >= 2  # in the middle of it, Git folders moved, not only at its end
    assert seen <= set(chain)


def test_a_duplicate_does_nothing(sandbox, service):
    settled(service)
    chain, finished = commits(sandbox, 1), counted(service, FINISHED)
    [body] = pushes(sandbox, chain)
    post(sandbox, service, body, guid="one-event")
    wait_for_heads(sandbox, chain[-1], "main")
    wait_until(lambda: counted(service, FINISHED) > finished, what="the end of the promotion")
    before, finished = patches(sandbox, "main"), counted(service, FINISHED)

    answer = post(sandbox, service, body, guid="one-event")

    settled(service)
    assert answer == (202, {"guid": "one-event", "status": "duplicate"})
    assert (patches(sandbox, "main"), counted(service, FINISHED)) == (before, finished)


def test_a_redelivery_after_a_failure_is_let_through(sandbox, service):
    place = sandbox.workspace("dev")
    place.write_file("/Repos/ada/etl-main", "jobs/conflict.py", "rows = 1000\n")
    before = sandbox.github.head(world.MAIN, "main")
    files = {"jobs/conflict.py": "rows = 7\n"}
    sha = sandbox.github.commit(world.MAIN, "main", files, "Change what somebody edits")
    body = push_payload(sandbox, before, sha)
    post(sandbox, service, body, guid="failed-event")
    failed = completed(sandbox, sha)["dev"]
    settled(service)
    (place.directory_of("/Repos/ada/etl-main") / "jobs/conflict.py").unlink()

    answer = post(sandbox, service, body, guid="failed-event")

    wait_for_heads(sandbox, sha, "main")
    assert failed.conclusion == "action_required"
    assert answer[1]["status"] == "accepted"


def test_deliveries_out_of_order_move_nothing_back_and_name_the_newest(sandbox, service):
    chain = commits(sandbox, 3)
    first, second, third = pushes(sandbox, chain, pushed_at=int(time.time()))
    settled(service)

    post(sandbox, service, third)
    wait_for_heads(sandbox, chain[3], "main")
    completed(sandbox, chain[3])
    first["repository"]["pushed_at"] -= 2
    post(sandbox, service, first)
    post(sandbox, service, second)
    wait_until(lambda: checks(sandbox, chain[1]) and checks(sandbox, chain[2]), what="the checks")
    settled(service)

    assert heads(sandbox, "main") == {chain[3]}
    for sha in chain[1:3]:
        assert {run.title for run in checks(sandbox, sha).values()} == {
            f"Superseded by {chain[3][:7]}"
        }
    assert {run.conclusion for run in checks(sandbox, chain[3]).values()} == {"success"}
