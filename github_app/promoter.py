"""Carry out one owed promotion: tokens, every workspace, and the check runs on the commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from github_app import report as reports
from github_app.access import InstallationAccess
from github_app.branches import BranchPush
from github_app.github import CheckRun, GitHubApp, Installation
from promotion.clock import Clock, SystemClock
from promotion.errors import ApiError, PromotionError
from promotion.outcome import Outcome
from promotion.plan import Decision
from promotion.repository_url import RepositoryKey
from promotion.workspace import Helpers, Progress, Report, Workspace, promote_in_workspace

log = structlog.get_logger(__name__)

Record = Callable[[BranchPush, Report], None]
Names = Callable[[BranchPush], Sequence[RepositoryKey]]  # today's first


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
    record: Record
    names: Names
    clock: Clock = field(default_factory=SystemClock)

    def promote(self, owed: BranchPush) -> None:
        """Promote the push in every workspace, each on its own.

        Raises PromotionError where nothing could be done, to be called again later.
        A deleted branch moves nothing, and has no commit to report on.
        """
        push = owed.push
        if push.deleted or (push.branch is None and push.tag is None):
            log.info("promotion.nothing", repository=push.repository, ref=push.ref)
            return
        job = _Job(owed, self.names(owed), self._access(owed), self.clock)
        with ThreadPoolExecutor(len(self.targets), "workspace") as pool:
            for future in [pool.submit(job.promote, target) for target in self.targets]:
                self.record(owed, future.result())

    def _access(self, owed: BranchPush) -> InstallationAccess:
        installation_id = owed.installation_id or self.app.installation_id(owed.push.repository)
        return InstallationAccess(self.app, installation_id, owed.push.repository, self.clock)


@dataclass(frozen=True)
class _Job:
    """One push, with what its promotions in the workspaces share."""

    owed: BranchPush
    names: Sequence[RepositoryKey]
    access: InstallationAccess
    clock: Clock

    def promote(self, target: Target) -> Report:
        check = _Check(self.owed, target.workspace.name, self.access.checks)
        helpers = Helpers(
            tokens=self.access if target.sets_credential else None,
            contains=self.access.contains,
            tags=self.access.tags,
            progress=check,
            clock=self.clock,
        )
        report = promote_in_workspace(self.owed.push, self.names, target.workspace, helpers)
        check.finish(report)
        return report


class _Check(Progress):
    """The check run of one push in one workspace; where GitHub refuses it, promotion goes on."""

    def __init__(self, owed: BranchPush, workspace: str, checks: Installation) -> None:
        self._owed = owed
        self._push = owed.push
        self._workspace = workspace
        self._checks = checks
        self._run_ids: dict[str, int] = {}  # by commit

    def planned(self, decisions: Sequence[Decision]) -> None:
        if any(decision.moves for decision in decisions):
            self._show(reports.started(self._push, self._workspace, decisions))

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
        self._show(reports.finished(self._push, report))
        for push in self._owed.superseded:
            self._show(reports.superseded(push, self._workspace, self._push.after))

    def _show(self, run: CheckRun) -> None:
        """Show *run*: one check run for each commit and workspace, found again after a crash."""
        repository = self._push.repository
        try:
            run_id = self._run_ids.get(run.head_sha) or self._checks.find_check_run(
                repository, head_sha=run.head_sha, name=run.name
            )
            if run_id is None:
                run_id = self._checks.create_check_run(repository, run)
            else:
                self._checks.update_check_run(repository, run_id, run)
            self._run_ids[run.head_sha] = run_id
        except PromotionError as exc:
            status = exc.status if isinstance(exc, ApiError) else None
            log.warning("check_run.refused", name=run.name, head_sha=run.head_sha, status=status)
