"""One run of a branch: promote its newest push, then let the branch go.

A run may be repeated after a crash, so what it calls must be idempotent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import sqlalchemy as sa
import structlog

from github_app import branches
from github_app.branches import BranchPush, Claim
from github_app.metrics import Metrics

# The pauses after a run that failed; after one more failure only a new push tries again.
RETRY_SECONDS = (5.0, 30.0, 120.0, 600.0)

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
    ) -> None:
        self._engine = engine
        self._promote = promote
        self._metrics = metrics
        self._retry_seconds = retry_seconds

    def carry_out(self, held: Claim) -> None:
        """Promote the branch's newest push, as it is when the work starts."""
        with self._engine.connect() as reader:
            pushed = branches.newest(reader, held)
        if pushed is None:  # this run has ended already, before the crash that repeats it
            return
        try:
            self._promote(pushed)
        except Exception as exc:  # whatever it was, the branch is let go and stays owed
            log.warning("promotion failed", error=str(exc), exc_info=True, **_names(pushed))
            self._release(held, pushed)
        else:
            self._finish(held, pushed)

    def let_go(self, stranded: Claim) -> None:
        """Release a branch whose run ended without doing so itself."""
        with self._engine.connect() as reader:
            pushed = branches.newest(reader, stranded)
        if pushed is not None:
            log.warning("run ended without an ending", **_names(pushed))
            self._release(stranded, pushed)

    def _finish(self, held: Claim, pushed: BranchPush) -> None:
        with self._engine.begin() as tx:
            finished = branches.finish(tx, held, seq=pushed.seq)
        if finished:
            self._metrics.ran("finished", seconds=time.time() - pushed.received_at)

    def _release(self, held: Claim, pushed: BranchPush) -> None:
        pause = self._pause(pushed.attempts)
        not_before = branches.NEVER if pause is None else time.time() + pause
        with self._engine.begin() as tx:
            released = branches.release(tx, held, seq=pushed.seq, not_before=not_before)
        if not released:
            return
        self._metrics.ran("failed" if pause is not None else "given up")
        if pause is None:
            log.error("promotion given up until the next push", **_names(pushed))

    def _pause(self, attempts: int) -> float | None:
        return self._retry_seconds[attempts] if attempts < len(self._retry_seconds) else None


def _names(pushed: BranchPush) -> dict[str, str | int]:
    return {
        "repository": pushed.push.repository,
        "ref": pushed.push.ref,
        "after": pushed.push.after,
        "seq": pushed.seq,
        "attempts": pushed.attempts,
    }
