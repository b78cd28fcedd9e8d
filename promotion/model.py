"""The values of a promotion: push, Git folder, outcome. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass

ZERO_SHA = "0" * 40
HEADS = "refs/heads/"
TAGS = "refs/tags/"


@dataclass(frozen=True)
class Push:
    """One ref moved by one push. The field names are those of GitHub's payload."""

    repository: str  # full name, "octo-org/etl"
    ref: str  # "refs/heads/main"; a branch name may hold slashes and any Unicode
    before: str  # 40 hex digits; zeros when the ref is new
    after: str  # 40 hex digits; zeros when the ref is deleted

    @property
    def branch(self) -> str | None:
        """The branch's name, or None for a tag and for any other ref."""
        return self.ref.removeprefix(HEADS) if self.ref.startswith(HEADS) else None

    @property
    def tag(self) -> str | None:
        """The tag's name, or None for a branch and for any other ref."""
        return self.ref.removeprefix(TAGS) if self.ref.startswith(TAGS) else None

    @property
    def deleted(self) -> bool:
        return not self.after.strip("0")  # as many zeros as the repository's object ids have


@dataclass(frozen=True, slots=True)  # a workspace may hold thousands
class GitFolder:
    """A clone inside a Databricks workspace, as it was last read."""

    id: int  # a 64-bit id of 15 to 16 digits: never let it pass through a float
    path: str  # "/Repos/team/etl", without the /Workspace mount
    url: str | None  # as somebody typed it; None where the folder has no remote
    provider: str | None  # "gitHub", "gitHubEnterprise", ...
    branch: str | None  # None on a tag (detached HEAD)
    head_commit_id: str | None  # 40 hex digits
    git_cli_enabled: bool = False
    manageable: bool = True  # False where the Repos list, which has what we may manage, lacks it


class Conclusion(enum.Enum):
    """A check run's conclusion; the values are those of GitHub's API."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    TIMED_OUT = "timed_out"
    ACTION_REQUIRED = "action_required"


@dataclass(frozen=True)
class Outcome:
    """The result of a promotion for one Git folder, and what a person can do about it."""

    folder: GitFolder
    conclusion: Conclusion
    before: str | None  # head_commit_id before the promotion
    after: str | None  # head_commit_id that was read back
    reason: str  # "at 1a2b3c4", "Databricks answered 429 ..."
    next_step: str = ""  # empty where there is nothing to do
    seconds: float = 0.0
    rule: str = ""  # the rule that decided, empty where none did


def ended(
    before: GitFolder,
    conclusion: Conclusion,
    reason: str,
    next_step: str = "",
    *,
    after: str | None = None,
) -> Outcome:
    """Return the outcome of a Git folder read as *before*, which is unchanged without *after*."""
    head = before.head_commit_id
    return Outcome(before, conclusion, head, after or head, reason, next_step)
