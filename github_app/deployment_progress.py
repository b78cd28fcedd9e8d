"""Record one push in one workspace as a GitHub deployment, beside the promotion itself."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import structlog

from github_app import report as reports
from github_app.access import InstallationAccess
from github_app.branches import BranchPush
from github_app.deployments import (
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
from github_app.ledger import Ledger
from promotion.errors import PromotionError
from promotion.outcome import Conclusion
from promotion.push import Push
from promotion.workspace import Report

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class DeploymentProgress:
    """The deployment of one push; no Git folder waits for it."""

    def __init__(
        self,
        owed: BranchPush,
        workspace: str,
        access: InstallationAccess,
        deployments: Deployments,
        ledger: Ledger,
    ) -> None:
        self._owed = owed
        self._access = access
        self._deployments = deployments
        self._ledger = ledger
        environment = environment_of(workspace)
        self._promoted = Promoted(owed.seq, environment, owed.push.ref, owed.push.after)
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
        state = ending(self._owed.push, report, details_url)
        try:
            if self._begun is not None and report.outcomes:
                begun = self._begun.result()
                self._deployments.end(self._access, self._promoted, state, begun)
            elif report.problem:
                self._deployments.end_what_is_open(self._access, self._promoted, state, urgent=True)
        except PromotionError as exc:
            log.warning("deployment.refused", sha=self._promoted.sha, error=str(exc))
            self._ledger.end_later(self._owed, self._promoted, state)


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
