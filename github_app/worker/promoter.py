"""Carry out one pending promotion: tokens, every workspace, and the check runs on the commit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from github_app.github.access import InstallationAccess
from github_app.github.app import GitHubApp
from github_app.github.confirm import confirm
from github_app.reports.deployments import Deployments
from github_app.reports.details_link import Links
from github_app.reports.publish import CommitReports
from github_app.storage import hints
from github_app.storage.branches import BranchPush
from github_app.worker import branch_head, former_names
from github_app.worker.progress import CommitProgress, DeploymentProgress
from github_app.worker.promotion_store import PromotionStore
from promotion.clock import Clock, SystemClock
from promotion.errors import PromotionError
from promotion.model import GitFolder
from promotion.repository_url import RepositoryKey
from promotion.workspace import PromotionContext, Workspace, promote_in_workspace

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Target:
    """A workspace, and what is done there besides moving Git folders."""

    workspace: Workspace
    sets_credential: bool = True  # whether its principal's Git credential is ours to set
    deployments: bool = False  # whether GitHub gets a deployment for each promotion of a branch


@dataclass(frozen=True)
class Promoter:
    """Does the work of one workflow; may be called again for the same push at any time."""

    app: GitHubApp
    targets: Sequence[Target]
    store: PromotionStore
    reports: CommitReports
    deployments: Deployments = field(default_factory=Deployments)
    links: Links | None = None  # to the pages of details; None where nobody could open them
    clock: Clock = field(default_factory=SystemClock)
    always_report: bool = False  # whether a push that moves nothing gets check runs, too

    def promote(self, pushed: BranchPush) -> None:
        """Promote the push in every workspace, each on its own.

        Raises PromotionError where nothing could be done, to be called again later, and GoneError
        where GitHub confirms that there is nothing to promote any more.
        A deleted branch moves nothing, and has no commit to report on.
        """
        push = pushed.push
        if push.branch is None and (push.tag is None or push.deleted):
            log.info("promotion.nothing", repository=push.repository, ref=push.ref)
            self._end(pushed)
            return
        if pushed.hint is not None:
            self._confirm(pushed)
        access = self.access(push.repository, pushed.installation_id, pushed.repository_id)
        now = branch_head.on_github(pushed, access, self.clock)
        self.store.begin(now, told=push)
        if not now.push.deleted:
            self._in_every_workspace(now, access)
        self._end(now)

    def _end(self, pushed: BranchPush) -> None:
        self.store.end_what_is_open(pushed, [target.workspace.name for target in self.targets])

    def _confirm(self, pushed: BranchPush) -> None:
        """Raise GoneError where GitHub, too, says what an event said; else forget that."""
        confirm(self.app, pushed.push.repository, pushed.repository_id)
        with self.store.transaction() as tx:
            hints.clear(tx, pushed.repository_id, pushed.push.ref)

    def _in_every_workspace(self, pushed: BranchPush, access: InstallationAccess) -> None:
        names = former_names.in_use(pushed, access, self._known_folders(), self.store.transaction)
        job = _Job(pushed, names, access, self)
        with ThreadPoolExecutor(len(self.targets), "workspace") as pool:
            for future in [pool.submit(job.promote, target) for target in self.targets]:
                future.result()

    def _known_folders(self) -> Iterator[GitFolder]:
        """Yield what is known of every workspace; one that can't be read will say so itself."""
        for target in self.targets:
            with contextlib.suppress(PromotionError):
                yield from target.workspace.known.known().folders

    def access(
        self, repository: str, installation_id: int | None, repository_id: int | None = None
    ) -> InstallationAccess:
        """Return what the App's installation on a repository may do.

        With its id, no other repository is taken for it that has got its name since.
        """
        found = installation_id or self.app.installation_id(repository)
        return InstallationAccess(self.app, found, repository, self.clock, repository_id)


@dataclass(frozen=True)
class _Job:
    """One push, with what its promotions in the workspaces share."""

    pushed: BranchPush
    names: Sequence[RepositoryKey]
    access: InstallationAccess
    by: Promoter

    def promote(self, target: Target) -> None:
        """Promote in one workspace, keep what came of it, then tell the commit."""
        by, name = self.by, target.workspace.name
        progress = CommitProgress(
            self.pushed,
            name,
            self.access,
            by.store,
            by.reports,
            self._deployment(target),
            always=by.always_report,
        )
        helpers = PromotionContext(
            tokens=self.access if target.sets_credential else None,
            contains=self.access.contains,
            tags=self.access.tags,
            progress=progress,
            clock=by.clock,
        )
        report = promote_in_workspace(self.pushed.push, self.names, target.workspace, helpers)
        if progress.blocked is not None:
            raise progress.blocked
        reported = progress.is_reported(report)
        link = by.store.record(self.pushed, report, reported=reported, links=by.links)
        if reported:
            progress.finish(report, link)

    def _deployment(self, target: Target) -> DeploymentProgress | None:
        if not target.deployments or self.pushed.push.branch is None:
            return None
        name, by = target.workspace.name, self.by
        return DeploymentProgress(self.pushed, name, self.access, by.deployments, by.store)
