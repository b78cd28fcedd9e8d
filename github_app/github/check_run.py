"""The check run as GitHub's API defines it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from promotion.model import HEADS, TAGS
from promotion.safe_text import printable

MOST_NAME = 200  # characters; a commit status, the fallback for a check run, allows 255
IN_PROGRESS, COMPLETED = "in_progress", "completed"


@dataclass(frozen=True)
class Action:
    """A button under a completed check run.

    GitHub allows three, with 20, 40 and 20 characters in these fields.
    """

    label: str
    description: str
    identifier: str


@dataclass(frozen=True)
class Subject:
    """The subject of a check run: one branch or tag in one workspace.

    GitHub shows the newest check run of each name, and a branch protection rule can require a
    name. So each subject has its own name. `external_id` identifies its check runs.
    """

    ref: str  # "refs/heads/main"
    workspace: str = ""  # empty: one check run for all workspaces

    @property
    def external_id(self) -> str:
        return f"{self.ref} {self.workspace}".rstrip(" ")  # a ref can't contain a space

    @property
    def name(self) -> str:
        """Return "Brickpush / dev / main", and "Brickpush / dev / v1.0 (tag)" for a tag."""
        is_tag = self.ref.startswith(TAGS)
        short = self.ref.removeprefix(HEADS).removeprefix(TAGS)
        parts = ("Brickpush", self.workspace, f"{short} (tag)" if is_tag else short)
        exact = " / ".join(part for part in parts if part)
        name = printable(exact)
        if name == exact and len(name) <= MOST_NAME:
            return name
        digest = hashlib.sha256(self.external_id.encode()).hexdigest()[:12]
        return f"{name[: MOST_NAME - 13]} {digest}"


def subject_of(external_id: str) -> Subject | None:
    """Return the subject of one of our check runs; None if the id is not one of ours."""
    ref, _, workspace = external_id.partition(" ")
    return Subject(ref, workspace) if ref.startswith("refs/") else None


@dataclass(frozen=True)
class CheckRun:
    """The content of a check run; `status` and `conclusion` are GitHub's values."""

    subject: Subject
    head_sha: str
    status: str
    title: str
    summary: str
    conclusion: str | None = None
    details_url: str = ""
    actions: Sequence[Action] = ()

    @property
    def name(self) -> str:
        return self.subject.name

    def body(self) -> dict[str, Any]:
        """Return the request body; an empty list of actions removes those that are there."""
        body: dict[str, Any] = {
            "name": self.name,
            "external_id": self.subject.external_id,
            "head_sha": self.head_sha,
            "status": self.status,
            "output": {"title": self.title, "summary": self.summary},
            "actions": [vars(action) for action in self.actions],
        }
        optional = {
            "conclusion": self.conclusion,
            "details_url": self.details_url,
        }
        return body | {key: value for key, value in optional.items() if value}


@dataclass(frozen=True)
class WrittenRun:
    """A check run of ours on GitHub."""

    id: int
    subject: Subject | None  # None: the `external_id` is not in our current format
    status: str
