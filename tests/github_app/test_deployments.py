"""Deployments as GitHub has them; tests/loop has them in the whole service."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from builders import NEW, NEWER, OLD, a_folder, a_push

from github_app.cli.context import CommandContext
from github_app.config.settings import load_settings
from github_app.reports.deployments import (
    IN_PROGRESS,
    SUCCESS,
    Deployments,
    Promoted,
    State,
    mark_of,
)
from github_app.worker.progress import ending
from promotion.errors import PromotionError
from promotion.model import Conclusion, Outcome
from promotion.workspace import Report
from sandbox import world
from sandbox.sandbox import Options, open_sandbox

BEGUN = State(IN_PROGRESS, "Git folders are being updated")
DONE = State(SUCCESS, "2 of 2 Git folders", "https://brickpush.example.com/promotions/7/dev/key")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with open_sandbox(tmp_path_factory.mktemp("sandbox"), Options(empty=True)) as opened:
        granted = {**opened.github.app_permissions, "deployments": "write"}
        opened.github.app_permissions = granted
        yield opened


@pytest.fixture(scope="module")
def access(sandbox):
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("BRICKPUSH_GITHUB__WRITE_SECONDS", "0")
        opened = CommandContext.from_settings(load_settings(sandbox.config_path, {}))
    return opened.access(opened.app.find(world.MAIN))


@pytest.fixture
def promoted(sandbox, request):
    """A promotion in an environment of the test's own."""
    environment = f"databricks/{request.node.name}"
    sha = sandbox.github.head(world.MAIN, "main")
    return Promoted(7, environment, "refs/heads/main", sha)


@pytest.fixture
def states(sandbox, promoted):
    """Return what every deployment of the environment has said, the oldest first."""

    def states():
        return [
            [status.state for status in one.statuses]
            for one in sandbox.github.deployments
            if one.environment == promoted.environment
        ]

    return states


def a_commit(sandbox, text):
    return sandbox.github.commit(world.MAIN, "main", {"a.txt": text}, "Change a.txt")


def test_a_run_that_is_repeated_finds_its_deployment(access, promoted, states):
    deployments = Deployments()
    for _ in range(2):
        begun = deployments.begin(access, promoted, BEGUN)
        deployments.end(access, promoted, DONE, begun)
    deployments.end(access, promoted, DONE)

    assert states() == [["in_progress", "success"]]


def test_another_run_of_the_same_commit_is_another_deployment(access, promoted, states):
    deployments = Deployments()
    for run in (7, 8):
        begun = deployments.begin(access, replace(promoted, run=run), BEGUN)
        deployments.end(access, replace(promoted, run=run), DONE, begun)

    assert states() == [["in_progress", "success", "inactive"], ["in_progress", "success"]]


def test_what_a_newer_push_kept_from_its_end_is_ended(sandbox, access, promoted, states):
    deployments = Deployments()
    other = replace(promoted, run=6, ref="refs/heads/dev")
    for cut_off in (other, promoted):
        deployments.begin(access, cut_off, BEGUN)

    newer = replace(promoted, run=8, sha=a_commit(sandbox, promoted.environment))
    deployments.begin(access, newer, BEGUN)

    assert states() == [["in_progress"], ["in_progress", "inactive"], ["in_progress"]]
    told = sandbox.github.deployments[-2].statuses[-1].description
    assert told == f"Superseded by {newer.sha[:7]}"


def test_what_could_not_be_begun_is_made_at_the_end(sandbox, access, promoted, states):
    sandbox.github_faults.add(status=500, method="POST", path="*/deployments")
    deployments = Deployments()

    begun = deployments.begin(access, promoted, BEGUN)
    deployments.end(access, promoted, DONE, begun)

    assert begun is None
    assert states() == [["success"]]


def test_what_was_made_without_our_knowledge_is_found(sandbox, access, promoted, states):
    sandbox.github_faults.add(status=500, method="POST", path="*/deployments", when="after")
    deployments = Deployments()

    begun = deployments.begin(access, promoted, BEGUN)
    deployments.end(access, promoted, DONE, begun)

    assert states() == [["success"]]


def test_only_what_has_begun_and_nobody_has_ended_is_ended_late(access, promoted, states):
    deployments = Deployments()
    deployments.end_what_is_open(access, promoted, DONE, urgent=False)
    assert states() == []

    deployments.begin(access, promoted, BEGUN)
    for state in (DONE, replace(DONE, word="failure")):
        deployments.end_what_is_open(access, promoted, state, urgent=False)

    assert states() == [["in_progress", "success"]]


def test_an_end_that_github_refuses_is_told_to_the_caller(sandbox, access, promoted):
    begun = Deployments().begin(access, promoted, BEGUN)
    sandbox.github_faults.add(status=500, method="POST", path="*/statuses")

    with pytest.raises(PromotionError, match="answered 500"):
        Deployments().end(access, promoted, DONE, begun)


@pytest.mark.parametrize(
    ("payload", "mark"),
    [
        ({"brickpush": {"run": 7, "ref": "refs/heads/main"}}, (7, "refs/heads/main")),
        (json.dumps({"brickpush": {"run": 7, "ref": "r"}}), (7, "r")),
        ({}, None),
        ("", None),
        ("words", None),
        ('"words"', None),
        (None, None),
        ({"brickpush": {"run": "x", "ref": "r"}}, None),
        ({"brickpush": 7}, None),
        ([], None),
    ],
)
def test_only_our_own_deployments_are_ours(payload, mark):
    assert mark_of(payload) == mark


@pytest.mark.parametrize(
    ("conclusion", "after", "word"),
    [
        (Conclusion.SUCCESS, NEW, "success"),
        (Conclusion.CANCELLED, NEWER, "inactive"),  # superseded by what is there
        (Conclusion.NEUTRAL, NEWER, "inactive"),  # nobody knows what is there
        (Conclusion.SKIPPED, OLD, "inactive"),  # somebody checked out another branch meanwhile
        (Conclusion.ACTION_REQUIRED, OLD, "failure"),
        (Conclusion.FAILURE, None, "failure"),
    ],
)
def test_a_deployment_ends_as_its_promotion_does(conclusion, after, word):
    outcome = Outcome(a_folder(), conclusion, OLD, after, "because")

    state = ending(a_push(), Report("dev", "https://adb", outcomes=(outcome,)), "https://page")

    assert (state.word, state.log_url) == (word, "https://page")


def test_a_workspace_that_stopped_fails_its_deployment():
    assert ending(a_push(), Report("dev", "https://adb", problem="no answer"), "").word == "failure"
