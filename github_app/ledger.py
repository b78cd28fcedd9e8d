"""What a promotion reads from the database, and what it leaves there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from github_app import late_checks, names, outcomes
from github_app.branches import BranchPush
from github_app.check_run import CheckRun
from github_app.deployments import Promoted, State
from github_app.lease import Lease
from github_app.metrics import Metrics
from promotion.errors import PromotionError
from promotion.repository_url import RepositoryKey, repository_key
from promotion.workspace import Report


@dataclass(frozen=True)
class Ledger:
    """The database as one run of a branch sees it."""

    engine: sa.Engine
    metrics: Metrics
    lease: Lease

    def begin(self, owed: BranchPush) -> None:
        """Forget what was still to be said about the commit: this run will say it."""
        with self.engine.begin() as tx:
            late_checks.drop(tx, owed)

    def names(self, owed: BranchPush) -> Sequence[RepositoryKey]:
        """Return the names under which Git folders may hold the repository, today's first."""
        key = repository_key(owed.repository_url)
        if key is None:
            raise PromotionError(f"{owed.repository_url} names no repository")
        with self.engine.begin() as tx:
            names.remember(tx, owed.repository_id, key)
            return names.known_as(tx, owed.repository_id)

    def record(self, owed: BranchPush, report: Report) -> None:
        """Keep what became of every Git folder of one workspace."""
        for outcome in report.outcomes:
            self.metrics.promoted(outcome.conclusion.value)
        with self.engine.begin() as tx:
            self.lease.still_mine(tx)
            outcomes.record(tx, owed, report, at=time.time())

    def write_later(self, owed: BranchPush, run: CheckRun) -> None:
        """Have a check run written when GitHub takes it."""
        with self.engine.begin() as tx:
            late_checks.put_final(tx, owed, run)

    def end_later(self, owed: BranchPush, promoted: Promoted, state: State) -> None:
        """Have a deployment end when GitHub takes it."""
        with self.engine.begin() as tx:
            late_checks.put_deployment(tx, owed, promoted, state)

    def tell_overtaken(self, owed: BranchPush) -> None:
        """Have the pushes that this one overtook say so."""
        with self.engine.begin() as tx:
            late_checks.put_superseded(tx, owed)
