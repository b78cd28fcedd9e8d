"""Reconcile branches whose webhook was missed: mark those pending that Git folders are behind.

Compares every followed branch on GitHub with its Git folders. It never moves a Git folder itself.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import sqlalchemy as sa
import structlog

from github_app.github.app import GitHubApp
from github_app.github.installation import Head, Included
from github_app.github.registration import Installed, read_installations
from github_app.github.tokens import TokenRequest
from github_app.recovery import deleted_repositories, folder_backoff
from github_app.runtime.metrics import Metrics
from github_app.storage import pending, push_order, repository_names
from github_app.webhooks.admission import Admission
from github_app.worker.former_names import FormerNames
from promotion.errors import ApiError, PromotionError
from promotion.model import HEADS, ZERO_SHA, GitFolder
from promotion.plan import PROVIDERS
from promotion.repository_url import RepositoryKey, repository_key
from promotion.rules import deciding_rule
from promotion.workspace import Workspace

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Follower:
    """A Git folder that follows a branch."""

    workspace: Workspace
    folder: GitFolder


Groups = Mapping[tuple[RepositoryKey, str], Sequence[Follower]]  # by repository and branch


class Reconcile:
    """Compares branches and Git folders; keeps ETags, so use one object per process."""

    def __init__(
        self,
        engine: sa.Engine,
        app: GitHubApp,
        workspaces: Sequence[Workspace],
        *,
        admission: Admission,
        metrics: Metrics,
        seconds: float,
    ) -> None:
        """*seconds* is the time between comparisons; backoff for a Git folder starts at it."""
        self._engine = engine
        self._app = app
        self._workspaces = workspaces
        self._admission = admission
        self._metrics = metrics
        self._seconds = seconds
        self._heads: dict[tuple[int, str], Head] = {}
        self._former_names = FormerNames(engine, app)

    def compare(self) -> int:
        """Mark each branch pending that Git folders are behind; return the number of branches."""
        deleted_repositories.forget_deleted(self._engine, self._app)
        groups = self._groups()
        if not groups:
            return 0
        included = self._included({key for key, _ in groups})
        behind_count, marked = 0, 0
        for (key, branch), followers in groups.items():
            found = included.get(key)
            if found is None or found.repository.archived:
                continue
            try:
                behind = self._behind(found, branch, followers)
            except PromotionError as exc:
                log.warning("reconcile.branch_skipped", branch=branch, error=str(exc))
                continue
            behind_count += sum(each.folder.head_commit_id != each.head for each in behind)
            if behind:
                marked += self._mark_pending(found, branch, behind)
            else:
                marked += self._mark_outdated(found, branch)
        self._metrics.behind(behind_count)
        return marked

    def _groups(self) -> Groups:
        groups: dict[tuple[RepositoryKey, str], list[Follower]] = defaultdict(list)
        for workspace in self._workspaces:
            try:
                seen = workspace.known.refreshed(anew=True)
            except PromotionError as exc:
                log.warning("reconcile.workspace_skipped", workspace=workspace.name, error=str(exc))
                continue
            for folder in seen.folders:
                key = repository_key(folder.url)
                if key is None or folder.branch is None:
                    continue
                if _follows_a_branch(workspace, folder):
                    groups[key, folder.branch].append(Follower(workspace, folder))
        return groups

    def _included(self, followed: Set[RepositoryKey]) -> dict[RepositoryKey, Included]:
        """Return the repositories of *followed* that the App can read, by each of their names."""
        by_id = {found.repository.id: found for found in self._listed()}
        current = _by_current_name(by_id.values())
        known = self._names(current, followed & current.keys())
        others = followed - current.keys()
        former = {key: known[key] for key in others if key in known}
        found = self._former_names.confirm(former, by_id)
        found |= self._former_names.learn(others - former.keys(), among=by_id.values())
        return {key: by_id[number] for key, number in found.items() if number in by_id} | current

    def _names(
        self, current: Mapping[RepositoryKey, Included], followed: Iterable[RepositoryKey]
    ) -> dict[RepositoryKey, int]:
        """Return all known names; store the current names that are *followed*."""
        with self._engine.begin() as tx:
            known = repository_names.by_name(tx)
            for key in followed:
                number = current[key].repository.id
                if known.get(key) != number:
                    repository_names.remember(tx, number, key)
        return known

    def _listed(self) -> Iterator[Included]:
        for one in read_installations(self._app.http):
            if one.suspended or not self._admission.allows(one.account):
                continue
            yield from self._listed_by(one)

    def _listed_by(self, one: Installed) -> Iterable[Included]:
        try:
            acting = self._app.acting(TokenRequest(one.id, "metadata", "read"))
            return [Included(each, one.id) for each in acting.list_repositories()]
        except PromotionError as exc:
            log.warning("reconcile.installation_skipped", account=one.account, error=str(exc))
            return []

    def _behind(
        self, found: Included, branch: str, followers: Sequence[Follower]
    ) -> list[pending.Behind]:
        """Return the Git folders that are not at the branch's head, each read again.

        Includes folders at the head whose last recorded promotion failed: the check run still
        reports the failure.
        """
        head = self._head(found, branch)
        if head is None:
            return []
        with self._engine.connect() as reader:
            failed = folder_backoff.failures(reader, found.repository.id, branch, head)
        behind = []
        for each in followers:
            name = each.workspace.name
            is_reported = (name, each.folder.id) not in failed and (name, 0) not in failed
            if each.folder.head_commit_id == head and is_reported:
                continue
            try:
                now = each.workspace.databricks.get_git_folder(each.folder.id)
            except ApiError as exc:  # of this folder only; the others can be compared
                log.warning("reconcile.git_folder_skipped", path=each.folder.path, error=str(exc))
                continue
            if now is None or now.branch != branch:
                continue
            if now.head_commit_id != head or not is_reported:
                behind.append(pending.Behind(name, now, head))
        return behind

    def _head(self, found: Included, branch: str) -> str | None:
        full_name, place = found.repository.full_name, (found.repository.id, branch)
        wanted = TokenRequest(found.installation_id, "contents", "read", frozenset({full_name}))
        head = self._app.acting(wanted).head(full_name, branch, self._heads.get(place))
        self._heads[place] = head
        return head.commit

    def _mark_outdated(self, found: Included, branch: str) -> bool:
        """Mark a branch pending if its last recorded push is not at the head.

        Its Git folders are at the head, but the check run on the head does not report that.
        """
        number, head = found.repository.id, self._heads[found.repository.id, branch].commit
        with self._engine.connect() as reader:
            if head is None or pending.elsewhere(reader, number, branch, head) is None:
                return False
        with self._engine.begin() as tx:
            push_order.lock(tx, [(number, f"{HEADS}{branch}")])
            before = pending.elsewhere(tx, number, branch, head)
            if before is None:
                return False
            pending.mark_pending(tx, found, branch, before=before, head=head, now=time.time())
        full_name = found.repository.full_name
        log.warning("reconcile.record_outdated", repository=full_name, branch=branch, head=head)
        return True

    def _mark_pending(self, found: Included, branch: str, behind: Sequence[pending.Behind]) -> bool:
        now, ref = time.time(), f"{HEADS}{branch}"
        with self._engine.begin() as tx:
            push_order.lock(tx, [(found.repository.id, ref)])
            due = folder_backoff.due(tx, found.repository.id, branch, behind, now, self._seconds)
            if not due or pending.is_pending(tx, found.repository.id, branch):
                return False
            folder_backoff.note_try(tx, due, now, self._seconds)
            before = due[0].folder.head_commit_id or ZERO_SHA
            pending.mark_pending(tx, found, branch, before=before, head=due[0].head, now=now)
        log.warning(
            "reconcile.behind",
            repository=found.repository.full_name,
            branch=branch,
            head=due[0].head,
            git_folders=len(due),
        )
        return True


def _follows_a_branch(workspace: Workspace, folder: GitFolder) -> bool:
    """Return whether a push could move the Git folder."""
    is_github = (folder.provider or "").casefold() in PROVIDERS
    rule = deciding_rule(folder.path, workspace.rules)
    return is_github and folder.manageable and rule.follow == "branch"


def _by_current_name(listed: Iterable[Included]) -> dict[RepositoryKey, Included]:
    by_key = ((repository_key(found.repository.url), found) for found in listed)
    return {key: found for key, found in by_key if key is not None}
