"""GitHub deployments: where a workspace asks for them, and only there."""

from __future__ import annotations

import pytest
from app_world import (
    FAST,
    checks,
    completed,
    conclusions,
    fill,
    push,
    settled,
    wait_for_heads,
)
from nobody import NOBODY
from running import running_service, wait_until

from github_app.__main__ import main
from sandbox import world
from sandbox.sandbox import Options, open_sandbox

PUBLIC = "https://brickpush.example.com"
DEPLOYING = {
    **FAST,
    "BRICKPUSH_PUBLIC_URL": PUBLIC,
    "BRICKPUSH_WORKSPACES__DEV__DEPLOYMENTS": "true",
    "BRICKPUSH_RECONCILE_SECONDS": "3600",
}


@pytest.fixture(scope="module")
def granted(tmp_path_factory):
    """A sandbox whose App may write deployments, and a service of which dev asks for them."""
    with open_sandbox(tmp_path_factory.mktemp("sandbox"), Options(empty=True)) as opened:
        fill(opened)
        opened.github.app_permissions = {**opened.github.app_permissions, "deployments": "write"}
        with running_service(opened, **DEPLOYING) as running:
            yield opened, running


@pytest.fixture(scope="module")
def refusing(tmp_path_factory):
    """A sandbox whose App may write no deployments, as `brickpush setup` registers it."""
    with open_sandbox(tmp_path_factory.mktemp("sandbox"), Options(empty=True)) as opened:
        fill(opened)
        yield opened


def deployments(sandbox, sha=None):
    return [one for one in sandbox.github.deployments if sha in (None, one.sha)]


def ended(sandbox, sha):
    """Wait for the one deployment of a commit to end, and return it."""
    wait_until(
        lambda: any(one.state not in (None, "in_progress") for one in deployments(sandbox, sha)),
        what=f"the end of the deployment of {sha}",
    )
    [one] = deployments(sandbox, sha)
    return one


def test_a_promotion_of_a_branch_is_a_deployment_of_its_workspace(granted):
    sandbox, service = granted

    sha = push(sandbox, service)
    one = ended(sandbox, sha)
    run = completed(sandbox, sha)["dev"]

    assert (one.ref, one.task, one.environment) == (sha, "promote", "databricks/dev")
    assert (one.production, one.transient) == (False, False)
    assert [(each.state, each.description, each.log_url) for each in one.statuses] == [
        ("in_progress", "Git folders are being updated", ""),
        ("success", f"2 of 2 Git folders at {sha[:7]}", run.details_url),
    ]


def test_the_newest_promotion_is_the_active_one(granted):
    sandbox, service = granted

    first, second = (ended(sandbox, push(sandbox, service)).sha for _ in range(2))

    assert [deployments(sandbox, sha)[0].state for sha in (first, second)] == [
        "inactive",
        "success",
    ]


def test_the_token_writes_deployments_of_this_repository_and_nothing_else(granted):
    sandbox, service = granted

    ended(sandbox, push(sandbox, service))

    tokens = [t for t in sandbox.github.issued_tokens if "deployments" in t.permissions]
    repository = sandbox.github.repository(world.MAIN).id
    assert tokens
    for token in tokens:
        assert token.permissions == {"deployments": "write", "metadata": "read"}
        assert set(token.repository_ids) == {repository}


def test_a_promotion_that_failed_is_a_failed_deployment(granted):
    sandbox, service = granted
    refusal = {"error_code": "PERMISSION_DENIED", "message": "no Can Manage on it"}
    fault = sandbox.workspace("dev").faults.add(
        status=403, method="PATCH", path="*/repos/*", times=None, body=refusal
    )
    try:
        one = ended(sandbox, push(sandbox, service))
    finally:
        sandbox.workspace("dev").faults.clear()

    assert fault.hits
    assert one.state == "failure"
    assert one.statuses[-1].description == f"0 of 2 Git folders at {one.sha[:7]}"


def test_no_other_workspace_has_deployments(granted):
    sandbox, service = granted

    completed(sandbox, push(sandbox, service))
    settled(service)

    assert {one.environment for one in deployments(sandbox)} == {"databricks/dev"}


def test_a_branch_that_nobody_follows_deploys_nothing(granted):
    sandbox, service = granted
    before = len(deployments(sandbox))

    sha = push(sandbox, service, branch="dev")

    settled(service)
    assert checks(sandbox, sha) == {}
    assert len(deployments(sandbox)) == before


def test_an_end_that_github_does_not_take_now_is_written_later(granted):
    sandbox, service = granted
    dev = sandbox.workspace("dev")
    dev.latency.patch = 0.5
    try:
        sha = push(sandbox, service)
        wait_until(
            lambda: [one.state for one in deployments(sandbox, sha)] == ["in_progress"],
            what="a deployment in progress",
        )
        sandbox.github_faults.add(status=500, method="POST", path="*/deployments/*/statuses")
    finally:
        dev.latency.patch = 0.0

    one = ended(sandbox, sha)

    assert one.state == "success"
    assert "deployment.refused" in service.log.read_text()


def test_a_crash_in_the_middle_doubles_no_deployment(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as sandbox:
        fill(sandbox)
        sandbox.github.app_permissions = {**sandbox.github.app_permissions, "deployments": "write"}
        dev = sandbox.workspace("dev")
        dev.latency.patch = 2.0
        with running_service(sandbox, **DEPLOYING) as service:
            sha = push(sandbox, service)
            wait_until(
                lambda: [one.state for one in deployments(sandbox, sha)] == ["in_progress"],
                what="a deployment in progress",
            )
            service.kill()
        dev.latency.patch = 0.0

        with running_service(sandbox, **DEPLOYING):
            one = ended(sandbox, sha)

    assert [each.state for each in one.statuses] == ["in_progress", "success"]


def test_without_the_permission_promotion_goes_on_and_the_log_says_it_once(refusing):
    with running_service(refusing, **DEPLOYING) as service:
        for _ in range(2):
            sha = push(refusing, service)
            wait_for_heads(refusing, sha)
            assert conclusions(refusing, sha) == {"success"}
        settled(service)

    log = service.log.read_text()
    assert log.count("report.not_allowed") == 1
    assert "does not grant deployments: write" in log
    assert deployments(refusing) == []


def test_the_doctor_names_the_permission_that_is_missing(refusing, monkeypatch, capsys):
    monkeypatch.setenv("BRICKPUSH_WORKSPACES__DEV__DEPLOYMENTS", "true")

    main(["doctor", "--config", str(refusing.config_path), "--url", f"http://{NOBODY}"])

    said = capsys.readouterr().out
    assert (
        "warning GitHub: deployments: the App lacks deployments: write, so it writes none" in said
    )
    assert "its owner has not accepted deployments, so none are written" in said
    assert "warning GitHub: permissions" not in said


def test_the_doctor_is_content_where_it_is_granted(granted, monkeypatch, capsys):
    sandbox, service = granted
    monkeypatch.setenv("BRICKPUSH_WORKSPACES__DEV__DEPLOYMENTS", "true")

    main(["doctor", "--config", str(sandbox.config_path), "--url", service.url])

    said = capsys.readouterr().out
    assert "ok      GitHub: deployments: deployments: write" in said
    assert "more than Brickpush needs" not in said
