"""Tell a commit what becomes of its push in one workspace, as it happens."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from github_app import report as reports
from github_app.access import InstallationAccess
from github_app.branches import BranchPush
from github_app.check_run import CheckRun
from github_app.commit_reports import CommitReports
from github_app.deployment_progress import DeploymentProgress
from github_app.github_limits import LimitedError
from github_app.github_tokens import NoTokenError
from github_app.late_checks import DOUBT_SECONDS
from github_app.ledger import Ledger
from promotion.errors import PromotionError
from promotion.outcome import Conclusion, Outcome
from promotion.plan import Decision
from promotion.workspace import Progress, Report

log = structlog.get_logger(__name__)


class CommitProgress(Progress):
    """The check run of one push in one workspace; where GitHub refuses it, promotion goes on."""

    def __init__(
        self,
        owed: BranchPush,
        workspace: str,
        access: InstallationAccess,
        ledger: Ledger,
        commit_reports: CommitReports,
        deployment: DeploymentProgress | None = None,
        *,
        always: bool = False,
    ) -> None:
        """*always* has a check run written also where the push moves nothing."""
        self._always = always
        self._owed = owed
        self._push = owed.push
        self._workspace = workspace
        self._access = access
        self._ledger = ledger
        self._reports = commit_reports
        self._deployment = deployment  # None where the workspace asks for none
        self.blocked: PromotionError | None = None  # why nothing was begun, and all is put off

    def planned(self, decisions: Sequence[Decision]) -> None:
        if not any(decision.moves for decision in decisions):
            return
        self._show(reports.started(self._push, self._workspace, decisions), must=True)
        if self._deployment is not None:
            self._deployment.begin()

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

    def is_reported(self, report: Report) -> bool:
        """Say whether the commit gets a check run for this ref and workspace, or has one.

        A push that moves nothing in a workspace has nothing to say there.
        """
        if self._always or reports.is_news(report):
            return True
        return self._reports.is_there(
            self._owed.repository_id, reports.finished(self._push, report)
        )

    def finish(self, report: Report, details_url: str = "") -> None:
        """Complete the check run. What *details_url* leads to is recorded by now."""
        run = reports.finished(self._push, report, self._owed.cause, details_url=details_url)
        if self._is_undone(run) or not self._show(run):
            self._ledger.write_later(self._owed, run)
        elif self._reports.is_doubtful(self._owed.repository_id, run):
            self._ledger.write_later(self._owed, run, seconds=DOUBT_SECONDS)
        if self._deployment is not None:
            self._deployment.end(report, details_url)

    def _is_undone(self, run: CheckRun) -> bool:
        """Say whether *run* calls a commit superseded that is, or may be, GitHub's head again.

        The Git folders were read a moment ago. What is written later asks again.
        """
        if run.conclusion != Conclusion.CANCELLED.value or self._push.branch is None:
            return False
        try:
            return self._access.branch_head(self._push.branch) == run.head_sha
        except PromotionError:
            return True

    def _show(self, run: CheckRun, *, must: bool = False) -> bool:
        """Show *run*; False where GitHub does not take it now.

        At the start it *must* be possible to speak to GitHub at all: else nothing is begun.
        """
        try:
            self._reports.show(self._access, self._owed.repository_id, run)
        except PromotionError as exc:
            if must and isinstance(exc, LimitedError | NoTokenError):
                self.blocked = exc
                raise
            log.warning("check_run.refused", name=run.name, head_sha=run.head_sha, error=str(exc))
            return False
        return True
