"""The update of a Git folder is taken by Databricks, and its answer is lost on the way."""

from __future__ import annotations

import pytest
from fault_scene import KINDS
from running import wait_until

UPDATE = "/api/2.0/repos/"


@pytest.mark.parametrize(
    "kind",
    [
        "reset",
        pytest.param("half", marks=pytest.mark.slow),
        pytest.param("html 200", marks=pytest.mark.slow),
        pytest.param("empty 200", marks=pytest.mark.slow),
    ],
)
def test_an_update_whose_answer_is_lost_is_read_back_and_not_sent_again(scene, kind):
    sent = scene.calls("PATCH", UPDATE)
    for workspace in scene.workspaces:
        fault = {**KINDS[kind], "when": "after"}
        workspace.faults.add(method="PATCH", path=f"{UPDATE}*", times=None, **fault)

    scene.wait_promoted(scene.push())

    assert scene.calls("PATCH", UPDATE) - sent == 4
    scene.check()


@pytest.mark.parametrize("status", [504, pytest.param("html", marks=pytest.mark.slow)])
def test_an_update_that_a_gateway_gave_up_on_is_told_once_it_is_there(scene, status):
    for workspace in scene.workspaces:
        workspace.faults.add(
            method="PATCH", path=f"{UPDATE}*", times=None, status=status, when="after"
        )
    since = scene.log_size()
    sha = scene.push()
    wait_until(lambda: scene.failed(sha, since), what="a check run that says that it failed")

    scene.wait_promoted(sha)  # nothing is behind, and the check run says so in the end

    scene.check()


@pytest.mark.slow
def test_an_update_that_is_lost_itself_is_sent_again_by_itself(scene):
    faults = [
        workspace.faults.add(method="PATCH", path=f"{UPDATE}*", times=2, status="reset")
        for workspace in scene.workspaces
    ]

    scene.wait_promoted(scene.push())

    assert [fault.hits for fault in faults] == [2, 2]
    scene.check()


def test_of_a_check_run_that_was_made_twice_neither_stays_open(scene):
    """GitHub makes one and says to come again, as no limit of its own would."""
    lost = scene.sandbox.github_faults.add(
        method="POST",
        path="*/check-runs",
        status=429,
        when="after",
        headers={"Retry-After": "1"},
    )

    sha = scene.push()
    scene.wait_promoted(sha)

    def runs():
        return [run for run in scene.github.check_runs if run.head_sha == sha]

    wait_until(  # of the two, GitHub shows the newer one, which is completed first
        lambda: {run.conclusion for run in runs()} == {"success"}, what="the end of both"
    )
    assert (lost.hits, len(runs())) == (1, 3)
    scene.made_twice_on_purpose(sha)
    scene.check()
