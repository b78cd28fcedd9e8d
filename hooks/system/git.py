"""Run git without a terminal; no other module outside `foreground` runs it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from hooks.foreground.tracking_refs import LISTING, TRACKING, by_name
from promotion.ancestry import Ancestry
from promotion.errors import PromotionError
from promotion.safe_text import redact

CALL_SECONDS = 30.0

# Nobody can answer a prompt: an empty askpass also disables the one in git's configuration.
UNATTENDED = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "GCM_INTERACTIVE": "never",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}
BATCH_SSH = "ssh -o BatchMode=yes"


class GitError(PromotionError):
    """git could not answer."""


class Git:
    """One repository, by its directory and the environment that the push ran in."""

    def __init__(self, directory: Path, environ: Mapping[str, str]) -> None:
        self.directory = directory
        self._environ = {**environ, **UNATTENDED}

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment of git and the programs that it runs, without any prompts."""
        return self._environ

    def remotes(self) -> list[str]:
        """Return the names of the configured remotes."""
        return self._text("remote").splitlines()

    def remote_url(self, name: str) -> str | None:
        """Return the URL that a push to the remote goes to, or None without such a remote."""
        return self._answer("remote", "get-url", "--push", "--", name)

    def push_urls(self, name: str) -> list[str]:
        """Return every URL that a push to the remote goes to; none without such a remote."""
        answer = self._run("remote", "get-url", "--push", "--all", "--", name)
        return answer.stdout.splitlines() if answer.returncode == 0 else []

    def fetch_url(self, name: str) -> str | None:
        """Return the URL that a remote, given by its name or its URL, is fetched from."""
        return self._answer("ls-remote", "--get-url", "--", name)

    def current_branch(self) -> str | None:
        """Return the checked-out branch, or None on a detached HEAD."""
        return self._answer("symbolic-ref", "--quiet", "--short", "HEAD")

    def upstream(self, branch: str) -> tuple[str, str] | None:
        """Return the remote and the ref that the branch is configured to follow."""
        remote = self.config(f"branch.{branch}.remote")
        ref = self.config(f"branch.{branch}.merge")
        return (remote, ref) if remote and ref else None

    def resolve(self, revision: str) -> str | None:
        """Return the commit of a revision, or None."""
        if revision.startswith("-"):
            return None
        return self._answer("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")

    def references(self, prefix: str = TRACKING) -> dict[str, str]:
        """Return every local ref under *prefix* with the object it points at."""
        return by_name(self._text("for-each-ref", LISTING, prefix))

    def fetch_refspecs(self, remote: str) -> list[str]:
        """Return the remote's configured fetch refspecs; none for a URL."""
        answer = self._run("config", "--get-all", f"remote.{remote}.fetch")
        return answer.stdout.splitlines() if answer.returncode == 0 else []

    def tracking_refs(self, remote: str) -> dict[str, str]:
        """Return the locally known state of the remote's refs, by their names on the remote."""
        return remote_refs(self.fetch_refspecs(remote), self.references())

    def last_update(self, ref: str) -> str:
        """Return the reflog's message for a ref's last update, "" where there is none."""
        return self._answer("log", "--walk-reflogs", "-1", "--format=%gs", ref, "--") or ""

    def ls_remote(self, remote: str, ref: str) -> str | None:
        """Return the commit of the remote's ref; None where it has no such ref.

        Raises GitError where the remote can't be asked.
        """
        environ = self._environ | self._batch_ssh()
        answer = self._run("ls-remote", "--", remote, ref, environ=environ)
        if answer.returncode != 0:
            words = redact(" ".join(answer.stderr.split()))[:300]
            raise GitError(f"git ls-remote ended with {answer.returncode}: {words}")
        found = (line.partition("\t") for line in answer.stdout.splitlines())
        return next((sha for sha, _, name in found if name == ref), None)

    def is_ancestor(self, ancestor: str, descendant: str) -> bool | None:
        """Return whether one commit contains another; None where one is not in this clone."""
        answer = self._run("merge-base", "--is-ancestor", ancestor, descendant)
        return {0: True, 1: False}.get(answer.returncode)

    def ancestry(self, head: str, commit: str) -> Ancestry:
        """Return how *head* relates to *commit*, by this clone; a shallow one may not know."""
        try:
            ancestry = Ancestry.of(self.is_ancestor(commit, head))
            if ancestry is Ancestry.LACKS and self._is_shallow():
                return Ancestry.UNKNOWN
        except GitError:
            return Ancestry.UNKNOWN
        return ancestry

    def _is_shallow(self) -> bool:
        return self._answer("rev-parse", "--is-shallow-repository") == "true"

    def config(self, name: str) -> str | None:
        """Return a configured value, or None."""
        return self._answer("config", "--get", name)

    def top_level(self) -> Path | None:
        """Return the root of the work tree, or None in a bare repository."""
        path = self._answer("rev-parse", "--show-toplevel")
        return Path(path) if path else None

    def hooks_path(self) -> Path:
        """Return the directory that git runs hooks from."""
        return self.directory / self._text("rev-parse", "--git-path", "hooks").strip()

    def _batch_ssh(self) -> dict[str, str]:
        """Keep ssh from prompting, unless the user has an ssh command, which is left alone."""
        own = self._environ.get("GIT_SSH_COMMAND") or self._environ.get("GIT_SSH")
        return {} if own or self.config("core.sshCommand") else {"GIT_SSH_COMMAND": BATCH_SSH}

    def _answer(self, *arguments: str) -> str | None:
        answer = self._run(*arguments)
        return answer.stdout.strip() or None if answer.returncode == 0 else None

    def _text(self, *arguments: str) -> str:
        answer = self._run(*arguments)
        if answer.returncode != 0:
            words = redact(" ".join(answer.stderr.split()))[:300]
            raise GitError(f"git {arguments[0]} ended with {answer.returncode}: {words}")
        return answer.stdout

    def _run(
        self, *arguments: str, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                ("git", *arguments),
                cwd=self.directory,
                env=environ or self._environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="surrogateescape",
                timeout=CALL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise GitError(f"git {arguments[0]} did not end in {CALL_SECONDS:.0f} s") from None
        except OSError as exc:
            words = exc.strerror or type(exc).__name__
            raise GitError(f"git can't be started in {self.directory}: {words}") from exc


def remote_refs(refspecs: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """Return *known*, local tracking refs, under their names on the remote.

    A tracking ref that two refs of the remote map to is left out: it identifies neither.
    """
    pairs, excluded = _read(refspecs)
    found = {}
    for tracking, sha in known.items():
        names = {_translate(tracking, target, source) for source, target in pairs} - {None}
        if len(names) == 1:
            (name,) = names
            assert name is not None
            if not _matches_any(name, excluded):
                found[name] = sha
    return found


def tracking_ref(refspecs: Iterable[str], ref: str) -> str | None:
    """Return the local ref that follows the remote's *ref*, or None where none does.

    In a clone made with --mirror, the local branch itself would be the tracking ref, and its
    position does not show that of the remote. So only refs under refs/remotes/ count.
    """
    refspecs = list(refspecs)
    pairs, excluded = _read(refspecs)
    if _matches_any(ref, excluded):
        return None
    # git itself updates only the first one that matches.
    names = (_translate(ref, source, target) for source, target in pairs)
    name = next((each for each in names if each is not None), None)
    if name is None or not name.startswith(TRACKING):
        return None
    return name if remote_refs(refspecs, {name: ""}) == {ref: ""} else None


def _read(refspecs: Iterable[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return source and target of each refspec, and the sources that are excluded by "^"."""
    given = list(refspecs)
    pairs = [each.removeprefix("+").partition(":") for each in given if not each.startswith("^")]
    excluded = [each.removeprefix("^") for each in given if each.startswith("^")]
    return [(source, target) for source, _, target in pairs], excluded


def _matches_any(name: str, patterns: Iterable[str]) -> bool:
    return any(_translate(name, pattern, pattern) == name for pattern in patterns)


def _translate(name: str, pattern: str, replacement: str) -> str | None:
    """Return *replacement*, its star replaced by what the star of *pattern* matches in *name*."""
    if not pattern or not replacement:
        return None
    before, star, after = pattern.partition("*")
    if not star:
        return replacement if name == pattern else None
    long_enough = len(name) >= len(before) + len(after)
    if not (long_enough and name.startswith(before) and name.endswith(after)):
        return None
    return replacement.replace("*", name[len(before) : len(name) - len(after)])
