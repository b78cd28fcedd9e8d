"""Detect that the machine's clock was set back, and end the waits that would last too long."""

from __future__ import annotations

import time
from collections.abc import Callable

import sqlalchemy as sa
import structlog

from github_app.storage.branches import NEVER
from github_app.storage.tables import (
    branches,
    folder_backoff,
    outbox_items,
    outcomes,
    schedule,
)

LOOK_SECONDS = 5.0
LEAST_SECONDS = 1.0  # smaller steps are ordinary clock adjustments

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class ClockWatch:
    """Compares the wall clock, which can be set, with the monotonic clock."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        now: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._now = now
        self._steady = steady
        self._ahead = now() - steady()

    def look(self) -> None:
        """Check once; if the clock was set back, make everything that waits due now."""
        ahead = self._now() - self._steady()
        back = self._ahead - ahead
        if back > LEAST_SECONDS:
            log.warning("clock.set_back", seconds=round(back))
            with self._engine.begin() as tx:
                end_waits(tx, now=self._now())
        self._ahead = ahead  # last: if the database is unavailable, the next check repairs it


def end_waits(tx: sa.Connection, *, now: float) -> None:
    """Make all waits due now, and set recorded times that lie in the future to *now* or 0."""
    for table in (branches, outbox_items, folder_backoff):
        waits = sa.and_(table.c.not_before > now, table.c.not_before < NEVER)
        tx.execute(table.update().where(waits).values(not_before=0))
    tx.execute(outcomes.update().where(outcomes.c.at > now).values(at=now))
    tx.execute(schedule.update().where(schedule.c.done_at > now).values(done_at=now))
    early = (schedule.c.begun_at > now) | (schedule.c.asked_at > now)
    tx.execute(schedule.update().where(early).values(begun_at=0, asked_at=0))
