"""A Git folder that people change between the plan and the update, or in the middle of it."""

from __future__ import annotations

import pytest
from app_world import FAST, completed, fill, post, push, push_payload, settled, wait_for_heads
from running import running_service, wait_until
from variants import slow_after

from sandbox import world
from sandbox.sandbox import Options, open_sandbox

RULES = """
[[workspaces.dev.rules]]
paths = ["/Shared/frozen/**"]
follow = "nothing"

[[workspaces.dev.rules]]
paths = ["/Shared/scratch/*"]
on_conflict = "discard"
"""
ADA, SCRATCH = "/Repos/ada/etl-main", "/Shared/scratch/etl"
MINE = "rows = 42\n"
PATCH = {"method": "PATCH", "path": "/api/2.0/repos/*"}


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        fill(opened, people=("ada",))
        repository = opened.github.repository(world.MAIN)
        opened.workspace("dev").add_git_folder(
            SCRATCH, repository.clone_url, source=repository.path
        )
        with opened.config_path.open("a") as config:
            config.write(RULES)
        yield opened


@pytest.fixture
def dev(sandbox):
    return sandbox.workspace("dev")


@pytest.fixture
def known(sandbox):
    """A service that has promoted once, and remembers where every Git folder was."""
    with running_service(sandbox, **FAST) as service:
        wait_for_heads(sandbox, push(sandbox, service))
        settled(service)
        yield service


def change(sandbox, service, text="rows = 7\n"):
    """Push a change of the file that people have edited; return the commit and dev's check."""
    before = sandbox.github.head(world.MAIN, "main")
    sha = sandbox.github.commit(world.MAIN, "main", {world.EDITED_FILE: text}, "Change")
    assert before != sha
    post(sandbox, service, push_payload(sandbox, before, sha))
    return sha


def check_of(sandbox, sha, workspace="dev"):
    return next(run for name, run in completed(sandbox, sha).items() if workspace in name)


def updates(workspace, path):
    number = workspace.folder(path).id
    found = [r for r in workspace.requests if r.method == "PATCH"]
    return [r.body for r in found if r.path == f"/api/2.0/repos/{number}"]


def test_a_folder_moved_out_of_a_discard_rule_keeps_its_edits(sandbox, dev, known):
    at, path = dev.folder(SCRATCH).head_commit_id, "/Users/ada@octo.example/etl"
    dev.move_git_folder(SCRATCH, path)
    dev.write_file(path, world.EDITED_FILE, MINE)

    run = check_of(sandbox, change(sandbox, known))

    assert dev.read_file(path, world.EDITED_FILE) == MINE
    assert dev.folder(path).head_commit_id == at
    assert (
        "was moved from /Shared/scratch/etl (rule 2 of dev) to /Users/ada\\@octo.example/etl"
        " (no rule) meanwhile"
    ) in run.summary


def test_a_folder_moved_under_a_rule_that_leaves_it_alone_is_left_alone(sandbox, dev, known):
    at, path = dev.folder(ADA).head_commit_id, "/Shared/frozen/etl"
    dev.move_git_folder(ADA, path)

    run = check_of(sandbox, change(sandbox, known))

    assert dev.folder(path).head_commit_id == at
    assert f"was moved from {ADA} (no rule) to {path} (rule 1 of dev) meanwhile" in run.summary


def test_a_folder_pointed_at_another_repository_gets_nothing_of_this_ones_push(sandbox, dev, known):
    other = sandbox.github.repository("octo-org/ml")
    at = dev.folder(ADA).head_commit_id
    before = len(updates(dev, ADA))
    dev.point_git_folder(ADA, other.clone_url, source=other.path)

    run = check_of(sandbox, change(sandbox, known))

    assert dev.folder(ADA).head_commit_id == at
    assert len(updates(dev, ADA)) == before
    assert "its URL was changed from" in run.summary
    assert "octo-org/ml meanwhile" in run.summary


@pytest.mark.parametrize(
    "edited",
    slow_after(
        1,
        [
            pytest.param({}, id="unpushed commits"),
            pytest.param({world.EDITED_FILE: MINE}, id="unpushed commits, and edits in the way"),
        ],
    ),
)
def test_a_discard_rule_deletes_nothing_for_histories_that_diverged(sandbox, dev, known, edited):
    commit = dev.commit_in_folder(SCRATCH, {"c.txt": "mine\n"}, "Local changes uncommitted")
    dev.write_file(SCRATCH, "notes.md", "untracked\n")
    for name, text in edited.items():
        dev.write_file(SCRATCH, name, text)

    run = check_of(sandbox, change(sandbox, known))

    assert run.conclusion == "action_required"
    assert "the Git folder holds commits that are not on GitHub" in run.summary
    assert dev.folder(SCRATCH).head_commit_id == commit
    assert dev.read_file(SCRATCH, "notes.md") == "untracked\n"
    for name, text in edited.items():
        assert dev.read_file(SCRATCH, name) == text
    assert all("dangerously_force_discard_all" not in body for body in updates(dev, SCRATCH))


@pytest.mark.parametrize(
    ("status", "error_code", "message"),
    slow_after(
        1,
        [
            (409, "ABORTED", "another operation on branch fix-untracked-files"),
            (500, "INTERNAL_ERROR", "failed to inspect local changes"),
            (
                403,
                "PERMISSION_DENIED",
                "No Manage on /Shared/scratch/untracked, uncommitted changes",
            ),
            (409, "GIT_CONFLICT", "There are merge conflicts in local changes.py"),
        ],
    ),
)
def test_a_discard_rule_deletes_nothing_for_words_of_other_errors(
    sandbox, dev, known, status, error_code, message
):
    dev.write_file(SCRATCH, "notes.md", "untracked\n")
    body = {"error_code": error_code, "message": message}
    dev.faults.add(**PATCH, status=status, body=body, times=2)  # one for each Git folder

    run = check_of(sandbox, change(sandbox, known))

    assert run.conclusion in ("failure", "action_required")
    assert dev.read_file(SCRATCH, "notes.md") == "untracked\n"
    assert all("dangerously_force_discard_all" not in body for body in updates(dev, SCRATCH))


def test_a_discard_rule_still_deletes_the_edits_that_are_in_the_way(sandbox, dev, known):
    dev.write_file(SCRATCH, world.EDITED_FILE, MINE)

    sha = change(sandbox, known)

    assert check_of(sandbox, sha).conclusion == "success"
    assert dev.folder(SCRATCH).head_commit_id == sha
    assert dev.read_file(SCRATCH, world.EDITED_FILE) == "rows = 7\n"


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        pytest.param(
            lambda dev: dev.switch_branch(ADA, "dev"),
            "somebody checked out dev meanwhile",
            id="switched",
        ),
        pytest.param(
            lambda dev: dev.move_git_folder(ADA, "/Shared/frozen/etl"),
            "was moved from",
            id="moved under another rule",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_changes_while_an_update_is_put_off_counts_when_its_turn_comes(
    sandbox, dev, known, person, reason
):
    """Databricks may ask for a wait of a minute: much can happen in it."""
    dev.delete_git_folder(SCRATCH)
    number, before = dev.folder(ADA).id, dev.folder(ADA).head_commit_id
    fault = dev.faults.add(**PATCH, status=429, headers={"Retry-After": "3"})

    sha = change(sandbox, known)
    wait_until(lambda: fault.hits == 1, what="the refusal")
    person(dev)
    run = check_of(sandbox, sha)

    sent = [r for r in dev.requests if r.method == "PATCH" and r.path.endswith(f"/{number}")]
    assert [r.status for r in sent[-1:]] == [429]
    assert reason in run.summary
    seen = next(folder for folder in dev.folders() if folder.id == number)
    assert seen.head_commit_id in (before, sandbox.github.head(world.MAIN, "dev"))
