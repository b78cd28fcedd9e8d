"""Stay within what GitHub lets one installation do: calls an hour, writes a minute, pauses.

GitHub bans an App that goes on calling while it is told to wait.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from promotion.clock import Clock, SystemClock
from promotion.errors import ApiError, PromotionError
from promotion.http import Answer

MOST_WAIT_SECONDS = 60.0  # longer, and the work is put off instead: a run holds its branch
SECONDARY_SECONDS = 60.0  # GitHub's advice where it does not say how long
ATTEMPTS = 3  # sendings of one call, in all
WRITES_AHEAD = 20  # urgent writes that need not wait for each other
LOW = 0.1  # the part of the hour's calls that is worth a warning
WRITE_SECONDS = 0.75  # GitHub allows 80 writes of content a minute

log = structlog.get_logger(__name__)


class LimitedError(PromotionError):
    """GitHub wants no calls for longer than a promotion can wait."""

    def __init__(self, installation_id: int, retry_after: float) -> None:
        whose = f"installation {installation_id}" if installation_id else "the App"
        super().__init__(
            f"GitHub's rate limit for {whose} is used up for another "
            f"{retry_after:.0f} s: nothing is to be done, it goes on by itself then"
        )
        self.retry_after = retry_after  # seconds


@dataclass
class Limits:
    """The limits of one installation, or of the App itself; a `Sender` for all of its calls."""

    installation_id: int  # 0: the App itself
    clock: Clock = field(default_factory=SystemClock)
    now: Callable[[], float] = time.time  # wall clock: GitHub says when the hour ends
    told: Callable[[int, int], None] = lambda _installation, _remaining: None
    write_seconds: float = WRITE_SECONDS
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _not_before: float = 0.0
    _next_write: float = 0.0
    _tenth: int | None = None  # of the hour's calls that are left, as last said

    def send(self, call: Callable[[], Answer]) -> Answer:
        """Make one call when it is allowed, and again where it was refused for now."""
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
        """Wait for a write's turn; urgent ones go first, as long as they are few."""
        with self._lock:
            now = self.clock.time()
            turn = max(now, self._next_write)
            self._next_write = turn + self.write_seconds
        ahead = WRITES_AHEAD * self.write_seconds if urgent else 0.0
        self.clock.sleep(max(0.0, turn - now - ahead))

    def _wait(self) -> None:
        pause = self._not_before - self.clock.time()
        if pause > MOST_WAIT_SECONDS:
            raise LimitedError(self.installation_id, pause)
        if pause > 0:
            self.clock.sleep(pause)

    def _hold(self, seconds: float) -> None:
        """Let nobody call for so long; not even those who were not refused yet."""
        with self._lock:
            self._not_before = max(self._not_before, self.clock.time() + seconds)
        log.warning("github.limited", installation=self.installation_id, seconds=round(seconds))

    def _learn(self, headers: Mapping[str, str]) -> None:
        remaining, limit = (headers.get(f"x-ratelimit-{it}", "") for it in ("remaining", "limit"))
        if not remaining.isdecimal():
            return
        left = int(remaining)
        self.told(self.installation_id, left)
        if limit.isdecimal() and int(limit) > 0:
            self._say(left, int(limit))

    def _say(self, left: int, most: int) -> None:
        """Log what is left, once for each tenth of the hour's calls."""
        tenth = left * 10 // most
        with self._lock:
            is_news, self._tenth = tenth != self._tenth, tenth
        if is_news:
            level = logging.WARNING if left < LOW * most else logging.INFO
            names = {"installation": self.installation_id, "remaining": left, "of": most}
            log.log(level, "github.calls_left", **names)


def pause_after(refused: ApiError, now: float) -> float | None:
    """Return how many seconds GitHub wants no calls for; None where it refused for another reason.

    Retry-After first, then the end of the hour where the hour's calls are used up, then a minute.
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
