"""What a promotion reads from the database, and what it leaves there."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
import structlog

from github_app.github.access import InstallationAccess
from github_app.github.check_run import CheckRun
from github_app.reports import outbox, outcomes
from github_app.reports.deployments import Promoted, State
from github_app.reports.details_link import Links
from github_app.runtime.metrics import Metrics
from github_app.storage import repository_names
from github_app.storage.branches import BranchPush
from github_app.worker.lease import Lease
from promotion.errors import PromotionError
from promotion.repository_url import RepositoryKey, repository_key
from promotion.workspace import Report

log = structlog.get_logger(__name__)


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

    def begin(self, pushed: BranchPush) -> None:
        """Forget what was still to be said about the commit: this run will say it."""
        with self.transaction() as tx:
            outbox.drop(tx, pushed)

    def names(self, pushed: BranchPush, access: InstallationAccess) -> Sequence[RepositoryKey]:
        """Return the names under which Git folders may hold the repository, today's first.

        Former names are those that were seen. Raises GoneError where today's was seen of another
        repository, and GitHub says so too: a late push or a Re-run may tell an old name.
        """
        told = repository_key(pushed.repository_url)
        if told is None:
            raise PromotionError(f"{pushed.repository_url} names no repository")
        today = repository_key(f"https://{told.host}/{access.repository}") or told
        with self.engine.connect() as reader:
            known = repository_names.known_as(reader, pushed.repository_id)
            holder = repository_names.holder(reader, today)
        if holder not in (None, pushed.repository_id):
            access.require_itself()
        with self.transaction() as tx:
            repository_names.remember(tx, pushed.repository_id, today)
        return [today, *dict.fromkeys(key for key in (told, *known) if key != today)]

    def give_names(self, elsewhere: Mapping[RepositoryKey, int | None]) -> None:
        """Note to whom GitHub leads from names that were a repository's own."""
        with self.transaction() as tx:
            for key, repository_id in elsewhere.items():
                log.warning("name.leads_elsewhere", repository=key.full_name, now=repository_id)
                repository_names.give(tx, key, repository_id)

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
