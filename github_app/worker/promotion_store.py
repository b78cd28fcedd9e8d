"""What a promotion reads from the database, and what it leaves there."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from github_app.github.check_run import CheckRun
from github_app.reports import outbox, outcomes
from github_app.reports.deployments import Promoted, State
from github_app.reports.details_link import Links
from github_app.runtime.metrics import Metrics
from github_app.storage import push_order
from github_app.storage.branches import BranchPush
from github_app.worker.lease import Lease
from promotion.model import Push
from promotion.workspace import Report


@dataclass(frozen=True)
class PromotionStore:
    """The database as one run of a branch sees it."""

    engine: sa.Engine
    metrics: Metrics
    lease: Lease

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Change what this run may change, unless its worker has lost its lease."""
        with self.engine.begin() as tx:
            self.lease.still_mine(tx)
            yield tx

    def begin(self, pushed: BranchPush, *, told: Push) -> None:
        """Note where the branch is, if not where it was *told* to be; forget older reports.

        What was still to be said about the commit will be said by this run.
        """
        with self.transaction() as tx:
            if pushed.push.after != told.after:
                push_order.move_to_head(tx, pushed, pushed.push.after)
            outbox.drop(tx, pushed)

    def record(
        self,
        pushed: BranchPush,
        report: Report,
        *,
        reported: bool = True,
        links: Links | None = None,
    ) -> str:
        """Keep what became of every Git folder of one workspace; return the link to its page.

        Where it is not *reported* on the commit, nothing is kept. Without *links* there is none.
        """
        for outcome in report.outcomes:
            self.metrics.promoted(outcome.conclusion.value)
        with self.transaction() as tx:
            if not reported:
                outcomes.forget(tx, pushed, report)
                return ""
            return outcomes.record(tx, pushed, report, at=time.time(), links=links)

    def write_later(self, pushed: BranchPush, run: CheckRun, *, seconds: float = 0.0) -> None:
        """Have a check run written when GitHub takes it, *seconds* from now at the earliest."""
        with self.transaction() as tx:
            not_before = time.time() + seconds if seconds else 0.0
            outbox.put_final(tx, pushed, run, not_before=not_before)

    def end_later(self, pushed: BranchPush, promoted: Promoted, state: State) -> None:
        """Have a deployment end when GitHub takes it."""
        with self.transaction() as tx:
            outbox.put_deployment(tx, pushed, promoted, state)

    def end_what_is_open(self, pushed: BranchPush, served: Collection[str]) -> None:
        """Have the check runs end that this promotion, which is over, has not ended itself.

        Those of pushes that it supersedes, and those of workspaces that are not *served* any more.
        """
        with self.transaction() as tx:
            outbox.put_superseded(tx, pushed)
            outbox.put_left_open(tx, pushed, served)
