"""Find the pushed commit: the remote's head of a branch, not the commit checked out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hooks.pushed.branch_name import did_you_mean
from hooks.pushed.repository import (
    PushedRepository,
    in_words,
    names_of,
    pushed_repository,
    read_elsewhere,
    required_names,
)
from hooks.system.git import Git, GitError
from promotion.errors import ConfigError
from promotion.model import HEADS, ZERO_SHA, Push
from promotion.repository_url import RepositoryKey, repository_key

UNKNOWN = ""  # no commit: it has to be read from a Git folder
SHA = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class PushedCommit:
    """A branch of a repository, and its commit on the remote."""

    repository: PushedRepository
    remote: str
    url: str
    push: Push  # that brings Git folders to the commit, UNKNOWN where the remote could not be asked
    note: str = ""  # a remark for the person

    @property
    def branch(self) -> str:
        return self.push.ref.removeprefix(HEADS)


def commit_of_url(url: str, branch: str, git: Git, environ: Mapping[str, str]) -> PushedCommit:
    """Return the commit of *branch* in the repository at *url*; no clone is needed.

    Where git can't ask (a CI step without git's credentials), the variables of GitHub Actions have
    the commit of the branch that it runs for. Otherwise the commit remains unknown.
    """
    repository, ref = PushedRepository(required_names(url, git)), f"{HEADS}{branch}"
    key = repository.keys[0]
    try:
        after = git.ls_remote(url, ref)
    except GitError:
        after = _commit_of_workflow(key, ref, environ)
        note = "" if after else "git could not ask the remote: the commit is read from a Git folder"
        return PushedCommit(repository, url, url, Push(key.full_name, ref, ZERO_SHA, after), note)
    if after is None:
        question = did_you_mean(branch) or ": is it pushed?"
        raise ConfigError(f"{key.full_name} has no branch {branch!r}{question}")
    return PushedCommit(repository, url, url, Push(key.full_name, ref, ZERO_SHA, after))


def commit_of_clone(git: Git, branch: str = "") -> PushedCommit:
    """Return the commit of a local branch's upstream; "" means the branch checked out."""
    try:
        remotes = git.remotes()
    except GitError as exc:
        raise ConfigError(f"no clone to promote from; give --url and --branch ({exc})") from None
    chosen = branch or git.current_branch()
    if not chosen:
        raise ConfigError("no branch is checked out here: name one with --branch, or give --url")
    remote, ref = git.upstream(chosen) or _by_name(remotes, chosen)
    url = git.remote_url(remote) or remote
    repository, after = _head(git, remote, url, ref)
    if after is None:
        raise ConfigError(
            f"{repository.keys[0].full_name} has no branch {ref.removeprefix(HEADS)!r}: "
            f"run `git push -u {remote} {chosen}` first{did_you_mean(chosen)}"
        )
    note = "; ".join(filter(None, (_difference(git, chosen, after), repository.behind)))
    push = Push(repository.keys[0].full_name, ref, ZERO_SHA, after)
    return PushedCommit(repository, remote, url, push, note)


def _head(git: Git, remote: str, url: str, ref: str) -> tuple[PushedRepository, str | None]:
    """Return a branch's head in the repository pushed to, or else in the one fetched from."""
    others = read_elsewhere(git, url, remote)
    if not others:
        return PushedRepository(required_names(url, git)), git.ls_remote(remote, ref)
    try:
        here = git.ls_remote(url, ref) if names_of(url, git) else None
    except GitError:  # a mirror that only accepts pushes
        here = None
    if here is not None:
        return pushed_repository(git, url=url, remote=remote, ref=ref, after=here), here
    behind = f"promoting what {in_words(others)} has: git could not read the branch where pushes go"
    return PushedRepository(others, behind), git.ls_remote(remote, ref)


def _by_name(remotes: list[str], branch: str) -> tuple[str, str]:
    """Return the remote and ref to which a branch without an upstream was most likely pushed."""
    if len(remotes) == 1 or "origin" in remotes:
        return (remotes[0] if len(remotes) == 1 else "origin"), f"{HEADS}{branch}"
    raise ConfigError(
        f"branch {branch!r} has no upstream: run `git push -u REMOTE {branch}`, "
        "or give --url and --branch"
    )


def _difference(git: Git, branch: str, after: str) -> str:
    local = git.resolve(f"{HEADS}{branch}")
    if local is None or local == after:
        return ""
    if git.is_ancestor(after, local):
        return f"your {branch} is ahead, at {local[:7]}: promoting what is pushed, {after[:7]}"
    if git.is_ancestor(local, after):
        return f"your {branch} is behind, at {local[:7]}: promoting what is pushed, {after[:7]}"
    return f"your {branch} differs, at {local[:7]}: promoting what is pushed, {after[:7]}"


def _commit_of_workflow(key: RepositoryKey, ref: str, environ: Mapping[str, str]) -> str:
    repository = f"{environ.get('GITHUB_SERVER_URL')}/{environ.get('GITHUB_REPOSITORY')}"
    after = environ.get("GITHUB_SHA", "")
    ours = repository_key(repository) == key and environ.get("GITHUB_REF") == ref
    return after if ours and SHA.fullmatch(after) else UNKNOWN
