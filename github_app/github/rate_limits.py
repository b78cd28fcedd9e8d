"""Respect GitHub's rate limits for one installation: calls an hour, writes a minute, pauses.

GitHub bans an App that keeps calling while it is rate limited.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from github_app.config.settings import WRITE_SECONDS
from promotion.clock import Clock, SystemClock
from promotion.errors import ApiError, PromotionError
from promotion.http import Answer

MOST_WAIT_SECONDS = 60.0  # beyond that the run is deferred: it blocks its branch while it waits
SECONDARY_SECONDS = 60.0  # GitHub's advice for answers without a time
ATTEMPTS = 3  # in total, for one call
WRITES_AHEAD = 20  # urgent writes that need not wait
LOW = 0.1  # share of the hour's calls below which a warning is logged

log = structlog.get_logger(__name__)


class LimitedError(PromotionError):
    """GitHub allows no calls for longer than a promotion can wait."""

    def __init__(self, installation_id: int, retry_after: float) -> None:
        whose = f"installation {installation_id}" if installation_id else "the App"
        super().__init__(
            f"GitHub's rate limit for {whose} is used up for another "
            f"{retry_after:.0f} s: no action is needed, it continues by itself then"
        )
        self.retry_after = retry_after  # seconds


@dataclass
class Limits:
    """The rate limits of one installation, or of the App itself; a `Sender` for all its calls.

    `before_write` spaces writes evenly, since GitHub limits the content created in a minute. An
    urgent write does not wait if its slot is at most WRITES_AHEAD slots away; other writes always
    wait. `send` waits out a pause that GitHub asked for. The pause applies to every call of the
    installation, not only to the call that was refused.
    """

    installation_id: int  # 0: the App itself
    clock: Clock = field(default_factory=SystemClock)
    now: Callable[[], float] = time.time  # wall clock: GitHub gives the end of the hour as a time
    on_rate_limit: Callable[[int, int], None] = lambda _installation, _remaining: None
    write_seconds: float = WRITE_SECONDS
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _not_before: float = 0.0
    _next_write: float = 0.0
    _tenth: int | None = None  # of the hour's calls that are left, as last logged

    def send(self, call: Callable[[], Answer]) -> Answer:
        """Make one call once it is allowed; retry after a rate limit refusal."""
        attempt = 1
        while True:
            self._wait()
            try:
                answer = call()
            except ApiError as exc:
                self._learn(exc.headers)
                pause = pause_after(exc, self.now())
                if pause is None:
                    raise
                self._hold(pause)
                if attempt == ATTEMPTS:
                    raise LimitedError(self.installation_id, pause) from exc
                attempt += 1
            else:
                self._learn(answer.headers)
                return answer

    def before_write(self, *, urgent: bool) -> None:
        """Wait for the next write slot; urgent writes may be WRITES_AHEAD slots early."""
        with self._lock:
            now = self.clock.time()
            slot = max(now, self._next_write)
            self._next_write = slot + self.write_seconds
        ahead = WRITES_AHEAD * self.write_seconds if urgent else 0.0
        self.clock.sleep(max(0.0, slot - now - ahead))

    def _wait(self) -> None:
        pause = self._not_before - self.clock.time()
        if pause > MOST_WAIT_SECONDS:
            raise LimitedError(self.installation_id, pause)
        if pause > 0:
            self.clock.sleep(pause)

    def _hold(self, seconds: float) -> None:
        """Pause every call of the installation, also those that were not refused yet."""
        with self._lock:
            self._not_before = max(self._not_before, self.clock.time() + seconds)
        log.warning("github.limited", installation=self.installation_id, seconds=round(seconds))

    def _learn(self, headers: Mapping[str, str]) -> None:
        remaining, limit = (headers.get(f"x-ratelimit-{it}", "") for it in ("remaining", "limit"))
        if not remaining.isdecimal():
            return
        left = int(remaining)
        self.on_rate_limit(self.installation_id, left)
        if limit.isdecimal() and int(limit) > 0:
            self._log_remaining(left, int(limit))

    def _log_remaining(self, left: int, most: int) -> None:
        """Log the remaining calls, once for each tenth of the hour's calls."""
        tenth = left * 10 // most
        with self._lock:
            changed, self._tenth = tenth != self._tenth, tenth
        if changed:
            level = logging.WARNING if left < LOW * most else logging.INFO
            names = {"installation": self.installation_id, "remaining": left, "of": most}
            log.log(level, "github.calls_left", **names)


def pause_after(refused: ApiError, now: float) -> float | None:
    """Return for how many seconds to pause; None if the refusal was no rate limit.

    In this order: Retry-After, the end of the hour if its calls are used up, one minute.
    """
    if refused.status not in (403, 429):
        return None
    if refused.retry_after is not None:
        return refused.retry_after
    if refused.headers.get("x-ratelimit-remaining") == "0":
        reset = refused.headers.get("x-ratelimit-reset", "")
        return max(1.0, float(reset) - now) if reset.isdecimal() else SECONDARY_SECONDS
    limited = refused.status == 429 or "rate limit" in refused.message.lower()
    return SECONDARY_SECONDS if limited else None
