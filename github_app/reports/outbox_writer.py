"""Write the check runs that can wait, one after the other, for as long as GitHub needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, replace
from functools import partial

import sqlalchemy as sa
import structlog

from github_app.github.access import InstallationAccess
from github_app.github.check_run import CheckRun
from github_app.github.installation import NoLongerTrueError
from github_app.github.rate_limits import LimitedError
from github_app.reports import render
from github_app.reports.deployments import Deployments, Promoted, State
from github_app.reports.outbox import (
    DEPLOYMENT,
    FINAL,
    GIVEN_UP,
    OUTDATED,
    SUPERSEDED,
    UNSERVED,
    OutboxItem,
    Scope,
)
from github_app.reports.publish import CommitReports
from github_app.storage.branches import NEVER
from github_app.storage.tables import branches, outbox_items, reports, workers
from promotion.errors import PromotionError
from promotion.model import HEADS, Conclusion, Push

# Doubled, then hourly for three days: what is dropped leaves its check run open for good. That
# includes 404 and 422: replicas of GitHub that lag behind answer so, and an App whose installation
# is changed.
RETRY_SECONDS = (*(5.0 * 2**n for n in range(10)), *(3600.0,) * 72)
# A report that waits for longer asks GitHub whether the name is still the repository's.
RENAMED_SECONDS = 60.0

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Row:
    """A row as it was taken; one that was replaced meanwhile is another."""

    id: int
    at: float
    attempts: int

    @property
    def same(self) -> sa.ColumnElement[bool]:
        return (outbox_items.c.id == self.id) & (outbox_items.c.at == self.at)


class _TooEarlyError(PromotionError):
    """Where the check run belongs is known once a promotion of the branch has ended."""

    retry_after = 1.0


LATER = LimitedError | _TooEarlyError  # no failure: it is tried as often as it takes


class OutboxWriter:
    """Writes what waits, superseded pushes last; never in the way of promotions themselves."""

    def __init__(
        self,
        engine: sa.Engine,
        commit_reports: CommitReports,
        access: Callable[[str, int | None, int | None], InstallationAccess],
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
            row, check = taken
            try:
                self._write(row, check)
            except NoLongerTrueError as exc:
                if self._is_true(row, check):  # something else is true now, and is to be written
                    self._put_off(row, check, _TooEarlyError(str(exc)))
                    continue
                log.info("check_run.dropped", head_sha=check.head_sha, kind=check.kind)
                self._drop(row)
            except PromotionError as exc:
                self._put_off(row, check, exc)
            else:
                self._drop(row)

    def _take(self) -> tuple[_Row, OutboxItem] | None:
        """Return what is next, which nobody else takes while this process lives."""
        mine = outbox_items.c.taken_by == self._worker  # of a try that was cut off
        living = sa.select(workers.c.id)
        free = outbox_items.c.taken_by.is_(None) | mine | outbox_items.c.taken_by.not_in(living)
        may_go = (outbox_items.c.not_before <= time.time(), free)
        with self._engine.begin() as tx:
            # How a promotion ended is asked for; of a superseded push few want to know.
            order = (outbox_items.c.kind == SUPERSEDED, outbox_items.c.id)
            first = sa.select(outbox_items).where(*may_go).order_by(*order).limit(1)
            row = tx.execute(first).one_or_none()
            if row is None:
                return None
            claim = outbox_items.update().where(outbox_items.c.id == row.id, *may_go)
            if tx.execute(claim.values(taken_by=self._worker)).rowcount == 0:
                return None
        fields = {name: getattr(row, name) for name in OutboxItem.__dataclass_fields__}
        return _Row(row.id, row.at, row.attempts), OutboxItem(**fields)

    def _write(self, row: _Row, check: OutboxItem) -> None:
        still = partial(self._is_true, row, check)
        if not still():
            raise NoLongerTrueError
        access = self._access_to(row, check)
        self._ask_for_the_head(access, check)
        if check.kind == DEPLOYMENT:
            self._end_deployment(access, check)
            return
        if check.kind in (FINAL, UNSERVED):
            self._end(access, row, check)
            return
        self._reports.show_on_all(
            access,
            check.repository_id,
            check.check_run(),
            partial(self._workspaces, check),
            completed=check.kind == OUTDATED,
            still=still,
        )

    def _access_to(self, row: _Row, check: OutboxItem) -> InstallationAccess:
        """Return access to the repository under its name of today, and to no other one."""
        names = (branches.c.repository, branches.c.installation_id)
        with self._engine.connect() as reader:
            now = reader.execute(sa.select(*names).where(*_branch(check))).one_or_none()
        name, installation = now or (check.repository, check.installation_id)
        access = self._access(name, installation, check.repository_id)
        if time.time() - row.at > RENAMED_SECONDS:
            access.require_itself()
        return access

    def _ask_for_the_head(self, access: InstallationAccess, check: OutboxItem) -> None:
        """Raise PromotionError where a commit would be called superseded that is GitHub's head.

        The push that brought the branch back may not have been told yet, or ever.
        """
        branch = check.ref.removeprefix(HEADS)
        newest = self._newest(check)
        may_say_so = check.kind in (SUPERSEDED, OUTDATED, FINAL) and newest != check.head_sha
        says_so = check.kind == FINAL and check.conclusion == Conclusion.CANCELLED.value
        if not (may_say_so or says_so) or branch == check.ref or newest is None:
            return
        if access.branch_head(branch) == check.head_sha:
            raise PromotionError(f"GitHub has {branch} at {check.head_sha[:7]} again")

    def _end(self, access: InstallationAccess, row: _Row, check: OutboxItem) -> None:
        """Report how a promotion ended, or that a later push came since."""
        newest = self._newest(check)
        run = _as_of_now(check, newest)

        def still() -> bool:
            return self._is_true(row, check) and self._newest(check) == newest

        self._reports.show(access, check.repository_id, run, urgent=False, still=still)
        self._reports.settled(check.repository_id, run)

    def _newest(self, check: OutboxItem) -> str | None:
        """Return the commit of the ref's newest push."""
        with self._engine.connect() as reader:
            found = reader.execute(sa.select(branches.c.after).where(*_branch(check))).scalar()
        return None if found is None else str(found)

    def _is_true(self, row: _Row, check: OutboxItem) -> bool:
        """Say whether *check* is still to be written.

        A run of the same commit that has begun meanwhile has dropped the row, and reports by
        itself; a commit that is its ref's newest (again) is not superseded.
        """
        with self._engine.connect() as reader:
            if reader.execute(sa.select(outbox_items.c.id).where(row.same)).one_or_none() is None:
                return False
        return check.kind not in (SUPERSEDED, OUTDATED) or self._newest(check) != check.head_sha

    def _end_deployment(self, access: InstallationAccess, check: OutboxItem) -> None:
        promoted = Promoted(check.run or 0, check.workspace, check.ref, check.head_sha)
        state = State(check.conclusion, check.title, check.details_url)
        self._deployments.end_what_is_open(access, promoted, state, urgent=False)

    def _workspaces(self, check: OutboxItem, there: Set[str]) -> Iterable[str]:
        """Return where a check run is to be, given where there are some; empty: one for all.

        A push that is reported in one place for all workspaces stays so, and the other way round:
        the run that superseded it may have been repeated, and have superseded more by then.
        """
        for_all = ""
        if check.kind == OUTDATED or (check.kind == SUPERSEDED and for_all in there):
            return ()
        if check.scope == Scope.ONE.value:
            return (check.workspace,)
        with self._engine.connect() as reader:
            if check.kind == GIVEN_UP:
                return _moved_last(reader, check) or (for_all,)
            if _is_awaited(reader, check):
                raise _TooEarlyError("the promotion that superseded it has not ended yet")
            moved = _moved_by(reader, check)
        return (for_all,) if moved and check.scope == Scope.ALL.value and not there else moved

    def _put_off(self, row: _Row, check: OutboxItem, exc: PromotionError) -> None:
        later = isinstance(exc, LATER)
        if not later and row.attempts >= len(RETRY_SECONDS):
            log.warning("check_run.not_written", head_sha=check.head_sha, error=str(exc))
            self._drop(row)
            return
        pause = exc.retry_after if isinstance(exc, LATER) else RETRY_SECONDS[row.attempts]
        values = {
            "not_before": time.time() + pause,
            "attempts": row.attempts + (not later),
            "taken_by": None,
        }
        with self._engine.begin() as tx:
            tx.execute(outbox_items.update().where(row.same).values(values))

    def _drop(self, row: _Row) -> None:
        with self._engine.begin() as tx:
            tx.execute(outbox_items.delete().where(row.same))


def _as_of_now(check: OutboxItem, newest: str | None) -> CheckRun:
    """Return what is true now of a promotion that ended a while ago.

    Nobody has looked where the Git folders are since a later push came: whether that contains this
    commit or not, they may have been taken elsewhere in between, or stayed there.
    """
    run = check.check_run()
    if newest in (None, check.head_sha) or not newest.strip("0"):
        return run
    push = Push(check.repository, check.ref, before=check.head_sha, after=newest)
    title, summary = render.superseded(push, by=newest)
    cancelled = Conclusion.CANCELLED.value
    return replace(run, conclusion=cancelled, title=title, summary=summary)


def _moved_by(reader: sa.Connection, check: OutboxItem) -> list[str]:
    """Return where the promotion that superseded a push, or the next that ended, had reports."""
    of_ref = (reports.c.repository_id == check.repository_id, reports.c.ref == check.ref)
    since = (*of_ref, reports.c.seq >= (check.run or 0))
    query = sa.select(reports.c.after).where(*since).order_by(reports.c.seq).limit(1)
    # By the commit: while a promotion is repeated, its reports are replaced one after the other.
    return _workspaces_of(reader, *since, reports.c.after == query.scalar_subquery())


def _moved_last(reader: sa.Connection, check: OutboxItem) -> list[str]:
    """Return where the ref's last promotion that had something to report had it."""
    of_ref = (reports.c.repository_id == check.repository_id, reports.c.ref == check.ref)
    query = sa.select(reports.c.after).where(*of_ref).order_by(reports.c.seq.desc()).limit(1)
    return _workspaces_of(reader, *of_ref, reports.c.after == query.scalar_subquery())


def _workspaces_of(reader: sa.Connection, *which: sa.ColumnElement[bool]) -> list[str]:
    query = sa.select(reports.c.workspace).distinct().where(*which)
    return list(reader.execute(query.order_by(reports.c.workspace)).scalars())


def _is_awaited(reader: sa.Connection, check: OutboxItem) -> bool:
    """Say whether the promotion that supersedes a push has yet to end, and comes by itself."""
    columns = (branches.c.newest, branches.c.promoted, branches.c.not_before)
    row = reader.execute(sa.select(*columns).where(*_branch(check))).one_or_none()
    if row is None or row.promoted >= (check.run or 0):
        return False
    return bool(row.newest > row.promoted and row.not_before < NEVER)


def _branch(check: OutboxItem) -> tuple[sa.ColumnElement[bool], ...]:
    return (branches.c.repository_id == check.repository_id, branches.c.ref == check.ref)
