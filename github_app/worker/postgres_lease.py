"""A worker's lease on PostgreSQL: a row that it renews.

The row, not the clock, is the lease: who takes over deletes it first, and whoever finds its own
row gone ends its process. The supervisor starts that again, under a new id.
"""

from __future__ import annotations

import os
import socket
import sys
import time
import uuid
from collections.abc import Callable, Mapping

import sqlalchemy as sa
import structlog

from github_app.config.settings import TTL_SECONDS
from github_app.runtime.periodic import Periodic
from github_app.storage.database import open_engine
from github_app.worker.lease import Lease, LeaseLostError, OnlyWorker

RENEWALS = 3  # within the TTL
ACT_SECONDS = 1.0  # from the look at the lease until a call is on the wire
EXIT_CODE = 70  # of a process that has lost its lease

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_INSERT = sa.text("""
    insert into workers (id, expires) values (:id, extract(epoch from clock_timestamp()) + :ttl)""")
_RENEW = sa.text("""
    update workers set expires = extract(epoch from clock_timestamp()) + :ttl where id = :id""")
_DELETE = sa.text("delete from workers where id = :id")
# KEY SHARE holds off who wants to delete the row, not the renewal.
_HOLD = sa.text("select 1 from workers where id = :id for key share")


def _end_process() -> None:
    sys.stderr.flush()
    os._exit(EXIT_CODE)  # other threads may not go on for a moment longer


class RowLease:
    """A row of `workers` on PostgreSQL, renewed by a thread with a connection of its own."""

    def __init__(
        self,
        database_url: str,
        *,
        ttl: float = TTL_SECONDS,
        on_lost: Callable[[], None] = _end_process,
    ) -> None:
        self.executor_id = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self.ttl = ttl
        self._on_lost = on_lost
        self._engine = open_engine(database_url, lock_wait_seconds=ttl / RENEWALS)
        self._renewals = Periodic("lease", self._renew, seconds=ttl / RENEWALS)
        self._safe_until = 0.0  # by our clock, which began before the database's
        self._stopping = False

    def start(self) -> None:
        """Take the lease: before anything is claimed under its id."""
        sent = time.monotonic()
        try:
            with self._engine.begin() as tx:
                tx.execute(_INSERT, {"id": self.executor_id, "ttl": self.ttl})
        except sa.exc.SQLAlchemyError:
            self._engine.dispose()
            raise
        self._safe_until = sent + self.ttl
        self._renewals.start()

    def stop(self) -> None:
        """Give the lease back, so that others take over at once what did not end."""
        self._stopping = True
        self._safe_until = 0.0
        self._renewals.stop(self.ttl)
        try:
            with self._engine.begin() as tx:
                tx.execute(_DELETE, {"id": self.executor_id})
        except sa.exc.SQLAlchemyError as exc:
            log.warning("lease.not_released", error=str(exc))
        self._engine.dispose()

    def may_act(self) -> None:
        """Return when a call that changes something may be sent.

        While the database is away this waits, until the lease is renewed or found to be lost.
        """
        while time.monotonic() + ACT_SECONDS >= self._safe_until:
            time.sleep(0.05)

    def still_mine(self, tx: sa.Connection) -> None:
        """Make sure that nobody takes over before *tx* has ended; its first statement."""
        if tx.execute(_HOLD, {"id": self.executor_id}).first() is None:
            self._lost()

    def problems(self) -> Mapping[str, str]:
        """Return what is wrong, by part; empty while the lease is good."""
        left = self._safe_until - time.monotonic()
        return {} if left > 0 else {"lease": f"not renewed in time, {-left:.0f} s ago"}

    def _renew(self) -> None:
        sent = time.monotonic()
        with self._engine.begin() as tx:
            renewed = tx.execute(_RENEW, {"id": self.executor_id, "ttl": self.ttl}).rowcount
        if not renewed:
            self._lost()
        if not self._stopping:
            self._safe_until = sent + self.ttl

    def _lost(self) -> None:
        if not self._stopping:
            log.error("lease.lost", worker=self.executor_id)
            self._on_lost()
        raise LeaseLostError(f"{self.executor_id} has lost its lease: another worker took over")


def open_lease(database_url: str, *, ttl: float = TTL_SECONDS) -> Lease:
    """Return the lease that fits the database; it is yet to be taken."""
    if sa.make_url(database_url).get_backend_name() == "sqlite":
        return OnlyWorker()
    return RowLease(database_url, ttl=ttl)
