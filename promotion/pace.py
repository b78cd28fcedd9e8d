"""How many calls one workspace gets at once and in a second, learnt from how it answers."""

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
ATTEMPTS = 6  # sendings of one call that was refused for now (429, 503), in all
MOST_WAIT_SECONDS = 60.0  # we never wait longer for one Retry-After
PASSED_OVER = 50  # calls that go before one that gives way, at the most

LEAST_RATE = 1.0  # calls a second; we never send slower, whatever was measured
MARGIN = 0.95  # of the measured rate
PROBE = 0.05  # calls a second that each success adds to the rate
WINDOW_SECONDS = 3.0  # the measured time, at the most
BURST_SECONDS = 1.0  # what was not sent in this time may be sent later at once
FORGET_SECONDS = 60.0  # without a refusal, until the rate is unknown again

_thread = threading.local()


def give_way() -> None:
    """Let the calls of this thread, from now on, go after those of all other threads."""
    _thread.gives_way = True


@dataclass(frozen=True)
class Turn:
    """One sending of one call."""

    round: int  # slow-downs before it was sent: later ones learn nothing from it
    sent_at: float


class Pace:
    """A gate for the calls to one workspace: more at once while all is well, fewer when refused.

    The limit grows by one for each success until the first refusal, and by one for each round of
    successes after it. `Retry-After` stops the whole workspace's sending, not one thread's. From
    the second refusal on, calls are also spread to the rate that was let through between two.

    Calls of threads that `give_way` (looking for Git folders) take no place from the others: they
    have some of their own, only one while others are under way, and wait while others wait.
    """

    def __init__(self, clock: Clock, *, start: int = START, cap: int = CAP) -> None:
        self._clock = clock
        self._cap = cap
        self._limit = float(min(start, cap))
        self._first, self._after = _Lane(), _Lane()
        self._passed_over = 0  # calls that went while one that gives way was waiting
        self._not_before = 0.0
        self._round = 0
        self._too_many = self._too_fast = True  # what the last slow-down was about
        self._least = 1.0  # calls at once that it leaves
        self._rate = Rate()
        self._changed = threading.Condition()
        self._has_turn = threading.local()  # now: whether this thread's call is under way

    @property
    def limit(self) -> int:
        """Calls at once, now."""
        return int(self._limit)

    @property
    def cap(self) -> int:
        """Calls at once, at the most."""
        return self._cap

    @property
    def a_second(self) -> float:
        """Calls a second, now; infinite where no limit is known."""
        return self._rate.a_second

    def send(self, call: Callable[[], Result]) -> Result:
        """Make one call when its turn comes, and again where it was refused for now.

        A call that is made inside another one's turn, by its thread, is a part of it.
        """
        if getattr(self._has_turn, "now", False):
            return call()
        attempt = 1
        while True:
            with self.turn() as turn:
                try:
                    result = call()
                except ApiError as exc:
                    if not exc.throttled:
                        raise
                    self.refused(turn, _pause(exc, attempt))
                    if attempt == ATTEMPTS:
                        raise
                    attempt += 1
                    continue
            self.went_well()
            return result

    @contextlib.contextmanager
    def turn(self) -> Iterator[Turn]:
        """Wait for a place among the calls, and hold it."""
        lane = self._after if getattr(_thread, "gives_way", False) else self._first
        with self._changed:
            turn = self._wait(lane)
        self._has_turn.now = True
        try:
            yield turn
        finally:
            self._has_turn.now = False
            with self._changed:
                lane.under_way -= 1
                self._changed.notify_all()

    def _wait(self, lane: _Lane) -> Turn:
        lane.waiting += 1
        try:
            while not self._may_go(lane):
                pass
        finally:
            lane.waiting -= 1
            self._changed.notify_all()
        lane.under_way += 1
        passed_over = lane is self._first and self._after.waiting
        self._passed_over = self._passed_over + 1 if passed_over else 0
        now = self._clock.time()
        self._rate.sent(now)
        return Turn(self._round, now)

    def _may_go(self, lane: _Lane) -> bool:
        """Return whether a call may be sent now, after having waited a little where it may not."""
        if not self._has_place(lane):
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

    def _has_place(self, lane: _Lane) -> bool:
        if lane is self._first:
            return lane.under_way < self.limit
        if self._first.waiting and self._passed_over < PASSED_OVER:
            return False
        busy = self._first.waiting or self._first.under_way
        return lane.under_way < (1 if busy else self.limit)

    def went_well(self) -> None:
        """Let more calls go at once, and a little faster."""
        with self._changed:
            self._limit = min(self._cap, self._limit + (1 / self._limit if self._round else 1))
            self._rate.went_well()
            self._changed.notify_all()

    def refused(self, turn: Turn, seconds: float) -> None:
        """Send nothing for *seconds*, then less; one slow-down for all calls of one round.

        Nobody says what there was too much of. With all places taken it was calls at once, and
        as many as were let in are tried next, but at least half; with places free it was calls a
        second. As long as no rate is known it may have been either.
        """
        with self._changed:
            now = self._clock.time()
            self._not_before = max(self._not_before, now + seconds)
            first = turn.round == self._round
            under_way = self._first.under_way
            if first:
                self._round += 1
                full, unknown = under_way >= self.limit - 1, math.isinf(self.a_second)
                self._too_many, self._too_fast = full or unknown, unknown or not full
                self._least = max(1.0, self._limit / 2)
            if self._too_many:
                self._limit = max(self._least, min(self._limit, under_way - 1))
            self._rate.refused(turn.sent_at, now, first=first, measure=self._too_fast)


@dataclass
class _Lane:
    """The calls of one rank."""

    waiting: int = 0
    under_way: int = 0


class Rate:
    """Calls a second, as a token bucket that learns its rate from refusals. Pure: no clock.

    A limit on the rate has nothing left when it refuses. So what was let through between two
    refusals, divided by the time between them, is the rate at which it lets calls through.
    """

    def __init__(self) -> None:
        self.a_second = math.inf
        self._level = 0.0  # calls that may be sent at once
        self._level_at = 0.0
        self._sent: deque[float] = deque()  # when, in the window, without those refused
        self._since: float | None = None  # the measured time is from here ...
        self._refused_at: float | None = None  # ... to here

    def pause(self, now: float) -> float:
        """Return the seconds until the next call may be sent."""
        if self._refused_at is not None and now - self._refused_at > FORGET_SECONDS:
            self.a_second, self._refused_at = math.inf, None
        if math.isinf(self.a_second):
            return 0.0
        most = max(1.0, self.a_second * BURST_SECONDS)
        self._level = min(most, self._level + self.a_second * (now - self._level_at))
        self._level_at = now
        missing = 1 - self._level
        return missing / self.a_second if missing > 1e-6 else 0.0

    def sent(self, now: float) -> None:
        """A call goes out."""
        self._level -= 1
        self._sent.append(now)
        while self._sent[0] < now - WINDOW_SECONDS:
            self._sent.popleft()

    def went_well(self) -> None:
        """Try a little more: the limit may have been lifted."""
        self.a_second += PROBE

    def refused(self, sent_at: float, now: float, *, first: bool, measure: bool) -> None:
        """Measure where asked to; the *first* refusal of a slow-down ends the measured time."""
        if first:
            last, self._refused_at = self._refused_at, now
            self._since = None if last is None else max(last, now - WINDOW_SECONDS)
            self._level, self._level_at = 0.0, now
        with contextlib.suppress(ValueError):
            self._sent.remove(sent_at)
        if not measure or self._since is None or self._refused_at is None:
            return
        let_through = sum(at > self._since for at in self._sent)
        measured = let_through / max(0.1, self._refused_at - self._since)
        self.a_second = max(LEAST_RATE, min(self.a_second, measured * MARGIN))


def _pause(exc: ApiError, attempt: int) -> float:
    wanted = exc.retry_after if exc.retry_after is not None else 2.0 ** (attempt - 1)
    return min(wanted, MOST_WAIT_SECONDS)
