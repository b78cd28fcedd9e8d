"""Compare every followed branch on GitHub with the Git folders, and owe what fell behind.

Webhooks are hints: this finds what none told. It never moves a Git folder itself.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import sqlalchemy as sa
import structlog

from github_app import hints, names, newest, owing, stragglers
from github_app.admission import Admission
from github_app.former_names import FormerNames
from github_app.github import GitHubApp
from github_app.github_tokens import Wanted
from github_app.installation import Head, Included
from github_app.metrics import Metrics
from github_app.registration import Installed, read_installations
from promotion.errors import ApiError, PromotionError
from promotion.git_folder import GitFolder
from promotion.plan import PROVIDERS
from promotion.push import HEADS, ZERO_SHA
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
    """One object a process: it remembers what GitHub answered, to be told only what changed."""

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
        """*seconds* lie between two comparisons; a Git folder that stays behind waits longer."""
        self._engine = engine
        self._app = app
        self._workspaces = workspaces
        self._admission = admission
        self._metrics = metrics
        self._seconds = seconds
        self._heads: dict[tuple[int, str], Head] = {}
        self._former_names = FormerNames(engine, app)

    def compare(self) -> int:
        """Owe each branch that Git folders are behind of; return how many branches that were."""
        hints.settle(self._engine, self._app)
        groups = self._groups()
        if not groups:
            return 0
        included = self._included({key for key, _ in groups})
        counted, owed = 0, 0
        for (key, branch), followers in groups.items():
            found = included.get(key)
            if found is None or found.repository.archived:
                continue
            try:
                behind = self._behind(found, branch, followers)
            except PromotionError as exc:
                log.warning("reconcile.branch_skipped", branch=branch, error=str(exc))
                continue
            counted += sum(each.folder.head_commit_id != each.head for each in behind)
            owed += self._owe(found, branch, behind) if behind else self._mend(found, branch)
        self._metrics.behind(counted)
        return owed

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
        """Return what the App may read of *followed*, under each name that it has had."""
        by_id = {found.repository.id: found for found in self._listed()}
        today = _by_todays_name(by_id.values())
        known = self._names(today, followed & today.keys())
        others = followed - today.keys()
        former = {key: known[key] for key in others if key in known}
        found = self._former_names.confirm(former, by_id)
        found |= self._former_names.learn(others - former.keys(), among=by_id.values())
        return {key: by_id[number] for key, number in found.items() if number in by_id} | today

    def _names(
        self, today: Mapping[RepositoryKey, Included], followed: Iterable[RepositoryKey]
    ) -> dict[RepositoryKey, int]:
        """Return every name that is known, and remember those of today that are *followed*."""
        with self._engine.begin() as tx:
            known = names.by_name(tx)
            for key in followed:
                number = today[key].repository.id
                if known.get(key) != number:
                    names.remember(tx, number, key)
        return known

    def _listed(self) -> Iterator[Included]:
        for one in read_installations(self._app.http):
            if one.suspended or not self._admission.allows(one.account):
                continue
            yield from self._listed_by(one)

    def _listed_by(self, one: Installed) -> Iterable[Included]:
        try:
            acting = self._app.acting(Wanted(one.id, "metadata", "read"))
            return [Included(each, one.id) for each in acting.list_repositories()]
        except PromotionError as exc:
            log.warning("reconcile.installation_skipped", account=one.account, error=str(exc))
            return []

    def _behind(
        self, found: Included, branch: str, followers: Sequence[Follower]
    ) -> list[owing.Behind]:
        """Return the Git folders that are not at the branch's head: surveyed, then looked at.

        With them those that are there, while the check run still says that they are not.
        """
        head = self._head(found, branch)
        if head is None:
            return []
        with self._engine.connect() as reader:
            failed = stragglers.failures(reader, found.repository.id, branch, head)
        behind = []
        for each in followers:
            name = each.workspace.name
            is_told = (name, each.folder.id) not in failed and (name, 0) not in failed
            if each.folder.head_commit_id == head and is_told:
                continue
            try:
                now = each.workspace.databricks.get_git_folder(each.folder.id)
            except ApiError as exc:  # this folder's own: it stays known though it can't be read
                log.warning("reconcile.git_folder_skipped", path=each.folder.path, error=str(exc))
                continue
            if now is None or now.branch != branch:
                continue
            if now.head_commit_id != head or not is_told:
                behind.append(owing.Behind(name, now, head))
        return behind

    def _head(self, found: Included, branch: str) -> str | None:
        full_name, place = found.repository.full_name, (found.repository.id, branch)
        wanted = Wanted(found.installation_id, "contents", "read", frozenset({full_name}))
        head = self._app.acting(wanted).head(full_name, branch, self._heads.get(place))
        self._heads[place] = head
        return head.commit

    def _mend(self, found: Included, branch: str) -> bool:
        """Owe a branch whose Git folders are at its head, where its newest push is elsewhere.

        Its newest commit's check says so, and not that it is what every Git folder is at.
        """
        number, head = found.repository.id, self._heads[found.repository.id, branch].commit
        with self._engine.connect() as reader:
            if head is None or owing.elsewhere(reader, number, branch, head) is None:
                return False
        with self._engine.begin() as tx:
            newest.lock(tx, [(number, f"{HEADS}{branch}")])
            before = owing.elsewhere(tx, number, branch, head)
            if before is None:
                return False
            owing.owe(tx, found, branch, before=before, head=head, now=time.time())
        full_name = found.repository.full_name
        log.warning("reconcile.elsewhere", repository=full_name, branch=branch, head=head)
        return True

    def _owe(self, found: Included, branch: str, behind: Sequence[owing.Behind]) -> bool:
        now, ref = time.time(), f"{HEADS}{branch}"
        with self._engine.begin() as tx:
            newest.lock(tx, [(found.repository.id, ref)])
            due = stragglers.due(tx, found.repository.id, branch, behind, now, self._seconds)
            if not due or owing.is_owed(tx, found.repository.id, branch):
                return False
            stragglers.note_try(tx, due, now, self._seconds)
            before = due[0].folder.head_commit_id or ZERO_SHA
            owing.owe(tx, found, branch, before=before, head=due[0].head, now=now)
        log.warning(
            "reconcile.behind",
            repository=found.repository.full_name,
            branch=branch,
            head=due[0].head,
            git_folders=len(due),
        )
        return True


def _follows_a_branch(workspace: Workspace, folder: GitFolder) -> bool:
    """Say whether a push could move the Git folder."""
    is_github = (folder.provider or "").casefold() in PROVIDERS
    rule = deciding_rule(folder.path, workspace.rules)
    return is_github and folder.manageable and rule.follow == "branch"


def _by_todays_name(listed: Iterable[Included]) -> dict[RepositoryKey, Included]:
    by_key = ((repository_key(found.repository.url), found) for found in listed)
    return {key: found for key, found in by_key if key is not None}
