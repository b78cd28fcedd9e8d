"""Check runs that can wait: kept with what made them necessary, and written one after the other.

A promotion is never held up by telling the pushes that it overtook.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import sqlalchemy as sa
import structlog

from github_app import report
from github_app.access import InstallationAccess
from github_app.branches import BranchPush
from github_app.check_run import COMPLETED, CheckRun
from github_app.commit_reports import CommitReports
from github_app.github_limits import LimitedError
from github_app.tables import late_checks, outcomes
from promotion.errors import ApiError, PromotionError
from promotion.outcome import Conclusion

FINAL, SUPERSEDED, OUTDATED, GIVEN_UP = "final", "superseded", "outdated", "given up"
PLAIN_NAME = "Brickpush"  # where no workspace has a check run that could say it
# GitHub lets an installation write some 80 check runs a minute: of a bigger burst, each commit
# gets one check run in place of one for each workspace.
EACH_WORKSPACE_MOST = 20
CLAIM_SECONDS = 120.0  # who took one and died: it is another's after this
RETRY_SECONDS = (10.0, 60.0, 600.0, 3600.0)

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class LateCheck:
    """One check run to write; without a name, on whatever is there."""

    repository_id: int
    repository: str
    installation_id: int | None
    ref: str
    head_sha: str
    kind: str
    conclusion: str
    title: str
    summary: str
    name: str = ""

    def check_run(self) -> CheckRun:
        return CheckRun(
            name=self.name or PLAIN_NAME,
            head_sha=self.head_sha,
            status=COMPLETED,
            conclusion=self.conclusion,
            title=self.title,
            summary=self.summary,
        )


def put(tx: sa.Connection, check: LateCheck) -> None:
    """Have *check* written at leisure, in place of what was to be written there."""
    same = (
        late_checks.c.repository_id == check.repository_id,
        late_checks.c.head_sha == check.head_sha,
        late_checks.c.name == check.name,
    )
    tx.execute(late_checks.delete().where(*same))
    tx.execute(late_checks.insert(), {**vars(check), "at": time.time()})


def drop(tx: sa.Connection, owed: BranchPush) -> None:
    """Write nothing any more on the commit of *owed*: a run begins that will tell all."""
    commit = late_checks.c.head_sha == owed.push.after
    mine = late_checks.c.repository_id == owed.repository_id
    tx.execute(late_checks.delete().where(mine, commit))


def put_superseded(tx: sa.Connection, owed: BranchPush) -> None:
    """Have each push that *owed* overtook say by which commit."""
    commits = dict.fromkeys(push.after for push in owed.superseded if not push.deleted)
    name = PLAIN_NAME if len(commits) > EACH_WORKSPACE_MOST else ""
    title, summary = report.superseded(owed.push, by=owed.push.after)
    for head_sha in commits:
        put(tx, _of(owed, SUPERSEDED, head_sha, Conclusion.CANCELLED, title, summary, name))


def put_given_up(tx: sa.Connection, owed: BranchPush, reason: str) -> None:
    """Have the check runs of a push end that nothing tries to promote any more."""
    if not owed.push.deleted:
        title, summary = report.given_up(reason)
        put(tx, _of(owed, GIVEN_UP, owed.push.after, Conclusion.FAILURE, title, summary))


def put_final(tx: sa.Connection, owed: BranchPush, run: CheckRun) -> None:
    """Have a promotion's own check run written later: GitHub does not take it now."""
    conclusion = Conclusion(run.conclusion)
    check = _of(owed, FINAL, run.head_sha, conclusion, run.title, run.summary, run.name)
    put(tx, check)


def put_outdated(tx: sa.Connection, owed: BranchPush, head_sha: str) -> None:
    """Have a check that was re-run say that its commit is no more the branch's newest."""
    title, summary = report.outdated(owed.push)
    put(tx, _of(owed, OUTDATED, head_sha, Conclusion.CANCELLED, title, summary))


def _of(
    owed: BranchPush,
    kind: str,
    head_sha: str,
    conclusion: Conclusion,
    title: str,
    summary: str,
    name: str = "",
) -> LateCheck:
    return LateCheck(
        repository_id=owed.repository_id,
        repository=owed.push.repository,
        installation_id=owed.installation_id,
        ref=owed.push.ref,
        head_sha=head_sha,
        kind=kind,
        conclusion=conclusion.value,
        title=title,
        summary=summary,
        name=name,
    )


class LateChecks:
    """Writes what waits, the oldest first; never in the way of a promotion's own check runs."""

    def __init__(
        self,
        engine: sa.Engine,
        reports: CommitReports,
        access: Callable[[str, int | None], InstallationAccess],
    ) -> None:
        self._engine = engine
        self._reports = reports
        self._access = access
        self.stopping = False

    def write_all(self) -> None:
        """Write everything that waits and may be written now."""
        while not self.stopping and (taken := self._take()) is not None:
            row_id, attempts, check = taken
            try:
                self._write(check)
            except PromotionError as exc:
                self._put_off(row_id, attempts, check, exc)
            else:
                self._drop(row_id)

    def _take(self) -> tuple[int, int, LateCheck] | None:
        """Return what is next, which nobody else takes for a while."""
        now = time.time()
        with self._engine.begin() as tx:
            may_go = late_checks.c.not_before <= now
            first = sa.select(late_checks).where(may_go).order_by(late_checks.c.id).limit(1)
            row = tx.execute(first).one_or_none()
            if row is None:
                return None
            claim = late_checks.update().where(late_checks.c.id == row.id, may_go)
            if tx.execute(claim.values(not_before=now + CLAIM_SECONDS)).rowcount == 0:
                return None
        fields = {name: getattr(row, name) for name in LateCheck.__dataclass_fields__}
        return row.id, row.attempts, LateCheck(**fields)

    def _write(self, check: LateCheck) -> None:
        access = self._access(check.repository, check.installation_id)
        run = check.check_run()
        if check.kind == FINAL:
            self._reports.show(access, run, urgent=False)
            return
        names = self._names(check) if check.kind in (SUPERSEDED, GIVEN_UP) else ()
        completed = check.kind == OUTDATED
        self._reports.show_on_all(access, run, names, completed=completed)

    def _names(self, check: LateCheck) -> Iterable[str]:
        """Return the check runs that the branch's promotions write, one for each workspace."""
        if check.name:
            return [check.name]
        of_branch = (
            outcomes.c.repository_id == check.repository_id,
            outcomes.c.ref == check.ref,
        )
        with self._engine.connect() as reader:
            newest = sa.select(sa.func.max(outcomes.c.seq)).where(*of_branch).scalar_subquery()
            query = sa.select(outcomes.c.workspace).distinct()
            names = reader.execute(query.where(*of_branch, outcomes.c.seq == newest)).scalars()
            known = [report.check_name(name) for name in names]
        return known or ([PLAIN_NAME] if check.kind == GIVEN_UP else [])

    def _put_off(self, row_id: int, attempts: int, check: LateCheck, exc: PromotionError) -> None:
        limited = isinstance(exc, LimitedError)
        gone = isinstance(exc, ApiError) and exc.status in (404, 410, 422)
        if not limited and (gone or attempts >= len(RETRY_SECONDS)):
            log.warning("check_run.not_written", head_sha=check.head_sha, error=str(exc))
            self._drop(row_id)
            return
        pause = exc.retry_after if isinstance(exc, LimitedError) else RETRY_SECONDS[attempts]
        values = {"not_before": time.time() + pause, "attempts": attempts + (not limited)}
        with self._engine.begin() as tx:
            tx.execute(late_checks.update().where(late_checks.c.id == row_id).values(values))

    def _drop(self, row_id: int) -> None:
        with self._engine.begin() as tx:
            tx.execute(late_checks.delete().where(late_checks.c.id == row_id))
