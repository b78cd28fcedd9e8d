"""Carry out one owed promotion: tokens, every workspace, and the check runs on the commit."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import structlog

from github_app import report as reports
from github_app.access import InstallationAccess
from github_app.branches import BranchPush
from github_app.check_run import CheckRun
from github_app.commit_reports import CommitReports
from github_app.github import GitHubApp
from github_app.github_limits import LimitedError
from github_app.github_tokens import NoTokenError
from github_app.ledger import Ledger
from promotion.clock import Clock, SystemClock
from promotion.errors import PromotionError
from promotion.outcome import Outcome
from promotion.plan import Decision
from promotion.push import Push
from promotion.repository_url import RepositoryKey
from promotion.workspace import Helpers, Progress, Report, Workspace, promote_in_workspace

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Target:
    """A workspace, and whether its principal's Git credential is ours to set."""

    workspace: Workspace
    sets_credential: bool = True


@dataclass(frozen=True)
class Promoter:
    """Does the work of one workflow; may be called again for the same push at any time."""

    app: GitHubApp
    targets: Sequence[Target]
    ledger: Ledger
    reports: CommitReports = field(default_factory=CommitReports)
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
                self.ledger.record(owed, future.result())
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
    if head is None or head == push.after or not access.contains(head, push.after):
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

    def promote(self, target: Target) -> Report:
        check = _Check(self.owed, target.workspace.name, self.access, self.by)
        helpers = Helpers(
            tokens=self.access if target.sets_credential else None,
            contains=self.access.contains,
            tags=self.access.tags,
            progress=check,
            clock=self.by.clock,
        )
        report = promote_in_workspace(self.owed.push, self.names, target.workspace, helpers)
        if check.blocked is not None:
            raise check.blocked
        check.finish(report)
        return report


class _Check(Progress):
    """The check run of one push in one workspace; where GitHub refuses it, promotion goes on."""

    def __init__(
        self, owed: BranchPush, workspace: str, access: InstallationAccess, by: Promoter
    ) -> None:
        self._owed = owed
        self._push = owed.push
        self._workspace = workspace
        self._access = access
        self._by = by
        self.blocked: PromotionError | None = None  # why nothing was begun, and all is put off

    def planned(self, decisions: Sequence[Decision]) -> None:
        if any(decision.moves for decision in decisions):
            self._show(reports.started(self._push, self._workspace, decisions), must=True)

    def ended(self, outcome: Outcome) -> None:
        log.info(
            "promotion.outcome",
            repository=self._push.repository,
            ref=self._push.ref,
            after=self._push.after,
            workspace=self._workspace,
            path=outcome.folder.path,
            conclusion=outcome.conclusion.value,
            reason=outcome.reason,
            seconds=round(outcome.seconds, 3),
        )

    def finish(self, report: Report) -> None:
        """Complete the check run; a workspace without a folder of the repository gets none."""
        if not (report.decisions or report.problem):
            return
        run = reports.finished(self._push, report, self._owed.cause)
        if not self._show(run):
            self._by.ledger.write_later(self._owed, run)

    def _show(self, run: CheckRun, *, must: bool = False) -> bool:
        """Show *run*; False where GitHub does not take it now.

        At the start it *must* be possible to speak to GitHub at all: else nothing is begun.
        """
        try:
            self._by.reports.show(self._access, run)
        except PromotionError as exc:
            if must and isinstance(exc, LimitedError | NoTokenError):
                self.blocked = exc
                raise
            log.warning("check_run.refused", name=run.name, head_sha=run.head_sha, error=str(exc))
            return False
        return True
