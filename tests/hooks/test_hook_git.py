"""Questions to real repositories."""

from __future__ import annotations

import os

import pytest
from pushing.machine import AUTHORS
from pushing.programs import git

from hooks.background.verify import PushStatus, PushVerifier, Tracking
from hooks.system.git import Git, GitError
from promotion.ancestry import Ancestry

ENVIRON = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_NOSYSTEM": "1",
    "HOME": "/nonexistent",
    **AUTHORS,
}


@pytest.fixture
def clone(tmp_path):
    """A clone with one pushed commit."""
    directory = tmp_path / "clone"
    git(tmp_path, "init", "--quiet", "--bare", "-b", "main", "remote.git", environ=ENVIRON)
    git(tmp_path, "init", "--quiet", "-b", "main", "clone", environ=ENVIRON)
    git(directory, "remote", "add", "origin", str(tmp_path / "remote.git"), environ=ENVIRON)
    commit(directory)
    git(directory, "push", "--quiet", "-u", "origin", "main", environ=ENVIRON)
    return directory


def commit(directory):
    git(directory, "commit", "--quiet", "--allow-empty", "-m", "change", environ=ENVIRON)
    return git(directory, "rev-parse", "HEAD", environ=ENVIRON)


def a_verifier(clone, remote="origin", **more):
    asked = Git(clone, ENVIRON)
    return PushVerifier(asked, remote=remote, address=remote, before=asked.references(), **more)


def test_a_clone_answers(clone, tmp_path):
    asked = Git(clone, ENVIRON)
    head = asked.resolve("HEAD")

    assert asked.remotes() == ["origin"]
    assert asked.remote_url("origin") == asked.fetch_url("origin") == str(tmp_path / "remote.git")
    assert asked.push_urls("origin") == [str(tmp_path / "remote.git")]
    assert asked.current_branch() == "main"
    assert asked.upstream("main") == ("origin", "refs/heads/main")
    assert asked.tracking_refs("origin") == {"refs/heads/main": head}
    assert asked.ls_remote("origin", "refs/heads/main") == head
    assert asked.ls_remote("origin", "refs/heads/other") is None
    assert asked.config("core.bare") == "false"
    assert asked.top_level() == clone
    assert asked.hooks_path() == clone / ".git" / "hooks"


def test_what_is_not_there_is_none(clone):
    asked = Git(clone, ENVIRON)
    git(clone, "checkout", "--quiet", "--detach", environ=ENVIRON)

    assert asked.remote_url("nowhere") is None
    assert asked.push_urls("nowhere") == []
    assert asked.current_branch() is None
    assert asked.upstream("other") is None
    assert asked.resolve("nothing") is None
    assert asked.resolve("--help") is None
    assert asked.config("no.such") is None
    assert asked.tracking_refs("https://github.com/octo-org/etl") == {}
    assert Git(clone / ".git", ENVIRON).top_level() is None


def test_ancestry_is_told_where_both_commits_are_known(clone):
    asked = Git(clone, ENVIRON)
    first = asked.resolve("HEAD")
    second = commit(clone)

    assert asked.is_ancestor(first, second) is True
    assert asked.is_ancestor(second, first) is False
    assert asked.is_ancestor(first, "f" * 40) is None
    assert asked.ancestry(second, first) is Ancestry.CONTAINS
    assert asked.ancestry(first, second) is Ancestry.LACKS
    assert asked.ancestry("f" * 40, first) is Ancestry.UNKNOWN
    assert Git(clone / "nowhere", ENVIRON).ancestry(second, first) is Ancestry.UNKNOWN


def test_a_shallow_clone_lacks_the_links_between_its_commits(clone, tmp_path):
    first = Git(clone, ENVIRON).resolve("HEAD")
    remote, shallow = f"file://{tmp_path / 'remote.git'}", tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", remote, "shallow", environ=ENVIRON)
    second = commit(clone)
    git(clone, "push", "--quiet", environ=ENVIRON)
    git(shallow, "fetch", "--quiet", "--depth=1", environ=ENVIRON)
    asked = Git(shallow, ENVIRON)

    assert asked.is_ancestor(first, second) is False  # by what is there
    assert asked.ancestry(second, first) is Ancestry.UNKNOWN
    assert asked.ancestry(second, second) is Ancestry.CONTAINS


def test_what_git_can_not_answer_is_an_error(clone, tmp_path):
    with pytest.raises(GitError, match="git ls-remote ended with 128"):
        Git(clone, ENVIRON).ls_remote("nowhere", "refs/heads/main")
    with pytest.raises(GitError, match="git remote ended with 128: fatal: not a git repository"):
        Git(tmp_path, ENVIRON).remotes()
    with pytest.raises(GitError, match="git can't be started"):
        Git(tmp_path / "gone", ENVIRON).remotes()


def test_a_tracking_ref_that_came_to_the_commit_proves_the_push(clone):
    verifier = a_verifier(clone)
    sha = commit(clone)
    git(clone, "push", "--quiet", environ=ENVIRON)
    git(clone, "remote", "set-url", "origin", "/nowhere", environ=ENVIRON)

    assert verifier.moved() == {"refs/heads/main": sha}
    assert verifier.verify("refs/heads/main", sha).status is PushStatus.PUSHED
    assert verifier.verify_again("refs/heads/main", sha).status is PushStatus.PUSHED


def test_a_remote_that_is_past_the_commit_supersedes_it(clone):
    verifier = a_verifier(clone)
    older, newer = commit(clone), commit(clone)
    git(clone, "push", "--quiet", environ=ENVIRON)

    proof = verifier.verify("refs/heads/main", older)

    assert proof.status is PushStatus.SUPERSEDED
    assert proof.reason == f"refs/heads/main is at {newer[:7]}, which is newer"
    git(clone, "remote", "set-url", "origin", "/nowhere", environ=ENVIRON)
    assert verifier.verify("refs/heads/main", older).status is PushStatus.SUPERSEDED


def test_a_remote_that_lacks_the_commit_proves_the_opposite(clone):
    verifier = a_verifier(clone)
    there, here = Git(clone, ENVIRON).resolve("HEAD"), commit(clone)

    proof = verifier.verify("refs/heads/main", here)

    assert proof.status is PushStatus.NOT_PUSHED
    assert proof.reason == f"refs/heads/main is at {there[:7]}, not at {here[:7]}"
    assert verifier.verify("refs/heads/new", here).reason == "the remote has no refs/heads/new"
    assert verifier.before("refs/heads/main") == there


def test_what_nobody_can_tell_is_unknown(clone):
    verifier = a_verifier(clone, remote="/nowhere")
    sha = commit(clone)

    assert verifier.verify("refs/heads/main", sha).status is PushStatus.UNKNOWN
    assert verifier.verify_again("refs/heads/main", sha).status is PushStatus.UNKNOWN


def test_branches_that_were_pushed_are_found_without_a_reflog_too(clone):
    git(clone, "config", "core.logAllRefUpdates", "false", environ=ENVIRON)
    git(clone, "reflog", "expire", "--expire=all", "--all", environ=ENVIRON)
    for log in (clone / ".git" / "logs").rglob("main"):
        log.unlink()
    verifier = a_verifier(clone)
    sha = commit(clone)
    git(clone, "push", "--quiet", environ=ENVIRON)

    assert Git(clone, ENVIRON).last_update("refs/remotes/origin/main") == ""
    assert verifier.moved() == {"refs/heads/main": sha}


@pytest.mark.parametrize(
    ("tracking", "status"),
    [
        pytest.param(Tracking.BOTH, PushStatus.PUSHED, id="one repository"),
        pytest.param(Tracking.PUSH, PushStatus.UNKNOWN, id="read from another repository"),
        pytest.param(Tracking.NEITHER, PushStatus.UNKNOWN, id="written to several"),
    ],
)
def test_a_fetch_proves_a_push_only_where_it_is_of_the_same_repository(clone, tracking, status):
    verifier = a_verifier(clone, tracking=tracking)
    sha = commit(clone)
    remote = clone.parent / "remote.git"
    git(clone, "push", "--quiet", str(remote), "main", environ=ENVIRON)
    git(clone, "fetch", "--quiet", environ=ENVIRON)
    git(clone, "update-ref", "-m", "fetch", "refs/remotes/origin/main", sha, environ=ENVIRON)
    remote.rename(clone.parent / "away.git")

    assert verifier.verify("refs/heads/main", sha).status is status
    assert verifier.verify_again("refs/heads/main", sha).status is status


@pytest.mark.parametrize(
    ("tracking", "status"),
    [
        (Tracking.BOTH, PushStatus.PUSHED),
        (Tracking.PUSH, PushStatus.PUSHED),
        (Tracking.NEITHER, PushStatus.UNKNOWN),
    ],
)
def test_a_ref_that_a_push_moved_proves_it_unless_the_push_went_to_several(clone, tracking, status):
    verifier = a_verifier(clone, tracking=tracking)
    sha = commit(clone)
    git(clone, "push", "--quiet", environ=ENVIRON)
    (clone.parent / "remote.git").rename(clone.parent / "away.git")

    assert verifier.verify("refs/heads/main", sha).status is status


def test_a_ref_that_tracked_the_commit_before_the_push_proves_nothing_of_it(clone):
    sha = Git(clone, ENVIRON).resolve("HEAD")
    verifier = a_verifier(clone)
    (clone.parent / "remote.git").rename(clone.parent / "away.git")

    assert verifier.verify("refs/heads/main", sha).status is PushStatus.UNKNOWN
    assert verifier.verify_again("refs/heads/main", sha).status is PushStatus.UNKNOWN
