"""Limits, and what is reported where not everything is granted."""

from __future__ import annotations

import hashlib

import pytest
from app_world import (
    FAST,
    checks,
    completed,
    conclusions,
    counted,
    fill,
    heads,
    push,
    settled,
    wait_for_heads,
)
from running import running_service, wait_until

from sandbox.sandbox import Options, open_sandbox


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        fill(opened)
        yield opened


@pytest.fixture
def service(sandbox):
    with running_service(sandbox, **FAST) as running:
        yield running


def test_without_checks_write_a_commit_status_says_it(sandbox):
    sandbox.github.app_permissions = {
        "contents": "read",
        "metadata": "read",
        "statuses": "write",
    }

    with running_service(sandbox, **FAST) as service:
        sha = push(sandbox, service)
        wait_for_heads(sandbox, sha)
        found = wait_until(
            lambda: {
                s.context: s
                for s in sandbox.github.statuses
                if s.sha == sha and s.state != "pending"
            },
            what="a status",
        )

    assert next(iter(found.values())).description == f"2 of 2 Git folders at {sha[:7]}"
    assert checks(sandbox, sha) == {}


def test_without_any_permission_to_report_promotion_goes_on_and_the_log_says_it_once(sandbox):
    sandbox.github.app_permissions = {"contents": "read", "metadata": "read"}

    with running_service(sandbox, **FAST) as service:
        for _ in range(2):
            sha = push(sandbox, service)
            wait_for_heads(sandbox, sha)
            settled(service)

    told = service.log.read_text().count("report.not_allowed")
    assert told == 2  # check runs, then statuses


def test_a_secondary_limit_is_waited_for_and_no_check_is_lost(sandbox, service):
    completed(sandbox, push(sandbox, service))
    settled(service)
    sandbox.github.limits.refuse_secondary(1, retry_after=1)

    sha = push(sandbox, service)

    wait_for_heads(sandbox, sha)
    assert conclusions(sandbox, sha) == {"success"}
    assert counted(service, "brickpush_github_calls_left") > 0
    assert "github.limited" in service.log.read_text()


def test_a_limit_for_longer_puts_the_promotion_off(sandbox, service):
    completed(sandbox, push(sandbox, service))
    settled(service)
    sandbox.github.limits.refuse_exhausted(20, reset_in=3600)

    push(sandbox, service)

    wait_until(
        lambda: counted(service, 'brickpush_runs_total{ending="put off"}') == 1, what="a pause"
    )
    assert "promotion.deferred" in service.log.read_text()


def test_two_organizations_are_served_at_once(sandbox):
    other = sandbox.github.add_organization("other-org")
    sandbox.github.add_repository("other-org/lake")
    fill(sandbox, repository="other-org/lake", people=("grace", "jean"))

    for workspace in sandbox.workspaces:
        workspace.latency.patch = 0.3  # slow pulls, so that the two would meet

    with running_service(sandbox, **FAST) as service:
        for _ in range(3):
            ours = push(sandbox, service)
            theirs = push(sandbox, service, repository="other-org/lake", installation=other)
        wait_for_heads(sandbox, ours, "etl")
        wait_for_heads(sandbox, theirs, "lake")
        ended = conclusions(sandbox, ours) | conclusions(sandbox, theirs)

    assert ended == {"success"}
    assert heads(sandbox) == {ours, theirs}
    owner_of = {
        hashlib.sha256(token.token.encode()).hexdigest()[:12]: token.installation_id
        for token in sandbox.github.issued_tokens
    }
    pulls = [
        (pull, "other-org" in workspace.folder(pull.path).url)
        for workspace in sandbox.workspaces
        for pull in workspace.pulls
    ]
    assert all(pull.ok for pull, _ in pulls)
    assert {(theirs, owner_of[pull.token_hash] == other) for pull, theirs in pulls} == {
        (True, True),
        (False, False),
    }
