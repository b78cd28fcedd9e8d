"""A commit that its branch loses while its promotion runs."""

from __future__ import annotations

import subprocess

import pytest
from app_world import (
    FAST,
    commit,
    completed,
    fill,
    heads,
    post,
    push,
    push_payload,
    wait_for_heads,
)
from running import running_service, wait_until

from sandbox import world
from sandbox.sandbox import Options, open_sandbox


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        fill(opened)
        yield opened


def force(sandbox, sha):
    """Move main to a commit that another branch has; nobody is told."""
    path = sandbox.github.repository(world.MAIN).path
    command = ("git", f"--git-dir={path}", "update-ref", "refs/heads/main", sha)
    subprocess.run(command, check=True, timeout=30)


def test_a_commit_that_was_force_pushed_away_during_its_promotion_is_no_success(sandbox):
    kept = commit(sandbox, "kept", branch="beside")
    for workspace in sandbox.workspaces:
        workspace.latency.patch = 3.0
    with running_service(sandbox, **FAST) as service:
        dropped = push(sandbox, service)
        wait_until(lambda: all(map(under_way, sandbox.workspaces)), what="updates under way")
        force(sandbox, kept)
        told = {(run.conclusion, run.title) for run in completed(sandbox, dropped).values()}
        post(sandbox, service, push_payload(sandbox, dropped, kept, forced=True))
        wait_for_heads(sandbox, kept)
        won = completed(sandbox, kept)
        lost = completed(sandbox, dropped)

    assert {conclusion for conclusion, _ in told} == {"cancelled"}
    assert not any(title.startswith(("1 of", "2 of")) for _, title in told)
    assert {run.conclusion for run in lost.values()} == {"cancelled"}
    assert {run.conclusion for run in won.values()} == {"success"}


def under_way(workspace):
    """Say whether every Git folder has an update that is not answered yet."""
    sent = [r for r in workspace.requests if r.method == "PATCH" and "/repos/" in r.path]
    return len(sent) == 2 and all(r.status is None for r in sent)


def test_a_commit_that_is_the_head_again_when_it_is_reported_is_never_called_superseded(sandbox):
    kept = commit(sandbox, "kept", branch="beside")
    written = []
    sandbox.github.watch_check_runs(lambda run: written.append((run.head_sha, run.conclusion)))
    for workspace in sandbox.workspaces:
        workspace.latency.patch = 1.5
    often = {"BRICKPUSH_RECONCILE_SECONDS": "1"}
    with running_service(sandbox, **FAST, **often) as service:
        undone = push(sandbox, service)
        wait_until(lambda: all(map(under_way, sandbox.workspaces)), what="updates under way")
        force(sandbox, kept)
        for workspace in sandbox.workspaces:
            workspace.latency.default = 1.5  # of what is read back
        wait_until(lambda: heads(sandbox) == {kept}, what="the other commit everywhere")
        force(sandbox, undone)
        for workspace in sandbox.workspaces:
            workspace.latency.default = workspace.latency.patch = 0.0
        wait_for_heads(sandbox, undone)
        ended = completed(sandbox, undone)

    assert {run.conclusion for run in ended.values()} == {"success"}
    assert (undone, "cancelled") not in written
