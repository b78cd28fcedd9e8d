"""What can't be seen is not gone: a workspace, a directory or a Git folder that can't be read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from app_world import FAST, commit, completed, fill, heads, push, settled, wait_for_heads
from running import Developer, environment, running_service, wait_until

from sandbox import world
from sandbox.sandbox import Options, open_sandbox

PROXY = "<html><head><title>404 Not Found</title></head><body><pre>nginx</pre></body></html>"
FOLDERS = "/api/2.0/repos/*"
NO_TOKEN = {"status": 403, "body": {"error_code": 403, "message": "Invalid access token."}}
NO_USER = {"status": 403, "body": "<html><title>Error 403 User not authorized.</title></html>"}
UNREADABLE = {
    "an access token that is not taken": NO_TOKEN,
    "a page": NO_USER,
    "another host's page": {"status": 404, "body": PROXY},
    "no such API": {
        "status": 404,
        "body": {"error_code": "ENDPOINT_NOT_FOUND", "message": "No API found"},
    },
    "a 400": {"status": 400, "body": {"message": "IncorrectClaimException"}},
    "a portal's page": {"status": 200, "body": "<p>Sign in to the Wi-Fi</p>"},
}


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        fill(opened)
        yield opened


def run_of(sandbox, sha, workspace, count=2):
    runs = completed(sandbox, sha, count)
    return next(run for name, run in runs.items() if workspace in name)


@pytest.fixture
def known(sandbox):
    """A service that has promoted once: it knows every Git folder."""
    with running_service(sandbox, **FAST) as service:
        wait_for_heads(sandbox, push(sandbox, service))
        settled(service)
        yield service


def test_a_git_folder_that_answers_404_is_a_failure(sandbox, known):
    prod = sandbox.workspace("prod")
    switched_off = {"error_code": "FEATURE_DISABLED", "message": "Repos are disabled"}
    for body in (switched_off, PROXY, ""):
        prod.faults.clear()
        prod.faults.add(method="GET", path=FOLDERS, times=None, status=404, body=body)

        sha = push(sandbox, known)

        run = run_of(sandbox, sha, "prod")
        assert run.conclusion == "failure"
        assert run.title == f"0 of 2 Git folders at {sha[:7]}"
        assert "it is gone" not in run.summary
        assert sha not in {folder.head_commit_id for folder in prod.folders()}
        assert run_of(sandbox, sha, "dev").conclusion == "success"


def test_a_git_folder_is_gone_where_a_second_look_shows_it_no_more(sandbox, known):
    dev = sandbox.workspace("dev")
    dev.delete_git_folder("/Repos/ada/etl-main")

    sha = push(sandbox, known)

    run = run_of(sandbox, sha, "dev")
    assert "it is gone" in run.summary
    assert run.conclusion in ("success", "neutral")
    assert dev.folder("/Repos/alan/etl-main").head_commit_id == sha


def test_a_second_look_that_can_not_be_made_is_a_failure(sandbox, known):
    dev = sandbox.workspace("dev")
    dev.delete_git_folder("/Repos/ada/etl-main")
    dev.faults.add(path="/api/2.0/workspace/get-status", status=404, body=PROXY, times=None)

    run = run_of(sandbox, push(sandbox, known), "dev")

    assert run.conclusion == "failure"
    assert "Databricks says that the Git folder does not exist" in run.summary


def test_a_git_folder_that_was_made_again_is_left_alone_until_it_is_known(sandbox, known):
    dev, repository = sandbox.workspace("dev"), sandbox.github.repository(world.MAIN)
    path = "/Repos/ada/etl-main"
    dev.delete_git_folder(path)
    dev.add_git_folder(path, repository.clone_url, source=repository.path)
    made_at = dev.folder(path).head_commit_id

    sha = push(sandbox, known)

    assert "another Git folder stands at its path" in run_of(sandbox, sha, "dev").summary
    assert dev.folder(path).head_commit_id == made_at


def test_a_workspace_that_can_not_be_read_is_a_failure_from_the_first_push_on(sandbox):
    prod, ended = sandbox.workspace("prod"), {}
    prod.faults.add(path="*", times=None, **NO_TOKEN)
    with running_service(sandbox, **FAST) as service:
        for name, answer in UNREADABLE.items():
            prod.faults.clear()
            prod.faults.add(path="*", times=None, **answer)
            run = run_of(sandbox, push(sandbox, service), "prod")
            ended[name] = run.conclusion, run.title, "may not manage" in run.summary

    told = "failure", "Not promoted: the workspace could not be read", False
    assert ended == dict.fromkeys(UNREADABLE, told)


@pytest.mark.slow
@pytest.mark.parametrize("answer", [NO_TOKEN, {"status": 404, "body": PROXY}])
def test_the_git_folders_of_a_workspace_that_can_not_be_read_stay_known(sandbox, answer):
    prod = sandbox.workspace("prod")
    with running_service(sandbox, BRICKPUSH_RECONCILE_SECONDS="1", **FAST) as service:
        wait_for_heads(sandbox, push(sandbox, service))
        prod.faults.add(path="*", times=None, **answer)
        seen = len(prod.requests)
        wait_until(
            lambda: sum(r.path == "/api/2.0/repos" for r in prod.requests[seen:]) > 6,
            what="some comparisons, which search the workspace",
        )

        sha = push(sandbox, service)
        run = run_of(sandbox, sha, "prod")
        prod.faults.clear()
        wait_for_heads(sandbox, sha, seconds=120)  # a comparison finds that they are behind

    assert run.conclusion == "failure"
    assert "2 Git folders" in run.title


LISTINGS = (
    (400, "MAX_LIST_SIZE_EXCEEDED", "The directory has more than 10000 children."),
    (400, "BAD_REQUEST", "Invalid request path"),
    (500, "INTERNAL_ERROR", "Listing timed out"),
    (403, "PERMISSION_DENIED", "no View"),
)


def test_directories_that_can_not_be_listed_keep_no_other_folder_from_moving(sandbox):
    dev = sandbox.workspace("dev")
    for number, answer in enumerate(LISTINGS):
        dev.add_directory(f"/Shared/dumps-{number}")
        dev.behaviour.refused_listings[f"/Shared/dumps-{number}"] = answer

    with running_service(sandbox, **FAST) as service:
        sha = push(sandbox, service)
        run = run_of(sandbox, sha, "dev")

    assert (run.conclusion, run.title) == ("success", f"2 of 2 Git folders at {sha[:7]}")
    assert heads(sandbox) == {sha}
    assert all(f"/Shared/dumps-{number}" in run.summary for number in range(len(LISTINGS)))


@pytest.mark.slow
@pytest.mark.parametrize("answer", LISTINGS[2:])
def test_a_git_folder_known_beneath_a_directory_that_can_not_be_listed_still_moves(sandbox, answer):
    dev, repository = sandbox.workspace("dev"), sandbox.github.repository(world.MAIN)
    path = "/Users/ada@octo.example/etl"
    dev.add_git_folder(path, repository.clone_url, source=repository.path, git_cli=True)
    with running_service(sandbox, BRICKPUSH_RECONCILE_SECONDS="1", **FAST) as service:
        wait_for_heads(sandbox, push(sandbox, service))
        dev.behaviour.refused_listings["/Users/ada@octo.example"] = answer
        seen = len(dev.requests)
        wait_until(
            lambda: sum(r.path == "/api/2.0/repos" for r in dev.requests[seen:]) > 12,
            what="some comparisons, which search the workspace",
        )

        sha = push(sandbox, service)
        wait_for_heads(sandbox, sha)

        # Nor does it keep what nobody told from being found.
        missed = commit(sandbox, "missed")
        wait_for_heads(sandbox, missed, seconds=120)


def git_promote(sandbox, developer, *arguments):
    described = next(w for w in sandbox.describe()["workspaces"] if w["name"] == "dev")
    home = developer.directory.parent
    environ = environment(
        **{name: value for name, value in developer.environ.items() if name.startswith("GIT_")},
        HOME=str(home),
        XDG_CACHE_HOME=str(home / "cache"),
        XDG_CONFIG_HOME=str(home / "config"),
        BRICKPUSH_STATE_DIR=str(home / "state"),
        REQUESTS_CA_BUNDLE=str(sandbox.certificate.ca_path),
        DATABRICKS_HOST=described["host"],
        DATABRICKS_TOKEN=described["token"],
        PYTHONPATH=str(Path.cwd()),
    )
    ran = subprocess.run(
        (Path(sys.executable).with_name("git-promote"), *arguments),
        cwd=developer.directory,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize("remembered", [False, True])
def test_git_promote_fails_where_the_workspace_can_not_be_read(sandbox, tmp_path, remembered):
    dev, developer = sandbox.workspace("dev"), Developer(sandbox, tmp_path / "clone")
    sandbox.github.hook_url = None
    if remembered:
        assert git_promote(sandbox, developer)[0] == 0
    sha = developer.commit()
    developer.push()
    ended = {}
    for name, answer in UNREADABLE.items():
        dev.faults.clear()
        dev.faults.add(path="*", times=None, **answer)
        ended[name] = git_promote(sandbox, developer)[0]
    dry_run, _ = git_promote(sandbox, developer, "--dry-run")
    dev.faults.clear()

    assert ended == dict.fromkeys(UNREADABLE, 1)
    assert dry_run == 1
    assert sha not in {folder.head_commit_id for folder in dev.folders()}


def test_git_promote_fails_where_it_knew_of_none_of_the_repositorys_folders(sandbox, tmp_path):
    """A cache that holds other repositories' folders says nothing of this one's."""
    dev = sandbox.workspace("dev")
    kept = {folder.path: folder for folder in dev.folders()}
    other = sandbox.github.repository("octo-org/ml")
    dev.add_git_folder("/Repos/ada/ml", other.clone_url, source=other.path)
    for path in kept:
        dev.delete_git_folder(path)
    developer = Developer(sandbox, tmp_path / "clone")
    assert git_promote(sandbox, developer)[0] == 0
    dev.faults.add(path="*", times=None, **NO_TOKEN)

    code, words = git_promote(sandbox, developer)

    assert code == 1
    assert "Databricks did not accept the access token" in words
