"""A push through everything: real git, real sockets, the service in a process of its own."""

from __future__ import annotations

import contextlib
import itertools
import re
import sqlite3
import zlib

import pytest
import requests
from app_world import checks, completed, settled
from running import Developer, wait_until

from sandbox import world

pytestmark = pytest.mark.usefixtures("service")


@pytest.fixture
def developer(sandbox, tmp_path):
    return Developer(sandbox, tmp_path / "clone")


def heads(sandbox):
    return {
        (workspace.name, folder.path): folder.head_commit_id
        for workspace in sandbox.workspaces
        for folder in workspace.folders()
    }


def following(repository, branch):
    return {
        (seed.workspace, seed.path)
        for seed in world.seeds()
        if (seed.repository, seed.branch, seed.tag) == (repository, branch, None)
    }


def test_a_push_reaches_every_git_folder_that_follows_the_branch_and_no_other(sandbox, developer):
    before = heads(sandbox)
    sha = developer.commit()

    developer.push()
    runs = completed(sandbox, sha)

    after = heads(sandbox)
    assert {place for place, head in after.items() if head == sha} == following(world.MAIN, "main")
    assert {place for place, head in after.items() if head != before[place]} == following(
        world.MAIN, "main"
    )
    assert {name: (run.conclusion, run.title) for name, run in runs.items()} == {
        "dev": ("success", f"21 of 21 Git folders at {sha[:7]}"),
        "prod": ("success", f"7 of 7 Git folders at {sha[:7]}"),
    }


def test_the_check_run_has_a_line_for_each_git_folder_and_says_why_others_stay(sandbox, developer):
    sha = developer.commit("a.txt")

    developer.push()
    summary = completed(sandbox, sha)["prod"].summary

    assert len(re.findall(r"^\| ✓ \| \[/Repos/Production/etl-\d\]", summary, re.MULTILINE)) == 7
    assert "- /Repos/Release/etl-1: follows release/1.0" in summary
    assert "- /Repos/Release/etl-fixed: is on a tag or a commit, not on a branch" in summary


def test_a_git_folder_with_edits_fails_alone_and_says_what_to_do(sandbox, developer):
    sha = developer.commit(world.EDITED_FILE, "rows = 4\n")

    developer.push()
    run = completed(sandbox, sha)["dev"]

    assert (run.conclusion, run.title) == (
        "action_required",
        f"20 of 21 Git folders at {sha[:7]}",
    )
    assert "somebody edited files in the Git folder that the push changes too" in run.summary
    assert "commit or discard the edits in the Git folder, then re-run" in run.summary
    assert heads(sandbox)["dev", world.DIRTY] != sha
    sandbox.workspace("dev").write_file(world.DIRTY, world.EDITED_FILE, "rows = 1\n")


def test_another_branch_moves_only_its_followers(sandbox, developer):
    developer.git("checkout", "-q", "release/1.0")
    sha = developer.commit("b.txt")

    developer.push()
    completed(sandbox, sha)

    there = {place for place, head in heads(sandbox).items() if head == sha}
    assert there == following(world.MAIN, "release/1.0")


def test_a_branch_that_nobody_follows_moves_nothing_and_writes_nothing(sandbox, service, developer):
    before = heads(sandbox)
    developer.git("checkout", "-q", "-b", "feature/ä")
    sha = developer.commit("c.txt")

    developer.push()
    pushed = wait_until(
        lambda: [d for d in sandbox.github.deliveries if d.payload.get("after") == sha],
        what="the delivery",
    )
    settled(service)

    assert [delivery.status for delivery in pushed] == ["OK"]
    assert checks(sandbox, sha) == {}
    assert heads(sandbox) == before


def test_a_tag_and_a_deleted_branch_move_nothing(sandbox, service, developer):
    before = heads(sandbox)
    developer.git("tag", "v9.9")
    developer.push("origin", "v9.9")
    developer.push("origin", "HEAD:refs/heads/short-lived")
    developer.push("origin", ":refs/heads/short-lived")

    pushed = wait_until(
        lambda: "brickpush_pending_branches 0.0" in requests.get(f"{service.url}/metrics").text,
        what="the end of all promotions",
    )

    assert pushed
    assert heads(sandbox) == before


def test_the_token_that_databricks_got_reads_contents_and_nothing_else(sandbox, developer):
    sandbox.github.expire_tokens()
    sha = developer.commit("d.txt")

    developer.push()
    completed(sandbox, sha)

    granted = {tuple(sorted(t.permissions.items())) for t in sandbox.github.issued_tokens}
    assert granted <= {
        (("contents", "read"), ("metadata", "read")),
        (("checks", "write"), ("metadata", "read")),
        (("metadata", "read"),),
    }


def test_neither_logs_nor_database_hold_a_secret(sandbox, service, developer):
    sha = developer.commit("e.txt")
    developer.push()
    completed(sandbox, sha)
    secrets = {token.token for token in sandbox.github.issued_tokens}
    secrets |= {place.principal.client_secret for place in sandbox.places}
    secrets |= {sandbox.github.webhook_secret, sandbox.user_token}

    written = service.log.read_text() + "\n".join(kept(sandbox.directory / "brickpush.sqlite"))

    assert secrets
    assert sha in written
    assert [secret[:12] for secret in secrets if secret in written] == []


def kept(path):
    """Yield every value of a database as text, what is packed unpacked."""
    with contextlib.closing(sqlite3.connect(path)) as reader:
        names = [
            name
            for (name,) in reader.execute("select name from sqlite_master where type = 'table'")
        ]
        rows = [row for name in names for row in reader.execute(f'select * from "{name}"')]
    for value in itertools.chain.from_iterable(rows):
        raw = value if isinstance(value, bytes) else str(value).encode()
        with contextlib.suppress(zlib.error):
            raw = zlib.decompress(raw)
        yield raw.decode(errors="replace")
