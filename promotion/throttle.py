"""Limit the calls to one workspace: how many at once, and how many a second.

Databricks publishes no rate limit for the Repos API. It throttles with 429, or 503, and a
`Retry-After` that may be missing. So both limits are learnt from the answers: the number of calls
at once grows with each success and falls with each throttled call, as in TCP's congestion
control; the rate is measured between two throttled calls. No maintained synchronous library
learns both.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from promotion.clock import Clock
from promotion.errors import ApiError

Result = TypeVar("Result")

START = 8  # calls at once, before anything is known
CAP = 16
ATTEMPTS = 6  # of one call that is throttled (429, 503), in all
MOST_WAIT_SECONDS = 60.0  # the longest wait for one Retry-After
PASSED_OVER = 50  # normal calls that overtake a waiting low-priority call, at the most

LEAST_RATE = 1.0  # calls a second; never slower, whatever was measured
MARGIN = 0.95  # of the measured rate
PROBE = 0.05  # calls a second that each success adds to the rate
WINDOW_SECONDS = 3.0  # the longest time over which the rate is measured
BURST_SECONDS = 1.0  # unused calls of this much time may be sent at once later
FORGET_SECONDS = 60.0  # without a throttled call, until the rate is unknown again

_thread = threading.local()


def use_low_priority() -> None:
    """Give all further calls of this thread a lower priority than those of other threads."""
    _thread.low_priority = True


@dataclass(frozen=True)
class Permit:
    """The permission to send one call once."""

    round: int  # number of slow-downs before it was sent: one of an older round causes no new one
    sent_at: float


class AdaptiveLimiter:
    """Limits the calls to one workspace: more at once after a success, fewer when throttled.

    The limit grows by one for each success until the first throttled call, and by one for each
    round of successes after it. `Retry-After` stops all calls to the workspace, not those of one
    thread. From the second throttled call on, calls are also spread to the measured rate.

    Calls of threads with a low priority (the scans for Git folders) do not count against the
    limit of the others. Only one is in flight while others are, and they wait while others wait.
    """

    def __init__(self, clock: Clock, *, start: int = START, cap: int = CAP) -> None:
        self._clock = clock
        self._cap = cap
        self._limit = float(min(start, cap))
        self._normal, self._low = _Queue(), _Queue()
        self._passed_over = 0  # normal calls sent since a low-priority call began to wait
        self._not_before = 0.0
        self._round = 0
        self._too_many = self._too_fast = True  # the assumed cause of the last slow-down
        self._least = 1.0  # the lowest limit in this round
        self._rate = Rate()
        self._changed = threading.Condition()
        self._in_call = threading.local()  # active: whether this thread has a call in flight

    @property
    def limit(self) -> int:
        """The present limit of calls at once."""
        return int(self._limit)

    @property
    def cap(self) -> int:
        """The highest limit of calls at once."""
        return self._cap

    @property
    def a_second(self) -> float:
        """The present rate in calls a second; infinite where no limit is known."""
        return self._rate.a_second

    def send(self, call: Callable[[], Result]) -> Result:
        """Make one call when the limits allow it, and retry it where it was throttled.

        A call made by the same thread within another call needs no permit of its own.
        """
        if getattr(self._in_call, "active", False):
            return call()
        attempt = 1
        while True:
            with self.permit() as permit:
                try:
                    result = call()
                except ApiError as exc:
                    if not exc.throttled:
                        raise
                    self.on_throttled(permit, _pause(exc, attempt))
                    if attempt == ATTEMPTS:
                        raise
                    attempt += 1
                    continue
            self.on_success()
            return result

    @contextlib.contextmanager
    def permit(self) -> Iterator[Permit]:
        """Wait until a call may be sent, and count it as in flight."""
        queue = self._low if getattr(_thread, "low_priority", False) else self._normal
        with self._changed:
            permit = self._wait(queue)
        self._in_call.active = True
        try:
            yield permit
        finally:
            self._in_call.active = False
            with self._changed:
                queue.in_flight -= 1
                self._changed.notify_all()

    def _wait(self, queue: _Queue) -> Permit:
        queue.waiting += 1
        try:
            while not self._may_send(queue):
                pass
        finally:
            queue.waiting -= 1
            self._changed.notify_all()
        queue.in_flight += 1
        passed_over = queue is self._normal and self._low.waiting
        self._passed_over = self._passed_over + 1 if passed_over else 0
        now = self._clock.time()
        self._rate.sent(now)
        return Permit(self._round, now)

    def _may_send(self, queue: _Queue) -> bool:
        """Return whether a call may be sent now; wait before returning False."""
        if not self._has_room(queue):
            self._changed.wait()
            return False
        now = self._clock.time()
        pause = max(self._not_before - now, self._rate.pause(now))
        if pause <= 0:
            return True
        self._changed.release()
        try:
            self._clock.sleep(pause)
        finally:
            self._changed.acquire()
        return False

    def _has_room(self, queue: _Queue) -> bool:
        if queue is self._normal:
            return queue.in_flight < self.limit
        if self._normal.waiting and self._passed_over < PASSED_OVER:
            return False
        busy = self._normal.waiting or self._normal.in_flight
        return queue.in_flight < (1 if busy else self.limit)

    def on_success(self) -> None:
        """Raise both limits a little."""
        with self._changed:
            self._limit = min(self._cap, self._limit + (1 / self._limit if self._round else 1))
            self._rate.on_success()
            self._changed.notify_all()

    def on_throttled(self, permit: Permit, seconds: float) -> None:
        """Send nothing for *seconds*, then less; slow down once for all calls of one round.

        The answer does not say which limit was exceeded. If the present limit was in use, it was
        the calls at once: the number that was accepted is tried next, but at least half the
        limit. If there was room, it was the calls a second. As long as no rate is known, it may
        have been either.
        """
        with self._changed:
            now = self._clock.time()
            self._not_before = max(self._not_before, now + seconds)
            first = permit.round == self._round
            in_flight = self._normal.in_flight
            if first:
                self._round += 1
                full, unknown = in_flight >= self.limit - 1, math.isinf(self.a_second)
                self._too_many, self._too_fast = full or unknown, unknown or not full
                self._least = max(1.0, self._limit / 2)
            if self._too_many:
                self._limit = max(self._least, min(self._limit, in_flight - 1))
            self._rate.on_throttled(permit.sent_at, now, first=first, measure=self._too_fast)


@dataclass
class _Queue:
    """The calls of one priority."""

    waiting: int = 0
    in_flight: int = 0


class Rate:
    """A token bucket that learns its rate from throttled calls. Pure: no clock.

    A server's rate limit has nothing left when it throttles. So the number of calls that it
    accepted between two throttled ones, divided by the time between them, is its rate.
    """

    def __init__(self) -> None:
        self.a_second = math.inf
        self._level = 0.0  # calls that may be sent at once
        self._level_at = 0.0
        self._sent: deque[float] = deque()  # times of the accepted calls in the window
        self._since: float | None = None  # the rate is measured from here ...
        self._throttled_at: float | None = None  # ... to here

    def pause(self, now: float) -> float:
        """Return the seconds until the next call may be sent."""
        if self._throttled_at is not None and now - self._throttled_at > FORGET_SECONDS:
            self.a_second, self._throttled_at = math.inf, None
        if math.isinf(self.a_second):
            return 0.0
        most = max(1.0, self.a_second * BURST_SECONDS)
        self._level = min(most, self._level + self.a_second * (now - self._level_at))
        self._level_at = now
        missing = 1 - self._level
        return missing / self.a_second if missing > 1e-6 else 0.0

    def sent(self, now: float) -> None:
        """Record that a call is sent."""
        self._level -= 1
        self._sent.append(now)
        while self._sent[0] < now - WINDOW_SECONDS:
            self._sent.popleft()

    def on_success(self) -> None:
        """Raise the rate a little: the server's limit may have been lifted."""
        self.a_second += PROBE

    def on_throttled(self, sent_at: float, now: float, *, first: bool, measure: bool) -> None:
        """Measure if asked to; the *first* throttled call of a round ends the measured time."""
        if first:
            last, self._throttled_at = self._throttled_at, now
            self._since = None if last is None else max(last, now - WINDOW_SECONDS)
            self._level, self._level_at = 0.0, now
        with contextlib.suppress(ValueError):
            self._sent.remove(sent_at)
        if not measure or self._since is None or self._throttled_at is None:
            return
        accepted = sum(at > self._since for at in self._sent)
        measured = accepted / max(0.1, self._throttled_at - self._since)
        self.a_second = max(LEAST_RATE, min(self.a_second, measured * MARGIN))


def _pause(exc: ApiError, attempt: int) -> float:
    wanted = exc.retry_after if exc.retry_after is not None else 2.0 ** (attempt - 1)
    return min(wanted, MOST_WAIT_SECONDS)
