"""No check run stays in progress, whatever had begun it and whatever ended before it did."""

from __future__ import annotations

import pytest
from app_world import (
    FAST,
    checks,
    commit,
    completed,
    fill,
    post,
    push,
    push_payload,
    settled,
)
from running import running_service, wait_until
from sightings import Rule
from witness import Witness

from sandbox import world
from sandbox.sandbox import Options, open_sandbox

NEVER = {**FAST, "BRICKPUSH_RECONCILE_SECONDS": "3600"}
LATER = 15.0  # seconds that a call of a Git folder takes, so that the service ends before it


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        fill(opened, people=("ada",))
        yield opened


def in_progress(sandbox, sha):
    return [run for run in checks(sandbox, sha).values() if run.status == "in_progress"]


@pytest.mark.parametrize("ending", ["kill", pytest.param("stop", marks=pytest.mark.slow)])
def test_a_rerun_that_was_cut_off_ends_when_a_push_takes_its_place(sandbox, ending):
    with running_service(sandbox, **NEVER) as service:
        first = push(sandbox, service)
        runs = completed(sandbox, first)
        settled(service)
    with running_service(sandbox, **NEVER) as service:
        for workspace in sandbox.workspaces:
            workspace.faults.add(
                method="GET", path="*/repos/*", status="late", seconds=LATER, times=None
            )
        sandbox.github.rerequest(runs["dev"].id)
        wait_until(lambda: len(in_progress(sandbox, first)) == 2, what="the Re-run's checks")
        second = commit(sandbox, 2)
        post(sandbox, service, push_payload(sandbox, first, second))
        getattr(service, ending)()
    for workspace in sandbox.workspaces:
        workspace.faults.clear()

    with running_service(sandbox, **NEVER):
        ended = completed(sandbox, first)

    assert {run.title for run in ended.values()} == {f"Superseded by {second[:7]}"}
    assert {run.conclusion for run in ended.values()} == {"cancelled"}


def test_the_check_of_a_workspace_that_left_the_settings_ends(sandbox):
    for workspace in sandbox.workspaces:
        workspace.latency.patch = LATER
    with running_service(sandbox, **NEVER) as service:
        sha = push(sandbox, service)
        wait_until(lambda: len(in_progress(sandbox, sha)) == 2, what="both checks")
        service.kill()
    for workspace in sandbox.workspaces:
        workspace.latency.patch = 0.0
    settings, _, _ = sandbox.config_path.read_text().partition("[workspaces.prod]")
    sandbox.config_path.write_text(settings)

    with running_service(sandbox, **NEVER):
        ended = completed(sandbox, sha)

    assert (ended["dev"].conclusion, ended["prod"].conclusion) == ("success", "cancelled")
    assert ended["prod"].title == "No longer served: prod"


def test_a_tag_that_no_git_folder_goes_to_is_reported_nowhere(sandbox):
    """One that is lower than the folder's, which lacks it; and one beside the pattern."""
    dev, repository = sandbox.workspace("dev"), sandbox.github.repository(world.MAIN)
    sandbox.github.tag(world.MAIN, "v2.0", "main")
    path = "/Repos/Release/etl"
    with sandbox.config_path.open("a", encoding="utf-8") as settings:
        settings.write(Rule("/Repos/Release/", follow="tag:v*").toml("dev"))
    dev.add_git_folder(path, repository.clone_url, source=repository.path, tag="v2.0")
    at = dev.folder(path).head_commit_id
    witness = Witness(sandbox, {"dev": [Rule("/Repos/Release/", follow="tag:v*")]})
    told = []
    with running_service(sandbox, **NEVER) as service:
        for number, tag in enumerate(("v1.5", "nightly")):
            told.append(commit(sandbox, number, branch=f"hotfix-{number}"))
            sandbox.github.tag(world.MAIN, tag, f"hotfix-{number}")
            payload = push_payload(sandbox, "0" * 40, told[-1], ref=f"refs/tags/{tag}")
            assert post(sandbox, service, payload)[0] == 202
        settled(service)

    assert [checks(sandbox, each) for each in told] == [{}, {}]
    assert dev.folder(path).head_commit_id == at
    assert witness.all_faults() == []
