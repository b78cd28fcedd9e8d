"""What a promotion reads from the database, and what it leaves there."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
import structlog

from github_app import late_checks, names, outcomes
from github_app.access import InstallationAccess
from github_app.branches import BranchPush
from github_app.check_run import CheckRun
from github_app.deployments import Promoted, State
from github_app.details_link import Links
from github_app.lease import Lease
from github_app.metrics import Metrics
from promotion.errors import PromotionError
from promotion.repository_url import RepositoryKey, repository_key
from promotion.workspace import Report

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Ledger:
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

    def begin(self, owed: BranchPush) -> None:
        """Forget what was still to be said about the commit: this run will say it."""
        with self.transaction() as tx:
            late_checks.drop(tx, owed)

    def names(self, owed: BranchPush, access: InstallationAccess) -> Sequence[RepositoryKey]:
        """Return the names under which Git folders may hold the repository, today's first.

        Former names are those that were seen. Raises GoneError where today's was seen of another
        repository, and GitHub says so too: a late push or a Re-run may tell an old name.
        """
        told = repository_key(owed.repository_url)
        if told is None:
            raise PromotionError(f"{owed.repository_url} names no repository")
        today = repository_key(f"https://{told.host}/{access.repository}") or told
        with self.engine.connect() as reader:
            known = names.known_as(reader, owed.repository_id)
            holder = names.holder(reader, today)
        if holder not in (None, owed.repository_id):
            access.require_itself()
        with self.transaction() as tx:
            names.remember(tx, owed.repository_id, today)
        return [today, *dict.fromkeys(key for key in (told, *known) if key != today)]

    def give_names(self, elsewhere: Mapping[RepositoryKey, int | None]) -> None:
        """Note to whom GitHub leads from names that were a repository's own."""
        with self.transaction() as tx:
            for key, repository_id in elsewhere.items():
                log.warning("name.leads_elsewhere", repository=key.full_name, now=repository_id)
                names.give(tx, key, repository_id)

    def record(
        self, owed: BranchPush, report: Report, *, reported: bool = True, links: Links | None = None
    ) -> str:
        """Keep what became of every Git folder of one workspace; return the link to its page.

        Where it is not *reported* on the commit, nothing is kept. Without *links* there is none.
        """
        for outcome in report.outcomes:
            self.metrics.promoted(outcome.conclusion.value)
        with self.transaction() as tx:
            if not reported:
                outcomes.forget(tx, owed, report)
                return ""
            return outcomes.record(tx, owed, report, at=time.time(), links=links)

    def write_later(self, owed: BranchPush, run: CheckRun, *, seconds: float = 0.0) -> None:
        """Have a check run written when GitHub takes it, *seconds* from now at the earliest."""
        with self.transaction() as tx:
            not_before = time.time() + seconds if seconds else 0.0
            late_checks.put_final(tx, owed, run, not_before=not_before)

    def end_later(self, owed: BranchPush, promoted: Promoted, state: State) -> None:
        """Have a deployment end when GitHub takes it."""
        with self.transaction() as tx:
            late_checks.put_deployment(tx, owed, promoted, state)

    def end_what_is_open(self, owed: BranchPush, served: Collection[str]) -> None:
        """Have the check runs end that this promotion, which is over, has not ended itself.

        Those of pushes that it supersedes, and those of workspaces that are not *served* any more.
        """
        with self.transaction() as tx:
            late_checks.put_superseded(tx, owed)
            late_checks.put_left_open(tx, owed, served)
