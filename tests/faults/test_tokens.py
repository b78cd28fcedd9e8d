"""Tokens that expire in the middle of a run: Entra's and GitHub's."""

from __future__ import annotations

import pytest
from running import wait_until

UPDATE = "/api/2.0/repos/"


@pytest.fixture
def in_the_middle(scene):
    """Push, and return the commit while its updates are on their way."""
    sent = scene.calls("PATCH", UPDATE)
    faults = [
        workspace.faults.add(
            method="PATCH", path=f"{UPDATE}*", times=None, status=503, headers={"Retry-After": "1"}
        )
        for workspace in scene.workspaces
    ]
    sha = scene.push()
    wait_until(lambda: all(fault.hits for fault in faults), what="updates that wait")
    assert scene.calls("PATCH", UPDATE) > sent
    return sha


@pytest.mark.parametrize("whose", ["Entra", "GitHub", pytest.param("both", marks=pytest.mark.slow)])
def test_tokens_that_expire_in_the_middle_of_a_run_are_replaced(scene, in_the_middle, whose):
    since = scene.log_size()
    if whose != "GitHub":
        scene.sandbox.entra.expire_tokens()
    if whose != "Entra":
        scene.github.expire_tokens()
    scene.calm()

    scene.wait_promoted(in_the_middle)

    assert not scene.failed(in_the_middle, since)  # it was the run itself that went on
    scene.check()
