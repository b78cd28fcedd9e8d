"""Changes of Git folders: watchers are notified, and replicas still show the earlier state."""

from __future__ import annotations

import contextlib
import enum
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sandbox.databricks.state.records import FolderSnapshot
from sandbox.databricks.state.tree import GitFolder

REMEMBERED_SECONDS = 60.0  # no replica lags for longer
By = Literal["api", "person"]


class What(enum.Enum):
    """The kinds of changes."""

    CREATED = "created"
    UPDATED = "updated"  # to the head of a branch, or to a tag
    DELETED = "deleted"
    MOVED = "moved"
    POINTED = "pointed elsewhere"
    SWITCHED = "switched to another branch"
    EDITED = "edited"
    COMMITTED = "committed"
    DISCARDED = "discarded edits"


@dataclass(frozen=True)
class FolderChange:
    """One change of a Git folder, which may also have failed and changed nothing."""

    workspace: str
    by: By
    what: What
    folder: FolderSnapshot  # as it is now; where it was deleted, as it was
    files: Mapping[str, str] = field(default_factory=dict)  # that a person wrote
    discards: bool = False  # the API was asked to drop what is not committed


Watcher = Callable[[FolderChange], None]


class Changes:
    """Every change of a workspace's Git folders passes through here."""

    def __init__(self, workspace: str) -> None:
        self.watchers: list[Watcher] = []
        self._workspace = workspace

    @contextlib.contextmanager
    def of(
        self,
        folder: GitFolder,
        what: What,
        *,
        by: By,
        files: Mapping[str, str] | None = None,
        discards: bool = False,
    ) -> Iterator[None]:
        """Surround a change, also one that fails: part of it may be done."""
        before = folder.snapshot()
        try:
            yield
        finally:
            after = before if what is What.DELETED else folder.snapshot()
            now = time.monotonic()
            kept = [each for each in folder.past if each[0] > now - REMEMBERED_SECONDS]
            folder.past = [*kept, (now, before.branch, before.head_commit_id)]
            change = FolderChange(self._workspace, by, what, after, files or {}, discards)
            for watcher in self.watchers:
                watcher(change)


class Replicas:
    """The replicas that answer reads of Git folders; each lags by a number of seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lags: Sequence[float] = ()
        self._dice = random.Random(0)

    def lag(self, *seconds: float, seed: int = 0) -> None:
        """Answer each read from one of several replicas, by chance; with none, from the newest."""
        with self._lock:
            self._lags, self._dice = seconds, random.Random(seed)

    def position(self, folder: GitFolder) -> tuple[str | None, str | None]:
        """Return branch and commit as one read shows them."""
        with self._lock:
            if not self._lags:
                return folder.clone.head()
            moment = time.monotonic() - self._dice.choice(self._lags)
        for until, branch, commit in folder.past:
            if until > moment:
                return branch, commit
        return folder.clone.head()
