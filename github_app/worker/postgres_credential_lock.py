"""A principal's credential slot among several workers: tickets in the database, in order of coming.

A ticket is good when no older one has another holder. Tickets, and the right to store a
credential, end with the lease of their worker: the database takes them back with its row.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import sqlalchemy as sa
import structlog

from github_app.worker.lease import LeaseLostError
from promotion.credential_lock import FOREVER, Patience, Stored, Waiting

POLL_SECONDS = 0.1
AWAY_SECONDS = 0.5  # between tries to give something back while the database is away

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_SLOT = sa.text("insert into credential_slots (slot) values (:slot) on conflict do nothing")
# Tickets are numbered under this lock, so that a lower number is never seen later.
_LOCK = sa.text("select 1 from credential_slots where slot = :slot for update")
_QUEUE = sa.text("""
    insert into slot_tickets (ticket, slot, holder, worker)
    values (:ticket, :slot, :holder, :worker)""")
_OLDER = sa.text("""
    select (
        select min(older.holder) from slot_tickets older
        where older.slot = mine.slot and older.number < mine.number
          and older.holder <> mine.holder) as other
    from slot_tickets mine where mine.ticket = :ticket""")
_LEAVE = sa.text("delete from slot_tickets where ticket = :ticket")
_BEGIN = sa.text("""
    insert into credential_slots (slot, stored_by) values (:slot, :worker)
    on conflict (slot) do update set stored_by = excluded.stored_by
    where credential_slots.stored_by is null""")
_END = sa.text("""
    update credential_slots set stored_by = null where slot = :slot and stored_by = :worker""")
_KNOWN = sa.text("""
    select holder, repositories, expires_at, number from credential_slots
    where slot = :slot and holder is not null""")
_UNKNOWN = sa.text("""
    update credential_slots set holder = null where slot = :slot and stored_by = :worker""")
_STORE = sa.text("""
    update credential_slots set holder = :holder, repositories = :repositories,
        expires_at = :expires_at, number = number + 1
    where slot = :slot and stored_by = :worker returning number""")


@dataclass(frozen=True)
class SlotLease:
    """One slot as one worker sees it; a `CredentialLock`."""

    engine: sa.Engine
    slot: str  # workspace, principal and provider
    worker: str  # whose lease it hangs on: a worker's, or a command's own
    looking: Callable[[], None] = lambda: None  # done at each look, while we wait
    _storing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextlib.contextmanager
    def held_by(self, holder: str, patience: Patience = FOREVER) -> Iterator[None]:
        """Wait for the slot in order of coming, and hold it."""
        ticket, waiting = uuid.uuid4().hex, Waiting(patience)
        try:
            self._queue(ticket, holder)
            while (other := self._in_the_way(ticket)) is not None:
                waiting.keep_waiting(other)
                self.looking()
                time.sleep(POLL_SECONDS)
            yield
        finally:
            # Also where it is not sure that we queued: a ticket left behind would shut others out.
            self._surely(_LEAVE, ticket=ticket)

    @contextlib.contextmanager
    def storing(self) -> Iterator[None]:
        """Be the only one who stores a credential, in this worker and among all."""
        with self._storing:
            try:
                while not self._change(_BEGIN):
                    time.sleep(POLL_SECONDS)
                yield
            finally:
                self._surely(_END)

    def stored(self) -> Stored | None:
        """Return what the worker that stored last has noted, unless it was forgotten."""
        with self.engine.connect() as reader:
            row = reader.execute(_KNOWN, {"slot": self.slot}).one_or_none()
        if row is None:
            return None
        repositories = frozenset(json.loads(row.repositories))
        return Stored(row.holder, repositories, row.expires_at, row.number)

    def unknown(self) -> None:
        """Forget what is stored, for all."""
        if not self._change(_UNKNOWN):
            raise self._lost()

    def store(self, holder: str, repositories: frozenset[str], expires_at: float) -> Stored:
        """Note what is stored now, for all."""
        values = {
            "slot": self.slot,
            "worker": self.worker,
            "holder": holder,
            "repositories": json.dumps(sorted(repositories)),
            "expires_at": expires_at,
        }
        with self.engine.begin() as tx:
            number = tx.execute(_STORE, values).scalar()
        if number is None:
            raise self._lost()
        return Stored(holder, repositories, expires_at, number)

    def _queue(self, ticket: str, holder: str) -> None:
        values = {"ticket": ticket, "slot": self.slot, "holder": holder, "worker": self.worker}
        with self.engine.begin() as tx:
            tx.execute(_SLOT, {"slot": self.slot})
            tx.execute(_LOCK, {"slot": self.slot})
            tx.execute(_QUEUE, values)

    def _in_the_way(self, ticket: str) -> str | None:
        """Return another holder who came before this ticket, None where there is none."""
        with self.engine.connect() as reader:
            row = reader.execute(_OLDER, {"ticket": ticket}).one_or_none()
        if row is None:
            raise self._lost()
        other: str | None = row.other
        return other

    def _change(self, statement: sa.TextClause) -> bool:
        with self.engine.begin() as tx:
            changed = tx.execute(statement, {"slot": self.slot, "worker": self.worker})
        return changed.rowcount == 1

    def _surely(self, statement: sa.TextClause, **values: str) -> None:
        """Give something back, however long the database is away."""
        values = values or {"slot": self.slot, "worker": self.worker}
        while True:
            try:
                with self.engine.begin() as tx:
                    tx.execute(statement, values)
                return
            except sa.exc.SQLAlchemyError as exc:
                log.warning("credential_slot.not_released", slot=self.slot, error=str(exc))
                time.sleep(AWAY_SECONDS)

    def _lost(self) -> LeaseLostError:
        return LeaseLostError(f"{self.worker} has lost its lease: another worker took over")
