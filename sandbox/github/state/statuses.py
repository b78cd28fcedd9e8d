"""Commit statuses: what was reported on commits in the old way, which any writer can repeat."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from sandbox import disclosure
from sandbox.github.state.installations import Account

STATES = ("error", "failure", "pending", "success")
MAX_DESCRIPTION = 140  # characters
MAX_STATUSES = 1000  # of one context on one commit


class TooManyStatusesError(Exception):
    """A commit has 1000 statuses of this context already."""


@dataclass(frozen=True)
class CommitStatus:
    """One status of a commit; the newest of each context counts."""

    id: int
    repository_id: int
    sha: str
    state: str
    context: str
    description: str | None
    target_url: str | None
    creator: Account
    created_at: float


class Statuses:
    """Every commit status."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[CommitStatus] = []

    def add(
        self,
        repository_id: int,
        sha: str,
        *,
        state: str,
        context: str,
        description: str | None,
        target_url: str | None,
        creator: Account,
        now: float,
    ) -> CommitStatus:
        """Store one more status, or raise TooManyStatusesError."""
        with self._lock:
            same = [
                one for one in self._all if _place(one) == (repository_id, sha, context.lower())
            ]
            if len(same) >= MAX_STATUSES:
                raise TooManyStatusesError(context)
            number = 600_001 + len(self._all)
            status = CommitStatus(
                number, repository_id, sha, state, context, description, target_url, creator, now
            )
            self._all.append(status)
            disclosure.written("commit status", context, description)
            return status

    def all(self) -> list[CommitStatus]:
        """Return every status, oldest first."""
        with self._lock:
            return list(self._all)

    def on_commit(self, repository_id: int, sha: str) -> list[CommitStatus]:
        """Return the statuses of one commit, newest first."""
        found = [one for one in self.all() if (one.repository_id, one.sha) == (repository_id, sha)]
        return found[::-1]

    def latest(self, repository_id: int, sha: str) -> list[CommitStatus]:
        """Return the newest status of each context; contexts differ by more than case."""
        newest: dict[str, CommitStatus] = {}
        for one in self.on_commit(repository_id, sha):
            newest.setdefault(one.context.lower(), one)
        return list(newest.values())


def combined_state(latest: list[CommitStatus]) -> str:
    """Return what a commit's statuses say together. Pure."""
    states = {one.state for one in latest}
    if states & {"error", "failure"}:
        return "failure"
    return "success" if states == {"success"} else "pending"


def _place(one: CommitStatus) -> tuple[int, str, str]:
    return one.repository_id, one.sha, one.context.lower()
