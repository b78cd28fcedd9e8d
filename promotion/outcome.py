"""How the promotion of one Git folder ended, in the words of GitHub's check runs. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from promotion.git_folder import GitFolder


class Conclusion(enum.Enum):
    """A check run's conclusion; the values are the words on the wire."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    TIMED_OUT = "timed_out"
    ACTION_REQUIRED = "action_required"


@dataclass(frozen=True)
class Outcome:
    """What became of one Git folder, and what a person can do about it."""

    folder: GitFolder
    conclusion: Conclusion
    before: str | None  # head_commit_id before the promotion
    after: str | None  # head_commit_id that was read back
    reason: str  # "at 1a2b3c4", "Databricks answered 429 ..."
    next_step: str = ""  # empty where nothing is to be done
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
    """Return the outcome of a Git folder that was read as *before*; left there, unless told."""
    head = before.head_commit_id
    return Outcome(before, conclusion, head, after or head, reason, next_step)
