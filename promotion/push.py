"""What was pushed, in the words of GitHub's push event. Pure."""

from __future__ import annotations

from dataclasses import dataclass

ZERO_SHA = "0" * 40
HEADS = "refs/heads/"
TAGS = "refs/tags/"


@dataclass(frozen=True)
class Push:
    """One ref moved by one push. Field names are those of GitHub's payload."""

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
