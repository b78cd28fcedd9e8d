"""Rules and the commands that look at Git folders, against the whole sandbox."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from running import Developer, environment, running_service, wait_until

from sandbox import world
from sandbox.sandbox import Options, open_sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with open_sandbox(tmp_path_factory.mktemp("sandbox"), Options(empty=True)) as opened:
        repository = opened.github.repository(world.MAIN)
        dev = opened.workspace("dev")
        for path in ("/Repos/ada/etl", "/Repos/alan/etl", "/Shared/etl", "/Repos/Mirror/etl"):
            dev.add_git_folder(path, repository.clone_url, source=repository.path)
        dev.add_git_folder(
            "/Repos/Production/etl", repository.clone_url, source=repository.path, tag=world.TAG
        )
        dev.write_file("/Repos/Mirror/etl", world.EDITED_FILE, "rows = 1000\n")
        with opened.config_path.open("a") as config:
            config.write(RULES)
        yield opened


RULES = """
[[workspaces.dev.rules]]
paths = ["/Shared/**"]
follow = "nothing"

[[workspaces.dev.rules]]
paths = ["/Repos/Production/*"]
follow = "tag:v*"

[[workspaces.dev.rules]]
paths = ["/Repos/Mirror/*"]
on_conflict = "discard"
"""


def brickpush(sandbox, *arguments):
    ran = subprocess.run(
        (sys.executable, "-m", "brickpush", *arguments, "--config", str(sandbox.config_path)),
        capture_output=True,
        text=True,
        env=environment(COLUMNS="200"),
        timeout=60,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


def head(sandbox, path):
    return sandbox.workspace("dev").folder(path).head_commit_id


@pytest.fixture
def developer(sandbox, tmp_path):
    return Developer(sandbox, tmp_path / "clone")


def test_rules_leave_alone_discard_and_follow_tags(sandbox, developer):
    with running_service(sandbox):
        tagged, shared = head(sandbox, "/Repos/Production/etl"), head(sandbox, "/Shared/etl")
        sha = developer.commit(world.EDITED_FILE, "rows = 5\n")
        developer.push()
        wait_until(lambda: head(sandbox, "/Repos/Mirror/etl") == sha, what="the mirror")
        wait_until(lambda: head(sandbox, "/Repos/ada/etl") == sha, what="the branch")
        assert head(sandbox, "/Repos/Production/etl") == tagged
        assert head(sandbox, "/Shared/etl") == shared

        developer.git("tag", "-a", "v1.1", "-m", "Version 1.1")
        developer.push("origin", "v1.1")
        wait_until(lambda: head(sandbox, "/Repos/Production/etl") == sha, what="the tag")

        run = wait_until(
            lambda: next(
                (
                    run
                    for run in sandbox.github.check_runs
                    if run.title == f"3 of 3 Git folders at {sha[:7]}"
                ),
                None,
            ),
            what="the branch's check run",
        )
    assert "- /Shared/etl: is left alone by rule 1 of dev" in run.summary
    assert "- /Repos/Production/etl: follows the tags v\\* by rule 2 of dev" in run.summary


@pytest.mark.slow
def test_plan_says_what_would_move_and_touches_nothing(sandbox, developer):
    developer.git("checkout", "-q", "-b", "planned")
    developer.commit("planned.txt")
    developer.push("origin", "HEAD")
    workspace = sandbox.workspace("dev")
    asked = len(workspace.requests)

    code, text = brickpush(
        sandbox, "plan", "--repository", world.MAIN, "--branch", "main", "--json"
    )
    code_of_missing, missing = brickpush(
        sandbox, "plan", "--repository", world.MAIN, "--branch", "no-such"
    )

    assert code == 0
    decisions = {row["git folder"]: (row["decision"], row["why"]) for row in json.loads(text)}
    assert decisions["/Shared/etl"] == ("unchanged", "is left alone by rule 1 of dev")
    assert {request.method for request in workspace.requests[asked:]} == {"GET"}
    assert code_of_missing == 2
    assert "octo-org/etl has no branch 'no-such' on GitHub: push it first" in missing


@pytest.mark.slow
def test_git_folders_are_listed_made_and_removed(sandbox):
    made = brickpush(
        sandbox,
        *("folders", "add", "--workspace", "prod", "--repository", world.MAIN),
        *("--branch", "release/1.0", "--provider", "gitHub", "/Shared/teams/new/etl"),
    )
    listed = brickpush(sandbox, "folders", "list", "--workspace", "prod")
    removed = brickpush(
        sandbox, "folders", "remove", "--workspace", "prod", "--yes", "/Shared/teams/new/etl"
    )
    again = brickpush(
        sandbox, "folders", "remove", "--workspace", "prod", "--yes", "/Shared/teams/new/etl"
    )

    release = sandbox.github.head(world.MAIN, "release/1.0")
    assert made == (
        0,
        f"/Shared/teams/new/etl follows release/1.0 of octo-org/etl, at {release}\n",
    )
    assert "/Shared/teams/new/etl" in listed[1]
    assert "release/1.0" in listed[1]
    assert removed == (0, "/Shared/teams/new/etl is removed\n")
    assert again[0] == 2
    assert "has no Git folder /Shared/teams/new/etl" in again[1]
