"""Notice that the machine's clock was set back: what waits for a time would wait for too long."""

from __future__ import annotations

import time
from collections.abc import Callable

import sqlalchemy as sa
import structlog

from github_app.branches import NEVER
from github_app.tables import branches, late_checks, outcomes, stragglers, turns

LOOK_SECONDS = 5.0
LEAST_SECONDS = 1.0  # less is the usual adjustment

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class ClockWatch:
    """Compares the wall clock, which may be set, with the one that only grows."""

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
        """Look once; after the clock was set back, what waits is done now."""
        ahead = self._now() - self._steady()
        back = self._ahead - ahead
        if back > LEAST_SECONDS:
            log.warning("clock.set_back", seconds=round(back))
            with self._engine.begin() as tx:
                end_waits(tx, now=self._now())
        self._ahead = ahead  # only now: where the database is away, the next look does it


def end_waits(tx: sa.Connection, *, now: float) -> None:
    """Let nothing wait for a time that is yet to come, nor have happened at one."""
    for table in (branches, late_checks, stragglers):
        waits = sa.and_(table.c.not_before > now, table.c.not_before < NEVER)
        tx.execute(table.update().where(waits).values(not_before=0))
    tx.execute(outcomes.update().where(outcomes.c.at > now).values(at=now))
    tx.execute(turns.update().where(turns.c.done_at > now).values(done_at=now))
    early = (turns.c.begun_at > now) | (turns.c.asked_at > now)
    tx.execute(turns.update().where(early).values(begun_at=0, asked_at=0))
