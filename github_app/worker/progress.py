"""Tell a commit what becomes of its push in one workspace, as it happens."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import structlog

from github_app.github.access import InstallationAccess
from github_app.github.check_run import CheckRun
from github_app.github.rate_limits import LimitedError
from github_app.github.tokens import NoTokenError
from github_app.reports import render as reports
from github_app.reports.deployments import (
    FAILURE,
    IN_PROGRESS,
    INACTIVE,
    SUCCESS,
    Deployment,
    Deployments,
    Promoted,
    State,
    environment_of,
)
from github_app.reports.outbox import DOUBT_SECONDS
from github_app.reports.publish import CommitReports
from github_app.storage.branches import BranchPush
from github_app.worker.promotion_store import PromotionStore
from promotion.errors import PromotionError
from promotion.model import Conclusion, Outcome, Push
from promotion.plan import Decision
from promotion.workspace import Progress, Report

log = structlog.get_logger(__name__)


class CommitProgress(Progress):
    """The check run of one push in one workspace; where GitHub refuses it, promotion goes on."""

    def __init__(
        self,
        pushed: BranchPush,
        workspace: str,
        access: InstallationAccess,
        store: PromotionStore,
        commit_reports: CommitReports,
        deployment: DeploymentProgress | None = None,
        *,
        always: bool = False,
    ) -> None:
        """*always* has a check run written also where the push moves nothing."""
        self._always = always
        self._pushed = pushed
        self._push = pushed.push
        self._workspace = workspace
        self._access = access
        self._store = store
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
            self._pushed.repository_id, reports.finished(self._push, report)
        )

    def finish(self, report: Report, details_url: str = "") -> None:
        """Complete the check run. What *details_url* leads to is recorded by now."""
        run = reports.finished(self._push, report, self._pushed.cause, details_url=details_url)
        if self._is_undone(run) or not self._show(run):
            self._store.write_later(self._pushed, run)
        elif self._reports.is_doubtful(self._pushed.repository_id, run):
            self._store.write_later(self._pushed, run, seconds=DOUBT_SECONDS)
        if self._deployment is not None:
            self._deployment.end(report, details_url)

    def _is_undone(self, run: CheckRun) -> bool:
        """Say whether *run* calls a commit superseded that is, or may be, GitHub's head again.

        The Git folders were read a moment ago. The outbox asks GitHub again.
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
            self._reports.show(self._access, self._pushed.repository_id, run)
        except PromotionError as exc:
            if must and isinstance(exc, LimitedError | NoTokenError):
                self.blocked = exc
                raise
            log.warning("check_run.refused", name=run.name, head_sha=run.head_sha, error=str(exc))
            return False
        return True


class DeploymentProgress:
    """The deployment of one push; no Git folder waits for it."""

    def __init__(
        self,
        pushed: BranchPush,
        workspace: str,
        access: InstallationAccess,
        deployments: Deployments,
        store: PromotionStore,
    ) -> None:
        self._pushed = pushed
        self._access = access
        self._deployments = deployments
        self._store = store
        environment = environment_of(workspace)
        self._promoted = Promoted(pushed.seq, environment, pushed.push.ref, pushed.push.after)
        self._begun: Future[Deployment | None] | None = None

    def begin(self) -> None:
        """Have the deployment in progress, soon."""
        state = State(IN_PROGRESS, "Git folders are being updated")
        pool = ThreadPoolExecutor(1, "deployment")
        self._begun = pool.submit(self._deployments.begin, self._access, self._promoted, state)
        pool.shutdown(wait=False)

    def end(self, report: Report, details_url: str) -> None:
        """Say how it ended, now or when GitHub takes it; without a moved Git folder there is none.

        Before a crash there may have been one: a workspace that stopped says so there.
        """
        state = ending(self._pushed.push, report, details_url)
        try:
            if self._begun is not None and report.outcomes:
                begun = self._begun.result()
                self._deployments.end(self._access, self._promoted, state, begun)
            elif report.problem:
                self._deployments.end_what_is_open(self._access, self._promoted, state, urgent=True)
        except PromotionError as exc:
            log.warning("deployment.refused", sha=self._promoted.sha, error=str(exc))
            self._store.end_later(self._pushed, self._promoted, state)


def ending(push: Push, report: Report, details_url: str) -> State:
    """Return the state of a deployment whose promotion has ended. Pure."""
    ended = {outcome.conclusion for outcome in report.outcomes}
    if reports.conclusion(report) not in reports.FINE:
        word = FAILURE
    elif Conclusion.SUCCESS in ended and not ended & {Conclusion.CANCELLED, Conclusion.NEUTRAL}:
        word = SUCCESS
    else:
        word = INACTIVE
    return State(word, reports.title(push, report), details_url)
