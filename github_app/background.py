"""What goes on beside the promotions: missed deliveries, comparisons, check runs that can wait."""

from __future__ import annotations

import time
from collections.abc import Callable

import sqlalchemy as sa

from github_app import changes, missed, turns
from github_app.admission import Admission
from github_app.clock_watch import LOOK_SECONDS as CLOCK_SECONDS
from github_app.clock_watch import ClockWatch
from github_app.intake import Stored
from github_app.late_check_writer import LateCheckWriter
from github_app.metrics import Metrics
from github_app.missed import MissedDeliveries
from github_app.periodic import Periodic
from github_app.promoter import Promoter
from github_app.reconcile import Reconcile
from github_app.settings import Settings
from github_app.webhook import Delivery

POLL_SECONDS = 2.0  # looks whether it is time, or whether somebody asked
AGAIN_SECONDS = 60.0  # after a failure
STOP_SECONDS = 1.0


class Background:
    """Threads that do each work when it is its turn, in one process of all."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        late_checks: LateCheckWriter,
        missed_deliveries: MissedDeliveries,
        reconcile: Reconcile,
        missed_seconds: float,
        reconcile_seconds: float,
        on_owed: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._late_checks = late_checks
        self._missed = missed_deliveries
        self._reconcile = reconcile
        self._missed_seconds = missed_seconds
        self._reconcile_seconds = reconcile_seconds
        self._on_owed = on_owed
        self._threads = (
            Periodic("late checks", late_checks.write_all, seconds=POLL_SECONDS),
            Periodic("catch up", self._catch_up, seconds=POLL_SECONDS),
            Periodic("clock", ClockWatch(engine).look, seconds=CLOCK_SECONDS),
        )

    def start(self) -> None:
        """Do everything once now: who knows for how long nobody did."""
        now = time.time()
        with self._engine.begin() as tx:
            turns.ask(tx, missed.WORK, now=now)
            turns.ask(tx, changes.RECONCILE, now=now)
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Look at once whether there is something to do."""
        for thread in self._threads:
            thread.wake()

    def stop(self) -> None:
        """Start nothing more; what runs has its state in the database."""
        self._late_checks.stopping = True
        for thread in self._threads:
            thread.stop(STOP_SECONDS)

    def _catch_up(self) -> None:
        """Take in what was missed, then compare: what a push can tell is told by the push."""
        try:
            self._look_for_missed()
        finally:
            self._compare()

    def _look_for_missed(self) -> None:
        with self._engine.connect() as reader:
            last = turns.last_done(reader, missed.WORK)

        def look() -> int:
            return self._missed.look(missed.first_unread(last))

        self._in_turn(missed.WORK, self._missed_seconds, look)

    def _compare(self) -> None:
        self._in_turn(changes.RECONCILE, self._reconcile_seconds, self._reconcile.compare)

    def _in_turn(self, work: str, seconds: float, do: Callable[[], int]) -> None:
        """Do a work if it is its turn; after a failure the next turn comes within a minute."""
        now = time.time()
        with self._engine.begin() as tx:
            if not turns.take(tx, work, now=now, seconds=seconds):
                return
        try:
            found = do()
        except Exception:
            sooner = max(0.0, seconds - AGAIN_SECONDS)
            with self._engine.begin() as tx:
                turns.failed(tx, work, taken_at=now, sooner=sooner)
            raise
        with self._engine.begin() as tx:
            turns.done(tx, work, taken_at=now)
        if found:
            self._on_owed()


def build_background(
    settings: Settings,
    engine: sa.Engine,
    *,
    promoter: Promoter,
    store: Callable[[Delivery], Stored],
    admission: Admission,
    metrics: Metrics,
    on_owed: Callable[[], None],
    worker: str,
) -> Background:
    """Return what goes on beside the promotions that *settings* describe.

    *worker* is the id under which this process has its lease.
    """
    seconds = settings.reconcile_seconds
    workspaces = [target.workspace for target in promoter.targets]
    return Background(
        engine,
        late_checks=LateCheckWriter(
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
        on_owed=on_owed,
    )
