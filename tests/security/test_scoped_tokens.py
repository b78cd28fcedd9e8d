"""The token that Databricks holds is good for one hour, for reading, and for few repositories."""

from __future__ import annotations

import hashlib

import pytest
from app_world import FAST, completed, fill, push, wait_for_heads
from running import running_service

from sandbox import world
from sandbox.sandbox import Options, open_sandbox

HOUR = 3600


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        fill(opened)
        yield opened


def test_databricks_gets_a_token_for_an_hour_and_just_the_repositories_with_git_folders(sandbox):
    github = sandbox.github
    fill(sandbox, repository="octo-org/ml", people=("grace",))
    github.add_repository("octo-org/secret-project")

    with running_service(sandbox, **FAST) as service:
        sha = push(sandbox, service)
        wait_for_heads(sandbox, sha, "etl")
        completed(sandbox, sha)

    handed_over = {pull.token_hash for place in sandbox.workspaces for pull in place.pulls}
    issued = {hashlib.sha256(t.token.encode()).hexdigest()[:12]: t for t in github.issued_tokens}
    tokens = [issued[each] for each in handed_over]
    plan_input = {github.repository(name).id for name in (world.MAIN, "octo-org/ml")}
    assert tokens
    for token in tokens:
        assert token.permissions == {"contents": "read", "metadata": "read"}
        assert set(token.repository_ids or ()) == plan_input
        assert token.expires_at - token.issued_at <= HOUR
