"""Valid values for tests; a test changes only what it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from promotion.ancestry import Ancestry, Compare, unknown_ancestry
from promotion.clock import Clock
from promotion.databricks import WorkspaceObject
from promotion.errors import ApiError
from promotion.model import GitFolder, Push
from promotion.plan import Decision, Destination, PlanInput, decide
from promotion.promote import GitAccess, GitFolders, Promoter
from promotion.repository_url import RepositoryKey

# They differ in the seven characters that people are shown.
OLD, NEW, NEWER = "1" * 40, "2" * 40, "3" * 40
CALL = "PATCH https://adb-1.azuredatabricks.net/api/2.0/repos/1"
ETL = RepositoryKey("github.com", "octo-org", "etl")


def a_push(**changes: Any) -> Push:
    push = Push(repository="octo-org/etl", ref="refs/heads/main", before=OLD, after=NEW)
    return replace(push, **changes)


def a_folder(**changes: Any) -> GitFolder:
    folder = GitFolder(
        id=4_503_599_627_370_497,
        path="/Repos/team/etl",
        url="https://github.com/octo-org/etl.git",
        provider="gitHub",
        branch="main",
        head_commit_id=OLD,
    )
    return replace(folder, **changes)


def an_api_error(
    status: int = 403, error_code: str = "", message: str = "", **more: Any
) -> ApiError:
    return ApiError(CALL, status=status, error_code=error_code, message=message, **more)


def a_decision(folder: GitFolder | None = None, **changes: Any) -> Decision:
    decision = Decision(folder or a_folder(), Destination("main", None, NEW), "follows main")
    return replace(decision, **changes)


def always(ancestry: Ancestry) -> Compare:
    """Return a compare with one answer to everything."""
    return lambda _head, _commit: ancestry


class StoredAccess:
    """A Git credential that may be renewed so many times."""

    def __init__(self, renewals: int = 0) -> None:
        self.renewals = renewals

    def ensure(self, folder: GitFolder) -> None:
        pass

    def renew(self, _folder: GitFolder) -> bool:
        self.renewals -= 1
        return self.renewals >= 0

    def choose(self, _folder: GitFolder) -> int | None:
        return 7


def a_promoter(
    folders: GitFolders,
    *,
    push: Push | None = None,
    plan_input: PlanInput | None = None,
    contains: Compare = unknown_ancestry,
    clock: Clock | None = None,
    access: GitAccess | None = None,
) -> Promoter:
    """Return what promotes a push of `octo-org/etl`, by no rules unless *mapped* says so."""
    push, plan_input = push or a_push(), plan_input or PlanInput({ETL})
    return Promoter(
        folders,
        clock or StillClock(),
        access or StoredAccess(),
        partial(decide, push, plan_input),
        push.repository,
        contains,
    )


class StillClock:
    """A clock that jumps ahead where somebody would wait."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class InMemoryFolders:
    """Git folders without a network: an update moves a folder to `tip`, unless told otherwise."""

    def __init__(self, *folders: GitFolder, tip: str = NEW) -> None:
        self.folders = {folder.id: folder for folder in folders}
        self.tip = tip
        self.updates: list[tuple[int, bool]] = []  # id, whether edits were to be discarded
        self.credential_ids: list[int | None] = []
        self.errors: list[Exception] = []  # raised by the next updates, before any effect
        self.stale_reads = 0  # reads that still show the old head after an update
        self.before_read: Callable[[], None] = lambda: None
        self._shown: dict[int, GitFolder] = {}

    def get_git_folder(self, repo_id: int) -> GitFolder | None:
        self.before_read()
        if self._shown and self.stale_reads > 0:
            self.stale_reads -= 1
            return self._shown[repo_id]
        return self.folders.get(repo_id)

    def get_status(self, path: str) -> WorkspaceObject | None:
        found = next((each for each in self.folders.values() if each.path == path), None)
        return None if found is None else WorkspaceObject(found.id, path, "REPO", git_folder=True)

    def lists_git_folder(self, folder: GitFolder) -> bool:
        return folder.id in self.folders

    def update_git_folder(
        self,
        repo_id: int,
        *,
        branch: str | None,
        tag: str | None = None,
        discard: bool = False,
        git_credential_id: int | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        check()
        self.credential_ids.append(git_credential_id)
        self.updates.append((repo_id, discard))
        if self.errors:
            raise self.errors.pop(0)
        self._shown[repo_id] = self.folders[repo_id]
        self.folders[repo_id] = replace(
            self.folders[repo_id], branch=branch, head_commit_id=self.tip
        )
