"""Carry out one owed promotion: tokens, every workspace, and the check runs on the commit."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import structlog

from github_app.access import InstallationAccess
from github_app.branches import BranchPush
from github_app.commit_progress import CommitProgress
from github_app.commit_reports import CommitReports
from github_app.deployment_progress import DeploymentProgress
from github_app.deployments import Deployments
from github_app.details_link import Links
from github_app.github import GitHubApp
from github_app.ledger import Ledger
from promotion.ancestry import Ancestry
from promotion.clock import Clock, SystemClock
from promotion.push import Push
from promotion.repository_url import RepositoryKey
from promotion.workspace import Helpers, Workspace, promote_in_workspace

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
    ledger: Ledger
    reports: CommitReports = field(default_factory=CommitReports)
    deployments: Deployments = field(default_factory=Deployments)
    links: Links | None = None  # to the pages of details; None where nobody could open them
    clock: Clock = field(default_factory=SystemClock)

    def promote(self, owed: BranchPush) -> None:
        """Promote the push in every workspace, each on its own.

        Raises PromotionError where nothing could be done, to be called again later.
        A deleted branch moves nothing, and has no commit to report on.
        """
        push = owed.push
        self.ledger.begin(owed)
        if push.deleted or (push.branch is None and push.tag is None):
            log.info("promotion.nothing", repository=push.repository, ref=push.ref)
            self.ledger.tell_overtaken(owed)
            return
        access = self.access(push.repository, owed.installation_id)
        if push.tag is not None:
            owed = replace(owed, push=_at_commit(push, access))
        else:
            owed = _at_head(owed, access)
        job = _Job(owed, self.ledger.names(owed), access, self)
        with ThreadPoolExecutor(len(self.targets), "workspace") as pool:
            for future in [pool.submit(job.promote, target) for target in self.targets]:
                future.result()
        self.ledger.tell_overtaken(owed)

    def access(self, repository: str, installation_id: int | None) -> InstallationAccess:
        """Return what the App's installation on a repository may do."""
        found = installation_id or self.app.installation_id(repository)
        return InstallationAccess(self.app, found, repository, self.clock)


def _at_commit(push: Push, access: InstallationAccess) -> Push:
    """Return a tag's push with its commit: an annotated tag is an object of its own."""
    return replace(push, after=access.tags().get(push.tag or "", push.after))


def _at_head(owed: BranchPush, access: InstallationAccess) -> BranchPush:
    """Return the push as one of the branch's head, where GitHub is further than the deliveries.

    They may come out of order, and Databricks pulls the head whatever was pushed.
    """
    push = owed.push
    head = access.branch_head(push.branch or "")
    if head is None or head == push.after:
        return owed
    if access.contains(head, push.after) is not Ancestry.CONTAINS:
        return owed
    others = (each for each in (*owed.superseded, push) if each.after != head)
    return replace(owed, push=replace(push, after=head), superseded=tuple(others))


@dataclass(frozen=True)
class _Job:
    """One push, with what its promotions in the workspaces share."""

    owed: BranchPush
    names: Sequence[RepositoryKey]
    access: InstallationAccess
    by: Promoter

    def promote(self, target: Target) -> None:
        """Promote in one workspace, keep what came of it, then tell the commit."""
        by, name = self.by, target.workspace.name
        progress = CommitProgress(
            self.owed, name, self.access, by.ledger, by.reports, self._deployment(target)
        )
        helpers = Helpers(
            tokens=self.access if target.sets_credential else None,
            contains=self.access.contains,
            tags=self.access.tags,
            progress=progress,
            clock=by.clock,
        )
        report = promote_in_workspace(self.owed.push, self.names, target.workspace, helpers)
        if progress.blocked is not None:
            raise progress.blocked
        by.ledger.record(self.owed, report)
        progress.finish(report, by.links.url(self.owed.seq, name) if by.links is not None else "")

    def _deployment(self, target: Target) -> DeploymentProgress | None:
        if not target.deployments or self.owed.push.branch is None:
            return None
        name, by = target.workspace.name, self.by
        return DeploymentProgress(self.owed, name, self.access, by.deployments, by.ledger)
