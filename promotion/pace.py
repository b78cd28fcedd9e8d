"""How many calls one workspace gets at once, learnt from how it answers."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from promotion.clock import Clock
from promotion.errors import ApiError

Result = TypeVar("Result")

START = 8  # calls at once, before anything is known
CAP = 16
ATTEMPTS = 6  # sendings of one call that was refused for now (429, 503), in all
MOST_WAIT_SECONDS = 60.0  # we never wait longer for one Retry-After


class Pace:
    """A gate for the calls to one workspace: more at once while all is well, half when refused.

    The limit grows by one for each success until the first refusal, and by one for each round of
    successes after it. `Retry-After` stops the whole workspace's sending, not one thread's.
    """

    def __init__(self, clock: Clock, *, start: int = START, cap: int = CAP) -> None:
        self._clock = clock
        self._cap = cap
        self._limit = float(min(start, cap))
        self._in_flight = 0
        self._not_before = 0.0
        self._round = 0  # grows at each slow-down: calls sent before it tell nothing new
        self._refused = False
        self._changed = threading.Condition()

    @property
    def limit(self) -> int:
        """Calls at once, now."""
        return int(self._limit)

    @property
    def cap(self) -> int:
        """Calls at once, at the most."""
        return self._cap

    def send(self, call: Callable[[], Result]) -> Result:
        """Make one call when its turn comes, and again where it was refused for now."""
        attempt = 1
        while True:
            with self.turn() as sent_in:
                try:
                    result = call()
                except ApiError as exc:
                    if not exc.throttled or attempt == ATTEMPTS:
                        raise
                    self.refused(sent_in, _pause(exc, attempt))
                    attempt += 1
                    continue
            self.went_well()
            return result

    @contextlib.contextmanager
    def turn(self) -> Iterator[int]:
        """Wait for a place among the calls, and hold it; yields the round it belongs to."""
        with self._changed:
            while not self._may_go():
                pass
            self._in_flight += 1
            current = self._round
        try:
            yield current
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def _may_go(self) -> bool:
        """Return whether a call may be sent now, after having waited a little where it may not."""
        pause = self._not_before - self._clock.time()
        if pause > 0:
            self._changed.release()
            try:
                self._clock.sleep(pause)
            finally:
                self._changed.acquire()
            return False
        if self._in_flight >= self.limit:
            self._changed.wait()
            return False
        return True

    def went_well(self) -> None:
        """Let more calls go at once."""
        with self._changed:
            growth = 1 / self._limit if self._refused else 1
            self._limit = min(self._cap, self._limit + growth)
            self._changed.notify_all()

    def refused(self, sent_in: int, seconds: float) -> None:
        """Send nothing for *seconds*, then half as much; one halving for all of one round."""
        with self._changed:
            self._refused = True
            self._not_before = max(self._not_before, self._clock.time() + seconds)
            if sent_in == self._round:
                self._round += 1
                self._limit = max(1.0, self._limit / 2)


def _pause(exc: ApiError, attempt: int) -> float:
    wanted = exc.retry_after if exc.retry_after is not None else 2.0 ** (attempt - 1)
    return min(wanted, MOST_WAIT_SECONDS)
