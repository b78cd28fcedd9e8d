"""One run of a branch: promote its newest push, then let the branch go.

A run may be repeated after a crash, so what it calls must be idempotent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

import sqlalchemy as sa
import structlog

from github_app.github.confirm import GoneError
from github_app.github.rate_limits import LimitedError
from github_app.runtime.metrics import Metrics
from github_app.storage import branches, claims, hints
from github_app.storage.branches import BranchPush
from github_app.storage.claims import MOST_STARTS, Claim
from promotion.errors import PromotionError

# The pauses after a run that failed; after one more failure only a new push tries again.
RETRY_SECONDS = (5.0, 30.0, 120.0, 600.0)
ALONE_SECONDS = 60.0  # that one run's last start waits for another's to end

OnGivenUp = Callable[[sa.Connection, BranchPush, str], None]
StillMine = Callable[[sa.Connection], None]  # ends the process where it has lost its lease

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Runs:
    """Carries out runs, and decides when a failed one is repeated."""

    def __init__(
        self,
        engine: sa.Engine,
        promote: Callable[[BranchPush], None],
        metrics: Metrics,
        *,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
        on_given_up: OnGivenUp = lambda _tx, _pushed, _reason: None,
        still_mine: StillMine = lambda _tx: None,
    ) -> None:
        """*on_given_up* is told in the transaction that gives a push up."""
        self._engine = engine
        self._promote = promote
        self._metrics = metrics
        self._retry_seconds = retry_seconds
        self._on_given_up = on_given_up
        self._still_mine = still_mine
        self._begun: set[Claim] = set()
        self._last_start = threading.Lock()

    def carry_out(self, held: Claim) -> None:
        """Promote the branch's newest push, as it is when the work starts."""
        with self._engine.connect() as reader:
            pushed = branches.newest(reader, held)
        if pushed is None:  # this run has ended already, before the crash that repeats it
            return
        with self._alone() if pushed.starts == MOST_STARTS - 1 else nullcontext():
            self._begun.add(held)
            try:
                self._begin(held)
            finally:
                self._begun.discard(held)

    def release_orphan(self, stranded: Claim) -> None:
        """Release a branch whose run ended without doing so itself."""
        with self._engine.connect() as reader:
            pushed = branches.newest(reader, stranded)
        if pushed is not None:
            log.warning("run.not_released", **_names(pushed))
            self._release(stranded, pushed, "the service was ended in the middle of it")

    def uncount_start(self) -> None:
        """Count the starts of what is under way no more: it is no fault of theirs that all ends."""
        begun = list(self._begun)
        if not begun:
            return
        try:
            with self._transaction() as tx:
                for held in begun:
                    claims.uncount_start(tx, held)
        except (sa.exc.SQLAlchemyError, PromotionError) as exc:
            log.warning("run.start_still_counted", error=str(exc))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let a run's last start be no other's last start too: of those that were under way each
        time the process ended, only the guilty one is to be found guilty."""
        held = self._last_start.acquire(timeout=ALONE_SECONDS)
        try:
            yield
        finally:
            if held:
                self._last_start.release()

    def _begin(self, held: Claim) -> None:
        with self._transaction() as tx:
            starts = claims.start(tx, held)
            pushed = branches.newest(tx, held)
        if pushed is None:
            return
        if starts > MOST_STARTS:
            log.error("run.crashes_worker", **_names(pushed))
            self._release(held, pushed, f"it ended the service {MOST_STARTS} times")
            return
        try:
            self._promote(pushed)
        except LimitedError as exc:
            log.warning("promotion.deferred", seconds=round(exc.retry_after), **_names(pushed))
            self._put_off(held, pushed, exc.retry_after)
        except GoneError as exc:
            log.warning("promotion.stopped", reason=str(exc), **_names(pushed))
            self._stop(held, pushed, exc)
        except Exception as exc:  # whatever it was, the branch is released and stays pending
            log.warning("promotion.failed", error=str(exc), exc_info=True, **_names(pushed))
            self._release(held, pushed, _reason(exc))
        else:
            self._finish(held, pushed)

    def _finish(self, held: Claim, pushed: BranchPush) -> None:
        with self._transaction() as tx:
            finished = claims.finish(tx, held, seq=pushed.seq)
        if finished:
            self._metrics.ran("finished", seconds=time.time() - pushed.received_at)

    def _stop(self, held: Claim, pushed: BranchPush, gone: GoneError) -> None:
        """Let the branch go for good, and have its open check runs say why."""
        with self._transaction() as tx:
            stopped = claims.finish(tx, held, seq=pushed.seq)
            if stopped:
                self._on_given_up(tx, pushed, str(gone))
                hints.stop(tx, pushed, gone)
        if stopped:
            self._metrics.ran("stopped")

    def _put_off(self, held: Claim, pushed: BranchPush, seconds: float) -> None:
        not_before = time.time() + seconds
        with self._transaction() as tx:
            claims.release(tx, held, seq=pushed.seq, not_before=not_before, failed=False)
        self._metrics.ran("put off")

    def _release(self, held: Claim, pushed: BranchPush, reason: str) -> None:
        pause = self._pause(pushed.attempts)
        not_before = branches.NEVER if pause is None else time.time() + pause
        with self._transaction() as tx:
            released = claims.release(tx, held, seq=pushed.seq, not_before=not_before)
            if released and pause is None:
                self._on_given_up(tx, pushed, reason)
        if not released:
            return
        self._metrics.ran("failed" if pause is not None else "given up")
        if pause is None:
            log.error("promotion.given_up", **_names(pushed))

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        with self._engine.begin() as tx:
            self._still_mine(tx)
            yield tx

    def _pause(self, attempts: int) -> float | None:
        return self._retry_seconds[attempts] if attempts < len(self._retry_seconds) else None


def _reason(exc: Exception) -> str:
    """Return the reason in words that may be shown; a mistake of ours is told by the log."""
    known = isinstance(exc, PromotionError)
    return str(exc) if known else f"{type(exc).__name__}: see the service's log"


def _names(pushed: BranchPush) -> dict[str, str | int]:
    return {
        "repository": pushed.push.repository,
        "ref": pushed.push.ref,
        "after": pushed.push.after,
        "seq": pushed.seq,
        "attempts": pushed.attempts,
    }
