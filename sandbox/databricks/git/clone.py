"""One clone on disk, and how Databricks brings it to a branch or tag of its remote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.databricks.git import refs
from sandbox.databricks.git.git import Git, GitError
from sandbox.databricks.problems import (
    GitProblemError,
    Problem,
    checkout_problem,
    network_problem,
)


class Clone:
    """A working tree with its `.git`. Calls are serialized: git allows one writer."""

    def __init__(self, git: Git, directory: Path) -> None:
        self._git = git
        self.directory = directory

    def head(self) -> tuple[str | None, str | None]:
        """Return the branch, None on a tag, and the commit."""
        return refs.head(self.directory / ".git")

    def download(
        self, url: str, authorization: Mapping[str, str], *, sparse: Sequence[str] | None
    ) -> None:
        """Clone *url* with its default branch."""
        options = ("--no-tags", *(("--sparse",) if sparse is not None else ()))
        parent, name = self.directory.parent, self.directory.name
        command = ("clone", "--quiet", *options, "--", url, name)
        try:
            self._git.run(parent, *command, settings=authorization)
        except GitError as exc:
            raise network_problem(exc.stderr, "HEAD") from exc
        if sparse is not None:
            self.set_sparse_checkout(sparse)

    def begin(self, url: str) -> None:
        """Create the state of a clone that was interrupted before its first commit."""
        self.directory.mkdir(exist_ok=True)
        self._git.run(self.directory, "init", "--quiet", "--initial-branch", "main")
        self._git.run(self.directory, "remote", "add", "--", "origin", url)

    def set_sparse_checkout(self, patterns: Sequence[str]) -> None:
        """Keep only what matches *patterns* in the working tree."""
        self._git.run(self.directory, "sparse-checkout", "set", "--no-cone", "--", *patterns)

    def set_remote(self, url: str) -> None:
        """Fetch from *url* from now on; what was fetched before is kept."""
        self._git.run(self.directory, "remote", "set-url", "origin", url)

    def discard(self) -> None:
        """Delete uncommitted and untracked work; local commits are kept."""
        self._git.run(self.directory, "reset", "--quiet", "--hard")
        self._git.run(self.directory, "clean", "--quiet", "-f", "-d")

    def update_to_branch(self, branch: str, authorization: Mapping[str, str]) -> None:
        """Fetch *branch*, check it out and bring it to the remote's commit."""
        local, remote = f"refs/heads/{branch}", f"refs/remotes/origin/{branch}"
        remote_before = self._resolve(remote)
        self._fetch(f"+{local}:{remote}", authorization, ref=branch)
        target = self._target(branch, remote_before)
        if self.head() == (branch, target):
            return
        self._checkout("-B", branch, target)
        if not self._tracks(branch):
            self._git.run(self.directory, "branch", f"--set-upstream-to=origin/{branch}", branch)

    def update_to_tag(self, tag: str, authorization: Mapping[str, str]) -> None:
        """Fetch *tag* and check it out, on no branch."""
        ref = f"refs/tags/{tag}"
        self._fetch(f"+{ref}:{ref}", authorization, ref=tag)
        self._checkout("--detach", ref)

    def commit(self, files: Mapping[str, str], message: str) -> str:
        """Commit *files* as a person would in this folder; return the commit."""
        for name, text in files.items():
            self.write(name, text)
        self._git.run(self.directory, "add", "--", *files)
        self._git.run(self.directory, "commit", "--quiet", f"--message={message}")
        commit = self.head()[1]
        assert commit is not None
        return commit

    def switch(self, branch: str, source: Path | None) -> None:
        """Check out *branch* as a person would: from *source*, or a new one if it is not there."""
        local, remote = f"refs/heads/{branch}", f"refs/remotes/origin/{branch}"
        known = self._resolve(local) or self._resolve(remote)
        if not known and source is not None and refs.resolve(source, local):
            command = ("fetch", "--quiet", "--no-tags", str(source), f"+{local}:{remote}")
            self._git.run(self.directory, *command)
            known = self._resolve(remote)
        self._checkout(*(() if known else ("-b",)), branch)

    def write(self, name: str, text: str) -> None:
        """Write a file as a new one: copies of this clone may share the old one."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text, encoding="utf-8")

    def _resolve(self, ref: str) -> str | None:
        return refs.resolve(self.directory / ".git", ref)

    def _fetch(self, refspec: str, authorization: Mapping[str, str], *, ref: str) -> None:
        command = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin", refspec)
        try:
            self._git.run(self.directory, *command, settings=authorization)
        except GitError as exc:
            raise network_problem(exc.stderr, ref) from exc

    def _checkout(self, *arguments: str) -> None:
        """Check out; uncommitted changes are kept unless they are in the way."""
        try:
            self._git.run(self.directory, "checkout", "--quiet", *arguments, "--")
        except GitError as exc:
            raise checkout_problem(exc.stderr) from exc

    def _target(self, branch: str, remote_before: str | None) -> str:
        """Return the commit for the local branch: local commits are never lost."""
        local = self._resolve(f"refs/heads/{branch}")
        remote = self._resolve(f"refs/remotes/origin/{branch}")
        assert remote is not None
        if local in (None, remote, remote_before):
            return remote
        assert local is not None
        if self._is_ancestor(local, remote):
            return remote
        # A branch that was pushed by force while something else was in the way of an update.
        if refs.was_at(self.directory / ".git", f"refs/remotes/origin/{branch}", local):
            return remote
        if remote_before and self._is_ancestor(local, remote_before):
            return remote
        if self._is_ancestor(remote, local):
            return local
        raise GitProblemError(Problem.DIVERGED, branch)

    def _is_ancestor(self, old: str, new: str) -> bool:
        return self._git.succeeds(self.directory, "merge-base", "--is-ancestor", old, new)

    def _tracks(self, branch: str) -> bool:
        config = (self.directory / ".git" / "config").read_text(encoding="utf-8")
        return f'[branch "{branch}"]' in config
