"""What can go wrong when git updates a folder. Pure."""

from __future__ import annotations

import enum


class Problem(enum.Enum):
    """The endings of a Git operation that are not a success."""

    MISSING_CREDENTIALS = "no Git credential is stored for the provider"
    INVALID_CREDENTIALS = "the Git host refused the credential"
    REMOTE_NOT_FOUND = "the Git host knows no such repository"
    UNKNOWN_REF = "the remote has no such branch or tag"
    LOCAL_CHANGES = "uncommitted changes are in the way"
    DIVERGED = "local and remote commits differ"
    UNREACHABLE = "the Git host does not answer"


class GitProblemError(Exception):
    """A Git operation that did not succeed."""

    def __init__(self, problem: Problem, detail: str = "") -> None:
        super().__init__(f"{problem.value}: {detail}")
        self.problem = problem
        self.detail = detail


def network_problem(stderr: str, ref: str) -> GitProblemError:
    """Return, from git's message, why it could not fetch *ref*."""
    if "Authentication failed" in stderr or "could not read" in stderr or "error: 403" in stderr:
        return GitProblemError(Problem.INVALID_CREDENTIALS)
    if "couldn't find remote ref" in stderr or "Remote branch" in stderr:
        return GitProblemError(Problem.UNKNOWN_REF, ref)
    if "not found" in stderr and "repository" in stderr:
        return GitProblemError(Problem.REMOTE_NOT_FOUND)
    return GitProblemError(Problem.UNREACHABLE, _last_line(stderr))


def checkout_problem(stderr: str) -> GitProblemError:
    """Return, from git's message, which files kept it from checking out."""
    files = [line.strip() for line in stderr.splitlines() if line.startswith("\t")]
    return GitProblemError(Problem.LOCAL_CHANGES, ", ".join(files) or _last_line(stderr))


def _last_line(stderr: str) -> str:
    lines = stderr.strip().splitlines()
    return lines[-1] if lines else "no reason given"
