"""A payload names addresses of all kinds: what is called are those of the settings."""

from __future__ import annotations

import pytest
from app_world import FAST, completed, fill, post, push_payload, settled
from running import running_service
from security.listener import listener

from sandbox import world
from sandbox.sandbox import Options, open_sandbox

NAMED = (
    *("url", "html_url", "clone_url", "git_url", "ssh_url", "svn_url", "mirror_url", "homepage"),
    *("statuses_url", "commits_url", "git_refs_url", "compare_url", "hooks_url", "archive_url"),
    *("contents_url", "deployments_url", "keys_url", "tags_url", "branches_url"),
)


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        fill(opened)
        yield opened


def test_no_address_of_a_payload_is_called(sandbox):
    before = sandbox.github.head(world.MAIN, "main")
    sha = sandbox.github.commit(world.MAIN, "main", {"a.txt": "1\n"}, "Change a")
    payload = push_payload(sandbox, before, sha)
    with listener() as (elsewhere, called), running_service(sandbox, **FAST) as service:
        told = {name: f"{elsewhere}/{name}" for name in NAMED}
        payload |= {"compare": f"{elsewhere}/compare", "head_commit": {"id": sha, **told}}
        payload["sender"] = {"login": "octocat", "avatar_url": f"{elsewhere}/avatar", **told}
        payload["repository"] |= {**told, "html_url": payload["repository"]["html_url"]}

        answer, _ = post(sandbox, service, payload)
        runs = completed(sandbox, sha)
        payload["repository"]["html_url"] = f"{elsewhere}/octo-org/etl"
        other, _ = post(sandbox, service, payload)
        settled(service)

    assert (answer, other) == (202, 202)
    assert {run.conclusion for run in runs.values()} == {"success"}
    assert called == []
