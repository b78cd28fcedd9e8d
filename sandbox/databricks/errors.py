"""The errors of the Databricks REST API, and how git's failures read there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.databricks.problems import GitProblemError, Problem

INVALID_CREDENTIALS = (
    "Invalid Git provider credentials. Please ensure that: "
    "1. Your Git provider username is correct. "
    "2. You have selected the correct Git provider. "
    "3. Your personal access token has the correct repo access. "
    "4. Your personal access token has not expired. "
    "5. If SSO is enabled with your Git provider, your personal access token is authorized for it."
)
MISSING_CREDENTIALS = (
    "Missing Git provider credentials. Go to User Settings > Git Integration to add your Git "
    "provider credentials."
)
REMOTE_NOT_FOUND = (
    "Remote repo not found. Please ensure that: "
    "1. Your remote Git repo URL is valid. "
    "2. Your personal access token or app password has the correct repo access."
)
UNKNOWN_REF = "The branch or tag '{detail}' was not found in the remote repository."
LOCAL_CHANGES = (
    "Your local changes to the following files would be overwritten: {detail}. "
    "Commit, move or discard them before you update this Git folder."
)
DIVERGED = (
    "The local commits of branch '{detail}' and the remote branch have diverged. Resolve the "
    "conflict in the Git dialog of this Git folder."
)
UNREACHABLE = "The remote Git repository did not answer: {detail}"


class ApiError(Exception):
    """An answer that is not a success."""

    def __init__(self, status: int, error_code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
        self.message = message


@dataclass(frozen=True)
class GitAnswer:
    """How the API reports a problem of git."""

    status: int
    error_code: str
    message: str  # "{detail}" is replaced


def _answers() -> dict[Problem, GitAnswer]:
    return {
        Problem.MISSING_CREDENTIALS: GitAnswer(403, "PERMISSION_DENIED", MISSING_CREDENTIALS),
        Problem.INVALID_CREDENTIALS: GitAnswer(403, "PERMISSION_DENIED", INVALID_CREDENTIALS),
        Problem.REMOTE_NOT_FOUND: GitAnswer(400, "BAD_REQUEST", REMOTE_NOT_FOUND),
        Problem.UNKNOWN_REF: GitAnswer(404, "GIT_UNKNOWN_REF", UNKNOWN_REF),
        Problem.LOCAL_CHANGES: GitAnswer(409, "GIT_CONFLICT", LOCAL_CHANGES),
        Problem.DIVERGED: GitAnswer(409, "GIT_CONFLICT", DIVERGED),
        Problem.UNREACHABLE: GitAnswer(500, "GIT_REMOTE_ERROR", UNREACHABLE),
    }


@dataclass
class GitAnswers:
    """The answers to git's problems. Databricks publishes few of them, so tests may change one."""

    answers: dict[Problem, GitAnswer] = field(default_factory=_answers)

    def set(self, problem: Problem, *, status: int, error_code: str) -> None:
        """Answer *problem* with another status and code."""
        self.answers[problem] = GitAnswer(status, error_code, self.answers[problem].message)

    def error(self, problem: GitProblemError) -> ApiError:
        """Return what the API answers to *problem*."""
        answer = self.answers[problem.problem]
        message = answer.message.replace("{detail}", problem.detail)
        return ApiError(answer.status, answer.error_code, message)


def invalid(message: str) -> ApiError:
    return ApiError(400, "INVALID_PARAMETER_VALUE", message)


def forbidden(message: str) -> ApiError:
    return ApiError(403, "PERMISSION_DENIED", message)


def missing(message: str) -> ApiError:
    return ApiError(404, "RESOURCE_DOES_NOT_EXIST", message)


def require(body: Mapping[str, object], name: str) -> str:
    """Return a text that a request must contain."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(f"Missing required field: {name}")
    return value
