"""Keep a delivery before it is acknowledged: one writer, many deliveries per transaction."""

from __future__ import annotations

import asyncio
import enum
import hashlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import sqlalchemy as sa
import structlog

from github_app.reports import outbox
from github_app.runtime.metrics import Metrics
from github_app.storage import branches, push_order
from github_app.storage.branches import Cause
from github_app.storage.database import open_engine
from github_app.webhooks import lifecycle, reruns
from github_app.webhooks.delivery import Delivery
from promotion.errors import PromotionError

DELIVERIES_PER_TRANSACTION = 256
LOCK_WAIT_SECONDS = 1.0  # GitHub gives up after 10 s, and a 503 can be redelivered
STORE_SECONDS = 5.0  # whatever the database does, the sender has its answer by then

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_RECORD = sa.text("""
    insert into deliveries (guid, event, action, repository_id, ref, "before", "after",
        installation_id, received_at, payload, digest)
    select :guid, :event, :action, cast(:repository_id as bigint), :ref, :before, :after,
        cast(:installation_id as bigint), :received_at, :payload, :digest
    -- Only the body is signed: who delivers it again may invent another guid.
    where not exists (select 1 from deliveries where digest = :accepted and guid <> :guid)
    on conflict (guid) do nothing returning seq""")
_NOTE = sa.text("update deliveries set note = :note where seq = :seq")


class Stored(enum.Enum):
    """What became of a delivery; the values are the words of our answer."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"


class IntakeUnavailable(PromotionError):  # noqa: N818 - a state, not a mistake
    """The delivery could not be kept; the sender is to deliver it again."""


@dataclass(frozen=True)
class _Waiting:
    """A delivery whose sender waits for its answer."""

    delivery: Delivery
    received_at: float
    stored: Future[Stored] = field(default_factory=Future)


class Intake:
    """Stores deliveries, and wakes whoever acts on them."""

    def __init__(
        self, database_url: str, *, metrics: Metrics, on_stored: Callable[[], None] = lambda: None
    ) -> None:
        # An engine of its own: behind another user of the only connection, it would wait.
        self._engine = open_engine(database_url, lock_wait_seconds=LOCK_WAIT_SECONDS)
        self._metrics = metrics
        self._on_stored = on_stored
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_until_stopped, name="intake")
        self._stopped = False

    def start(self) -> None:
        """Start the writer. The tables must exist."""
        self._writer.start()

    def stop(self) -> None:
        """Store what waits, and refuse what comes after."""
        self._stopped = True
        self._waiting.put(None)
        self._writer.join()
        self._turn_away(filter(_is_awaited, self._more()), "the service stops")
        self._engine.dispose()

    def store_now(self, delivery: Delivery) -> Stored:
        """Return once the delivery is durable, for a caller that is no request."""
        if self._stopped:
            raise IntakeUnavailable("the service stops")
        waiting = _Waiting(delivery, received_at=time.time())
        self._waiting.put(waiting)
        try:
            return waiting.stored.result(STORE_SECONDS)
        except TimeoutError as exc:
            raise IntakeUnavailable("the database does not answer") from exc

    async def store(self, delivery: Delivery) -> Stored:
        """Return once the delivery is durable, or raise IntakeUnavailable."""
        if self._stopped:
            raise IntakeUnavailable("the service stops")
        waiting = _Waiting(delivery, received_at=time.time())
        self._waiting.put(waiting)
        try:
            async with asyncio.timeout(STORE_SECONDS):
                return await asyncio.wrap_future(waiting.stored)
        except TimeoutError as exc:
            raise IntakeUnavailable("the database does not answer") from exc

    def problems(self) -> dict[str, str]:
        """Return what keeps deliveries from being stored, by part; empty while all is well."""
        try:
            with self._engine.connect() as reader:
                branches.count_pending(reader)
        except sa.exc.SQLAlchemyError as exc:
            return {"database": type(exc).__name__}
        return {}

    def _write_until_stopped(self) -> None:
        while (first := self._waiting.get()) is not None:
            # A sender that has gone is answered by nobody, and redelivers.
            batch = [one for one in (first, *self._more()) if _is_awaited(one)]
            try:
                stored = self._write(batch)
            except Exception as exc:  # the top of a thread: ended, nothing would be stored again
                self._after_failure(batch, exc)
            else:
                self._answer(batch, stored)

    def _after_failure(self, batch: Sequence[_Waiting], exc: Exception) -> None:
        """Store each of *batch* alone, so that one which can't be kept takes no other with it.

        Where the database is away they are turned away, and all who wait behind them: the next
        try would be as slow.
        """
        if _is_away(exc):
            self._refuse((*batch, *filter(_is_awaited, self._more())), exc)
        elif len(batch) == 1:
            self._refuse(batch, exc)
        else:
            for place, one in enumerate(batch):
                try:
                    stored = self._write([one])
                except Exception as again:  # as above
                    if _is_away(again):
                        self._after_failure(batch[place:], again)
                        return
                    self._refuse([one], again)
                else:
                    self._answer([one], stored)

    def _refuse(self, batch: Sequence[_Waiting], exc: Exception) -> None:
        log.error("delivery.not_stored", count=len(batch), error=str(exc))
        self._turn_away(batch, "the database can't be written")

    def _more(self) -> list[_Waiting]:
        """Return what else waits, at most a transaction's worth."""
        more: list[_Waiting] = []
        while len(more) < DELIVERIES_PER_TRANSACTION - 1:
            try:
                waiting = self._waiting.get_nowait()
            except queue.Empty:
                break
            if waiting is None:
                self._waiting.put(None)
                break
            more.append(waiting)
        return more

    def _write(self, batch: Sequence[_Waiting]) -> list[Stored]:
        with self._engine.begin() as tx:
            refs = [reruns.refs(tx, waiting.delivery) for waiting in batch]
            locks = (
                _locks(waiting.delivery, some) for waiting, some in zip(batch, refs, strict=True)
            )
            push_order.lock(tx, set().union(*locks))
            return [_record(tx, *each) for each in zip(batch, refs, strict=True)]

    def _answer(self, batch: Sequence[_Waiting], stored: Sequence[Stored]) -> None:
        self._on_stored()
        for waiting, status in zip(batch, stored, strict=True):
            self._metrics.stored(status.value)
            waiting.stored.set_result(status)

    def _turn_away(self, waiting: Iterable[_Waiting], reason: str) -> None:
        for one in waiting:
            one.stored.set_exception(IntakeUnavailable(reason))


def _is_awaited(waiting: _Waiting) -> bool:
    return waiting.stored.set_running_or_notify_cancel()


def _locks(delivery: Delivery, refs: Sequence[str]) -> set[tuple[int, str]]:
    """Return what nobody else may move, or store once more, while the delivery is stored."""
    if (asked := delivery.rerequest) is not None:
        return {(asked.repository_id, ref) for ref in refs}
    if delivery.push is not None:
        return {(delivery.push.repository_id, delivery.push.push.ref)}
    return {(getattr(delivery.change, "repository_id", 0), "")}


def _record(tx: sa.Connection, waiting: _Waiting, refs: Sequence[str]) -> Stored:
    """Insert the delivery and move its branch. A guid seen before moves nothing, unless the
    promotion of its push failed: then the redelivery asks for another try. A body that was
    accepted under another guid moves nothing at all; but who presses "Re-run" twice may well
    have the same body sent twice, and means it."""
    delivery, received_at = waiting.delivery, waiting.received_at
    row = _row(delivery, received_at)
    once = delivery.rerequest is None
    seq = tx.execute(_RECORD, {**row, "accepted": row["digest"] if once else ""}).scalar()
    if seq is None:
        marked = push_order.mark_redelivered(tx, delivery.guid)
        return Stored.ACCEPTED if marked else Stored.DUPLICATE
    note = _act(tx, delivery, refs, seq, received_at)
    if note is not None:
        log.info("delivery.noted", guid=delivery.guid, note=note)
        tx.execute(_NOTE, {"seq": seq, "note": note})
    return Stored.ACCEPTED


def _act(
    tx: sa.Connection, delivery: Delivery, refs: Sequence[str], seq: int, received_at: float
) -> str | None:
    """Mark pending what a delivery asks for; return what to note of it."""
    if delivery.change is not None:
        return lifecycle.follow(tx, delivery.change, now=received_at)
    if delivery.rerequest is not None:
        return reruns.mark(tx, delivery, refs, seq=seq, received_at=received_at)
    event = delivery.push
    if event is None:
        return None
    if push_order.take_push(tx, event, seq=seq, received_at=received_at):
        return Cause.RECOVERED.value if delivery.recovered else None
    known = branches.current(tx, event.repository_id, event.push.ref)
    if known is not None:
        outbox.put_superseded(tx, replace(known, superseded=(event.push,)))
    return "a newer push of the branch was here first"


def _row(delivery: Delivery, received_at: float) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(
        ("repository_id", "ref", "before", "after", "installation_id")
    )
    row.update(guid=delivery.guid, event=delivery.event, action=delivery.action)
    row.update(received_at=received_at, payload=delivery.body)
    row.update(digest=hashlib.sha256(delivery.body).hexdigest())
    if (event := delivery.push) is not None:
        row.update(ref=event.push.ref, before=event.push.before, after=event.push.after)
        row.update(repository_id=event.repository_id, installation_id=event.installation_id)
    elif (asked := delivery.rerequest) is not None:
        row.update(ref=asked.ref, after=asked.head_sha, repository_id=asked.repository_id)
        row.update(installation_id=asked.installation_id)
    elif delivery.change is not None:
        row.update(repository_id=getattr(delivery.change, "repository_id", None))
        row.update(installation_id=delivery.change.installation_id)
    return row


def _is_away(exc: Exception) -> bool:
    """Say whether the database itself failed, and not what it was given."""
    if isinstance(exc, sa.exc.OperationalError):
        # Of two writers in a ring, one is turned away, and may go on alone.
        return getattr(exc.orig, "sqlstate", None) not in ("40P01", "40001")
    return isinstance(exc, sa.exc.InterfaceError | sa.exc.TimeoutError)
