"""Take over what dead workers left, on PostgreSQL: in every worker, every second."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
import structlog

SECONDS = 1.0
_ONE_AT_A_TIME = 78  # PostgreSQL advisory lock

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

# After a restart of the database everybody has a TTL to report. A row that is held just now, by a
# worker that records something, is left for the next look.
_END = sa.text("""
    delete from workers where id in (
        select id from workers
        where expires < extract(epoch from clock_timestamp())
          and extract(epoch from clock_timestamp() - pg_postmaster_start_time()) > :ttl
        for update skip locked)
    returning id""")
_LIVE = sa.text("select id from workers")
_LOCK = sa.select(sa.func.pg_try_advisory_xact_lock(_ONE_AT_A_TIME))


def end_leases(engine: sa.Engine, *, ttl: float) -> None:
    """End the leases that ran out, and with them what hangs on them: tickets for slots."""
    with engine.begin() as tx:
        for worker in tx.execute(_END, {"ttl": ttl}).scalars():
            log.warning("worker.gone", worker=worker)


@dataclass(frozen=True)
class Taken:
    """A run that some worker has begun."""

    workflow_id: str
    worker: str | None
    queue: str


class OrphanedRuns:
    """Has those runs begun again that this worker has taken and does not carry out.

    The database went away between the two; the worker lives, so nobody else would take over.
    """

    def __init__(
        self,
        worker: str,
        *,
        taken: Callable[[], Iterable[Taken]],
        running: Callable[[], Collection[str]],
        resume: Callable[[str, Sequence[str]], None],
    ) -> None:
        self._worker = worker
        self._taken = taken
        self._running = running
        self._resume = resume
        self._idle: set[str] = set()

    def look(self) -> None:
        """Look once; who is found idle twice in a row is forgotten, and not just about to begin."""
        mine = {run.workflow_id: run.queue for run in self._taken() if run.worker == self._worker}
        idle = mine.keys() - set(self._running())
        forgotten, self._idle = idle & self._idle, idle - self._idle
        for workflow_id in sorted(forgotten):
            log.warning("run.restarted", workflow_id=workflow_id)
            self._resume(mine[workflow_id], [workflow_id])


class TakeOver:
    """Ends the leases that ran out, and has the runs of workers without one begun again."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        ttl: float,
        taken: Callable[[], Iterable[Taken]],
        resume: Callable[[str, Sequence[str]], None],
    ) -> None:
        self._engine = engine
        self._ttl = ttl
        self._taken = taken
        self._resume = resume

    def look(self) -> None:
        """Look once; a crash between the two transactions is made good by the next look."""
        end_leases(self._engine, ttl=self._ttl)
        with self._engine.begin() as tx:
            # To resume does not ask who has the run by now, so two must not do it at once.
            if tx.execute(_LOCK).scalar():
                self._resume_stranded(tx)

    def _resume_stranded(self, tx: sa.Connection) -> None:
        taken = list(self._taken())
        # After the list: a newcomer has its row before it takes anything.
        live = set(tx.execute(_LIVE).scalars())
        stranded = defaultdict(list)
        for run in taken:
            if run.worker not in live:
                stranded[run.queue].append(run.workflow_id)
        for queue, workflow_ids in stranded.items():
            log.warning("run.taken_over", queue=queue, count=len(workflow_ids))
            self._resume(queue, workflow_ids)
