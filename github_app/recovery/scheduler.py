"""Schedule the periodic jobs: missed deliveries, reconciliation, outbox, clock watch."""

from __future__ import annotations

import time
from collections.abc import Callable

import sqlalchemy as sa

from github_app.config.settings import Settings
from github_app.recovery import missed_deliveries
from github_app.recovery.missed_deliveries import MissedDeliveries
from github_app.recovery.reconcile import Reconcile
from github_app.reports.outbox_writer import OutboxWriter
from github_app.runtime.metrics import Metrics
from github_app.runtime.periodic import Periodic
from github_app.storage import schedule
from github_app.storage.clock_repair import LOOK_SECONDS as CLOCK_SECONDS
from github_app.storage.clock_repair import ClockWatch
from github_app.webhooks import lifecycle
from github_app.webhooks.admission import Admission
from github_app.webhooks.delivery import Delivery
from github_app.webhooks.inbox import Stored
from github_app.worker.promoter import Promoter

POLL_SECONDS = 2.0  # between checks whether a job is due or requested
AGAIN_SECONDS = 60.0  # the retry delay after a failure
STOP_SECONDS = 1.0


class Background:
    """Threads that run each job when it is due; the schedule gives it to one process."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        outbox_items: OutboxWriter,
        missed_deliveries: MissedDeliveries,
        reconcile: Reconcile,
        missed_seconds: float,
        reconcile_seconds: float,
        on_pending: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._outbox_writer = outbox_items
        self._missed = missed_deliveries
        self._reconcile = reconcile
        self._missed_seconds = missed_seconds
        self._reconcile_seconds = reconcile_seconds
        self._on_pending = on_pending
        self._threads = (
            Periodic("outbox", outbox_items.write_all, seconds=POLL_SECONDS),
            Periodic("recovery", self._recover, seconds=POLL_SECONDS),
            Periodic("clock watch", ClockWatch(engine).look, seconds=CLOCK_SECONDS),
        )

    def start(self) -> None:
        """Start the threads and request every job: no process may have run for a long time."""
        now = time.time()
        with self._engine.begin() as tx:
            schedule.ask(tx, missed_deliveries.WORK, now=now)
            schedule.ask(tx, lifecycle.RECONCILE, now=now)
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Check at once whether a job is due."""
        for thread in self._threads:
            thread.wake()

    def stop(self) -> None:
        """Start no more jobs; the state of running ones is in the database."""
        self._outbox_writer.stopping = True
        for thread in self._threads:
            thread.stop(STOP_SECONDS)

    def _recover(self) -> None:
        """Recover missed deliveries, then reconcile: a real push has more details."""
        try:
            self._recover_deliveries()
        finally:
            self._compare()

    def _recover_deliveries(self) -> None:
        with self._engine.connect() as reader:
            last = schedule.last_done(reader, missed_deliveries.WORK)

        def look() -> int:
            return self._missed.look(missed_deliveries.first_unread(last))

        self._run_if_due(missed_deliveries.WORK, self._missed_seconds, look)

    def _compare(self) -> None:
        self._run_if_due(lifecycle.RECONCILE, self._reconcile_seconds, self._reconcile.compare)

    def _run_if_due(self, work: str, seconds: float, do: Callable[[], int]) -> None:
        """Run a job if it is due; after a failure it is due again within a minute."""
        now = time.time()
        with self._engine.begin() as tx:
            if not schedule.take(tx, work, now=now, seconds=seconds):
                return
        try:
            found = do()
        except Exception:
            sooner = max(0.0, seconds - AGAIN_SECONDS)
            with self._engine.begin() as tx:
                schedule.failed(tx, work, taken_at=now, sooner=sooner)
            raise
        with self._engine.begin() as tx:
            schedule.done(tx, work, taken_at=now)
        if found:
            self._on_pending()


def build_background(
    settings: Settings,
    engine: sa.Engine,
    *,
    promoter: Promoter,
    store: Callable[[Delivery], Stored],
    admission: Admission,
    metrics: Metrics,
    on_pending: Callable[[], None],
    worker: str,
) -> Background:
    """Return the periodic jobs that *settings* describe.

    *worker* is the id under which this process holds its lease.
    """
    seconds = settings.reconcile_seconds
    workspaces = [target.workspace for target in promoter.targets]
    return Background(
        engine,
        outbox_items=OutboxWriter(
            engine,
            promoter.reports,
            promoter.access,
            worker=worker,
            deployments=promoter.deployments,
        ),
        missed_deliveries=MissedDeliveries(
            engine, promoter.app, store, admission=admission, metrics=metrics
        ),
        reconcile=Reconcile(
            engine, promoter.app, workspaces, admission=admission, metrics=metrics, seconds=seconds
        ),
        missed_seconds=settings.github.delivery_log_seconds,
        reconcile_seconds=seconds,
        on_pending=on_pending,
    )
