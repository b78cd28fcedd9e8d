"""A check run, in the words of GitHub's API. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from promotion.printable import printable
from promotion.push import HEADS, TAGS

MOST_NAME = 200  # characters; a commit status, which may stand in its place, takes 255
IN_PROGRESS, COMPLETED = "in_progress", "completed"


@dataclass(frozen=True)
class Action:
    """A button under a completed check run; GitHub allows 20, 40 and 20 characters, and three."""

    label: str
    description: str
    identifier: str


@dataclass(frozen=True)
class Subject:
    """What a check run on a commit is about: one branch or tag in one workspace.

    Of one name GitHub shows the newest and lets a branch protection rule ask for that, so the name
    differs where the subject does; `external_id` is what a check run is found again by.
    """

    ref: str  # "refs/heads/main"
    workspace: str = ""  # empty: one check run for all workspaces

    @property
    def external_id(self) -> str:
        return f"{self.ref} {self.workspace}".rstrip(" ")  # git allows no space in a ref

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
    """Return what one of our check runs is about; None where it is not ours to say."""
    ref, _, workspace = external_id.partition(" ")
    return Subject(ref, workspace) if ref.startswith("refs/") else None


@dataclass(frozen=True)
class CheckRun:
    """What a check run shows; `status` and `conclusion` in GitHub's words."""

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
        """Return what is sent; a completed run without actions loses those it had."""
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
    """A check run of ours that GitHub has."""

    id: int
    subject: Subject | None  # None: no check run of today's kind
    status: str
