"""A check run, in the words of GitHub's API. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

IN_PROGRESS, COMPLETED = "in_progress", "completed"


@dataclass(frozen=True)
class Action:
    """A button under a completed check run; GitHub allows 20, 40 and 20 characters, and three."""

    label: str
    description: str
    identifier: str


@dataclass(frozen=True)
class CheckRun:
    """What a check run shows; `status` and `conclusion` in GitHub's words."""

    name: str
    head_sha: str
    status: str
    title: str
    summary: str
    conclusion: str | None = None
    external_id: str = ""
    details_url: str = ""
    actions: Sequence[Action] = ()

    def body(self) -> dict[str, Any]:
        """Return what is sent; a completed run without actions loses those it had."""
        body: dict[str, Any] = {
            "name": self.name,
            "head_sha": self.head_sha,
            "status": self.status,
            "output": {"title": self.title, "summary": self.summary},
            "actions": [vars(action) for action in self.actions],
        }
        optional = {
            "conclusion": self.conclusion,
            "external_id": self.external_id,
            "details_url": self.details_url,
        }
        return body | {key: value for key, value in optional.items() if value}


@dataclass(frozen=True)
class WrittenRun:
    """A check run of ours that GitHub has."""

    id: int
    name: str
    status: str
