"""The push events that real pushes make."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.github.git.refs import ZERO_SHA, RefChange
from sandbox.github.webhooks.push_events import announced


@pytest.fixture
def hooked(story, hook):
    story.github.hook_url = hook.url
    return story


def push(story, *refspecs, force=False):
    forced = ("--force",) if force else ()
    story.git("push", "--quiet", *forced, "origin", *refspecs, cwd=story.work)


def received(hook):
    return json.loads(hook.receive()[1])


def test_a_push_is_delivered_with_githubs_headers_and_signature(hooked, hook):
    hooked.git.commit(hooked.work, {"a.txt": "1\n"})

    push(hooked, "main")

    headers, body = hook.receive()
    digest = hmac.new(hooked.github.webhook_secret.encode(), body, hashlib.sha256).hexdigest()
    assert headers["x-hub-signature-256"] == f"sha256={digest}"
    assert headers["x-github-event"] == "push"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers["x-github-delivery"])
    assert headers["x-github-hook-id"].isdecimal()
    assert headers["x-github-hook-installation-target-type"] == "integration"
    assert headers["x-github-hook-installation-target-id"] == str(hooked.github.app_id)
    assert headers["user-agent"].startswith("GitHub-Hookshot/")
    assert headers["content-type"] == "application/json"


def test_a_push_tells_its_commits_and_files(hooked, hook):
    before = hooked.github.head("octo-org/etl", "main")
    hooked.git.commit(hooked.work, {"a.txt": "1\n", "jobs/ü.py": "2\n"}, "One\n\nwith a body")
    (hooked.work / "README.md").unlink()
    after = hooked.git.commit(hooked.work, {"a.txt": "2\n"}, "Two")

    push(hooked, "main")

    event = received(hook)
    assert (event["ref"], event["before"], event["after"]) == ("refs/heads/main", before, after)
    assert (event["created"], event["deleted"], event["forced"]) == (False, False, False)
    assert event["base_ref"] is None
    assert event["compare"].endswith(f"/octo-org/etl/compare/{before[:12]}...{after[:12]}")
    assert [commit["message"] for commit in event["commits"]] == ["One\n\nwith a body", "Two"]
    assert event["commits"][0]["added"] == ["a.txt", "jobs/ü.py"]
    assert event["commits"][1]["modified"] == ["a.txt"]
    assert event["commits"][1]["removed"] == ["README.md"]
    assert all(commit["distinct"] for commit in event["commits"])
    assert event["head_commit"] == event["commits"][1]
    assert event["head_commit"]["author"]["email"] == "ada@example.com"


def test_a_push_tells_repository_pusher_and_installation(hooked, hook):
    hooked.git.commit(hooked.work, {"a.txt": "1\n"})

    push(hooked, "main")

    event = received(hook)
    repository = event["repository"]
    assert repository["id"] == hooked.github.repository("octo-org/etl").id
    assert repository["full_name"] == "octo-org/etl"
    assert repository["clone_url"] == f"{hooked.github.url}/octo-org/etl.git"
    assert repository["url"] == f"{hooked.github.url}/octo-org/etl"
    assert isinstance(repository["created_at"], int)
    assert abs(repository["pushed_at"] - time.time()) < 60
    assert repository["owner"]["name"] == "octo-org"
    assert event["pusher"]["name"] == event["sender"]["login"] == "octocat"
    assert event["installation"]["id"] == hooked.installation_id
    assert event["organization"]["login"] == "octo-org"


def test_a_new_branch_at_a_known_commit_brings_no_commits(hooked, hook):
    head = hooked.github.head("octo-org/etl", "main")

    push(hooked, "main:refs/heads/feature/a")

    event = received(hook)
    assert (event["before"], event["after"], event["created"]) == (ZERO_SHA, head, True)
    assert event["base_ref"] == "refs/heads/main"
    assert event["commits"] == []
    assert event["head_commit"]["id"] == head


def test_a_new_branch_brings_the_commits_that_are_new(hooked, hook):
    after = hooked.git.commit(hooked.work, {"a.txt": "1\n"})

    push(hooked, "main:refs/heads/feature/a")

    event = received(hook)
    assert [commit["id"] for commit in event["commits"]] == [after]
    assert event["base_ref"] is None


def test_commits_known_from_another_branch_are_not_distinct(hooked, hook):
    hooked.git.commit(hooked.work, {"a.txt": "1\n"})
    push(hooked, "main:refs/heads/side")
    hook.receive()
    hooked.git.commit(hooked.work, {"a.txt": "2\n"})

    push(hooked, "main")

    assert [commit["distinct"] for commit in received(hook)["commits"]] == [False, True]


def test_a_deleted_branch_has_no_head_commit(hooked, hook):
    push(hooked, "main:refs/heads/gone")
    hook.receive()

    push(hooked, ":gone")

    event = received(hook)
    assert (event["after"], event["deleted"], event["head_commit"]) == (ZERO_SHA, True, None)
    assert event["commits"] == []


def test_a_forced_push_says_so(hooked, hook):
    hooked.git("commit", "--quiet", "--amend", "--message", "Rewritten", cwd=hooked.work)

    push(hooked, "main", force=True)

    event = received(hook)
    assert event["forced"] is True
    assert [commit["message"] for commit in event["commits"]] == ["Rewritten"]


def test_a_tag_leads_to_its_commit(hooked, hook):
    hooked.git("tag", "--annotate", "--message", "First", "v1", cwd=hooked.work)

    push(hooked, "v1")

    event = received(hook)
    assert event["ref"] == "refs/tags/v1"
    assert event["after"] == hooked.git("rev-parse", "v1", cwd=hooked.work)
    assert event["head_commit"]["id"] == hooked.git("rev-parse", "HEAD", cwd=hooked.work)
    assert event["commits"] == []


def test_three_tags_at_once_are_told_and_four_are_not(hooked, hook):
    for number in range(1, 8):
        hooked.git("tag", f"v{number}", cwd=hooked.work)

    push(hooked, "v1", "v2", "v3", "v4", "main:refs/heads/a")
    push(hooked, "v5", "v6", "v7")

    refs = [received(hook)["ref"] for _ in range(4)]
    assert refs == ["refs/heads/a", "refs/tags/v5", "refs/tags/v6", "refs/tags/v7"]


def test_more_than_5000_branches_at_once_are_not_told():
    changes = [RefChange(f"refs/heads/{number}", ZERO_SHA, "1" * 40) for number in range(5001)]
    tag = RefChange("refs/tags/v1", ZERO_SHA, "1" * 40)

    assert announced([*changes, tag]) == []
    assert announced([*changes[1:], tag]) == [*changes[1:], tag]
    assert announced([RefChange("refs/notes/commits", ZERO_SHA, "1" * 40)]) == []


def test_a_push_of_what_is_there_already_is_no_event(hooked, hook):
    push(hooked, "main")
    hooked.github.commit("octo-org/etl", "main", {"a.txt": "1\n"}, "On the server")
    rejected = hooked.git.attempt("push", "origin", "HEAD:main", cwd=hooked.work)

    push(hooked, "main:refs/heads/last")

    assert "rejected" in rejected.stderr
    assert received(hook)["ref"] == "refs/heads/last"
    assert hook.inbox.empty()


def test_only_the_installed_and_not_suspended_app_is_told(hooked, hook):
    other = hooked.github.add_repository("monalisa/dotfiles").clone_url
    url = other.replace("://", f"://octocat:{hooked.github.user_token()}@")
    hooked.git("push", "--quiet", "--force", url, "main", cwd=hooked.work)
    hooked.github.suspend(hooked.installation_id)
    push(hooked, "main:refs/heads/unseen")
    hooked.github.unsuspend(hooked.installation_id)

    push(hooked, "main:refs/heads/seen")

    told = [received(hook) for _ in range(3)]
    assert [one.get("action") or one["ref"] for one in told] == [
        "suspend",
        "unsuspend",
        "refs/heads/seen",
    ]


def test_git_does_not_wait_for_the_hook(hooked, hook):
    hook.gate.clear()
    push(hooked, "main:refs/heads/a")
    hook.receive()

    push(hooked, "main:refs/heads/b")

    assert hooked.github.deliveries == []
    hook.gate.set()
    assert received(hook)["ref"] == "refs/heads/b"


def test_pushes_at_the_same_time_are_all_told_once(hooked, hook):
    names = {f"refs/heads/b{number}" for number in range(6)}
    with_credentials = hooked.git("remote", "get-url", "origin", cwd=hooked.work)
    with ThreadPoolExecutor(3) as pool:
        for name in names:
            pool.submit(
                hooked.git, "push", "--quiet", with_credentials, f"main:{name}", cwd=hooked.work
            )

    assert {received(hook)["ref"] for _ in names} == names
    assert hook.inbox.empty()


def test_a_bot_that_pushes_is_the_sender(hooked, hook, rest):
    hooked.github.app_permissions = {"contents": "write", "metadata": "read"}
    token = rest.token(hooked.installation_id)
    url = hooked.github.repository("octo-org/etl").clone_url

    hooked.git(
        "push",
        "--quiet",
        url.replace("://", f"://x-access-token:{token}@"),
        "main:refs/heads/by-the-app",
        cwd=hooked.work,
    )

    assert received(hook)["sender"]["login"] == f"{hooked.github.app_slug}[bot]"
