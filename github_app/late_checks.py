"""Check runs that can wait: kept with what made them necessary, and written one after the other.

A promotion is never held up by telling the pushes that it overtook.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, replace
from functools import partial

import sqlalchemy as sa
import structlog

from github_app import report
from github_app.access import InstallationAccess
from github_app.branches import NEVER, BranchPush
from github_app.check_run import COMPLETED, CheckRun
from github_app.commit_reports import CommitReports
from github_app.deployments import Deployments, Promoted, State
from github_app.github_limits import LimitedError
from github_app.tables import branches, late_checks, reports, workers
from promotion.errors import ApiError, PromotionError
from promotion.outcome import Conclusion

FINAL, SUPERSEDED, OUTDATED, GIVEN_UP = "final", "superseded", "outdated", "given up"
DEPLOYMENT = "deployment"  # no check run: how a deployment of the commit has ended
PLAIN_NAME = "Brickpush"  # where no workspace has a check run that could say it
# GitHub lets an installation write some 80 check runs a minute: of a bigger burst, each commit
# gets one check run in place of one for each workspace.
EACH_WORKSPACE_MOST = 20
# Doubled, then hourly for three days: what is dropped leaves its check run open for good.
RETRY_SECONDS = (*(5.0 * 2**n for n in range(10)), *(3600.0,) * 72)

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class LateCheck:
    """One check run to write; without a name, on whatever is there.

    Of a deployment, `name` is the environment, `conclusion` the state, `title` the description.
    """

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
    details_url: str = ""
    run: int | None = None  # of a deployment: the seq of its promotion

    def check_run(self) -> CheckRun:
        return CheckRun(
            name=self.name or PLAIN_NAME,
            head_sha=self.head_sha,
            status=COMPLETED,
            conclusion=self.conclusion,
            title=self.title,
            summary=self.summary,
            details_url=self.details_url,
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
    # Another run's deployment is another one, although it is of the same commit.
    run = late_checks.c.run.is_(None) | (late_checks.c.run == owed.seq)
    tx.execute(late_checks.delete().where(mine, commit, run))


def put_superseded(tx: sa.Connection, owed: BranchPush) -> None:
    """Have each push that *owed* overtook say by which commit."""
    commits = dict.fromkeys(push.after for push in owed.superseded if not push.deleted)
    name = PLAIN_NAME if len(commits) > EACH_WORKSPACE_MOST else ""
    title, summary = report.superseded(owed.push, by=owed.push.after)
    for head_sha in commits:
        put(tx, _of(owed, SUPERSEDED, head_sha, Conclusion.CANCELLED.value, title, summary, name))


def put_given_up(tx: sa.Connection, owed: BranchPush, reason: str) -> None:
    """Have the check runs of a push end that nothing tries to promote any more."""
    if not owed.push.deleted:
        title, summary = report.given_up(reason)
        put(tx, _of(owed, GIVEN_UP, owed.push.after, Conclusion.FAILURE.value, title, summary))


def put_final(tx: sa.Connection, owed: BranchPush, run: CheckRun) -> None:
    """Have a promotion's own check run written later: GitHub does not take it now."""
    conclusion = Conclusion(run.conclusion).value
    check = _of(owed, FINAL, run.head_sha, conclusion, run.title, run.summary, run.name)
    put(tx, replace(check, details_url=run.details_url))


def put_deployment(tx: sa.Connection, owed: BranchPush, promoted: Promoted, state: State) -> None:
    """Have a deployment end later: GitHub does not take it now."""
    name, run = promoted.environment, promoted.run
    check = _of(owed, DEPLOYMENT, promoted.sha, state.word, state.description, "", name)
    put(tx, replace(check, details_url=state.log_url, run=run))


def put_outdated(tx: sa.Connection, owed: BranchPush, head_sha: str) -> None:
    """Have a check that was re-run say that its commit is no more the branch's newest."""
    title, summary = report.outdated(owed.push)
    put(tx, _of(owed, OUTDATED, head_sha, Conclusion.CANCELLED.value, title, summary))


def _of(
    owed: BranchPush,
    kind: str,
    head_sha: str,
    conclusion: str,
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
        conclusion=conclusion,
        title=title,
        summary=summary,
        name=name,
    )


class _TooEarlyError(PromotionError):
    """Where the check run belongs is known once a promotion of the branch has ended."""

    retry_after = 1.0


LATER = LimitedError | _TooEarlyError  # no failure: it is tried as often as it takes


class LateChecks:
    """Writes what waits, overtaken pushes last; never in the way of promotions themselves."""

    def __init__(
        self,
        engine: sa.Engine,
        commit_reports: CommitReports,
        access: Callable[[str, int | None], InstallationAccess],
        *,
        worker: str,
        deployments: Deployments | None = None,
    ) -> None:
        """*worker* is the id under which this process has its lease."""
        self._deployments = deployments or Deployments()
        self._engine = engine
        self._reports = commit_reports
        self._access = access
        self._worker = worker
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
        """Return what is next, which nobody else takes while this process lives."""
        mine = late_checks.c.taken_by == self._worker  # of a try that was cut off
        living = sa.select(workers.c.id)
        free = late_checks.c.taken_by.is_(None) | mine | late_checks.c.taken_by.not_in(living)
        may_go = (late_checks.c.not_before <= time.time(), free)
        with self._engine.begin() as tx:
            # How a promotion ended is asked for; of an overtaken push few want to know.
            order = (late_checks.c.kind == SUPERSEDED, late_checks.c.id)
            first = sa.select(late_checks).where(*may_go).order_by(*order).limit(1)
            row = tx.execute(first).one_or_none()
            if row is None:
                return None
            claim = late_checks.update().where(late_checks.c.id == row.id, *may_go)
            if tx.execute(claim.values(taken_by=self._worker)).rowcount == 0:
                return None
        fields = {name: getattr(row, name) for name in LateCheck.__dataclass_fields__}
        return row.id, row.attempts, LateCheck(**fields)

    def _write(self, check: LateCheck) -> None:
        access = self._access(check.repository, check.installation_id)
        if check.kind == DEPLOYMENT:
            self._end_deployment(access, check)
            return
        run = check.check_run()
        if check.kind == FINAL:
            self._reports.show(access, run, urgent=False)
            return
        names = partial(self._names, check)
        self._reports.show_on_all(access, run, names, completed=check.kind == OUTDATED)

    def _end_deployment(self, access: InstallationAccess, check: LateCheck) -> None:
        promoted = Promoted(check.run or 0, check.name, check.ref, check.head_sha)
        state = State(check.conclusion, check.title, check.details_url)
        self._deployments.end_what_is_open(access, promoted, state, urgent=False)

    def _names(self, check: LateCheck, there: Set[str]) -> Iterable[str]:
        """Return the check runs that the branch's promotions write, one for each workspace.

        A push that is told in one place for all of them stays so, and the other way round: the
        run that overtook it may have been repeated, and have overtaken more by then.
        """
        if check.kind == OUTDATED or (check.kind == SUPERSEDED and PLAIN_NAME in there):
            return ()
        if check.name and not there:
            return (check.name,)
        with self._engine.connect() as reader:
            names = [report.check_name(each) for each in _workspaces(reader, check)]
            if not names and check.kind == SUPERSEDED and _is_owed(reader, check):
                raise _TooEarlyError("no promotion of the branch has ended yet")
        return names or ([PLAIN_NAME] if check.kind == GIVEN_UP else [])

    def _put_off(self, row_id: int, attempts: int, check: LateCheck, exc: PromotionError) -> None:
        later = isinstance(exc, LATER)
        gone = isinstance(exc, ApiError) and exc.status in (404, 410, 422)
        if not later and (gone or attempts >= len(RETRY_SECONDS)):
            log.warning("check_run.not_written", head_sha=check.head_sha, error=str(exc))
            self._drop(row_id)
            return
        pause = exc.retry_after if isinstance(exc, LATER) else RETRY_SECONDS[attempts]
        values = {
            "not_before": time.time() + pause,
            "attempts": attempts + (not later),
            "taken_by": None,
        }
        with self._engine.begin() as tx:
            tx.execute(late_checks.update().where(late_checks.c.id == row_id).values(values))

    def _drop(self, row_id: int) -> None:
        with self._engine.begin() as tx:
            tx.execute(late_checks.delete().where(late_checks.c.id == row_id))


def _workspaces(reader: sa.Connection, check: LateCheck) -> list[str]:
    """Return where the branch's last promotion that ended had Git folders, and any since.

    One that runs has told of some workspaces, and not yet of the others.
    """
    of_branch = (reports.c.repository_id == check.repository_id, reports.c.ref == check.ref)
    promoted = sa.select(branches.c.promoted).where(*_branch(check)).scalar_subquery()
    ended = sa.select(sa.func.max(reports.c.seq)).where(*of_branch, reports.c.seq <= promoted)
    since = reader.execute(ended).scalar()
    if since is None:
        return []
    query = sa.select(reports.c.workspace).distinct().where(*of_branch, reports.c.seq >= since)
    return list(reader.execute(query).scalars())


def _is_owed(reader: sa.Connection, check: LateCheck) -> bool:
    """Say whether a promotion of the branch runs, or comes by itself."""
    owed = (branches.c.newest > branches.c.promoted, branches.c.not_before < NEVER)
    query = sa.select(sa.func.count()).select_from(branches).where(*_branch(check), *owed)
    return reader.execute(query).scalar_one() > 0


def _branch(check: LateCheck) -> tuple[sa.ColumnElement[bool], ...]:
    return (branches.c.repository_id == check.repository_id, branches.c.ref == check.ref)
