"""Questions to real repositories."""

from __future__ import annotations

import os

import pytest
from pushing.machine import AUTHORS
from pushing.programs import git

from hooks.git import Git, GitError
from hooks.proof import Arrival, Witness

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


def a_witness(clone, remote="origin"):
    asked = Git(clone, ENVIRON)
    return Witness(asked, remote=remote, address=remote, before=asked.references())


def test_a_clone_answers(clone, tmp_path):
    asked = Git(clone, ENVIRON)
    head = asked.resolve("HEAD")

    assert asked.remotes() == ["origin"]
    assert asked.remote_url("origin") == asked.fetch_url("origin") == str(tmp_path / "remote.git")
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


def test_what_git_can_not_answer_is_an_error(clone, tmp_path):
    with pytest.raises(GitError, match="git ls-remote ended with 128"):
        Git(clone, ENVIRON).ls_remote("nowhere", "refs/heads/main")
    with pytest.raises(GitError, match="git remote ended with 128: fatal: not a git repository"):
        Git(tmp_path, ENVIRON).remotes()
    with pytest.raises(GitError, match="git can't be started"):
        Git(tmp_path / "gone", ENVIRON).remotes()


def test_a_tracking_ref_that_came_to_the_commit_proves_the_push(clone):
    witness = a_witness(clone)
    sha = commit(clone)
    git(clone, "push", "--quiet", environ=ENVIRON)
    git(clone, "remote", "set-url", "origin", "/nowhere", environ=ENVIRON)

    assert witness.moved() == {"refs/heads/main": sha}
    assert witness.prove("refs/heads/main", sha).arrival is Arrival.PUSHED
    assert witness.still_there("refs/heads/main", sha).arrival is Arrival.PUSHED


def test_a_remote_that_is_past_the_commit_supersedes_it(clone):
    witness = a_witness(clone)
    older, newer = commit(clone), commit(clone)
    git(clone, "push", "--quiet", environ=ENVIRON)

    proof = witness.prove("refs/heads/main", older)

    assert proof.arrival is Arrival.SUPERSEDED
    assert proof.reason == f"refs/heads/main is at {newer[:7]}, which is newer"
    git(clone, "remote", "set-url", "origin", "/nowhere", environ=ENVIRON)
    assert witness.prove("refs/heads/main", older).arrival is Arrival.SUPERSEDED


def test_a_remote_that_lacks_the_commit_proves_the_opposite(clone):
    witness = a_witness(clone)
    there, here = Git(clone, ENVIRON).resolve("HEAD"), commit(clone)

    proof = witness.prove("refs/heads/main", here)

    assert proof.arrival is Arrival.NOT_PUSHED
    assert proof.reason == f"refs/heads/main is at {there[:7]}, not at {here[:7]}"
    assert witness.prove("refs/heads/new", here).reason == "the remote has no refs/heads/new"
    assert witness.before("refs/heads/main") == there


def test_what_nobody_can_tell_is_unknown(clone):
    witness = a_witness(clone, remote="/nowhere")
    sha = commit(clone)

    assert witness.prove("refs/heads/main", sha).arrival is Arrival.UNKNOWN
    assert witness.still_there("refs/heads/main", sha).arrival is Arrival.UNKNOWN
