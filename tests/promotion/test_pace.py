from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from builders import StillClock, an_api_error

from promotion.errors import ApiError
from promotion.throttle import (
    ATTEMPTS,
    CAP,
    FORGET_SECONDS,
    LEAST_RATE,
    MARGIN,
    MOST_WAIT_SECONDS,
    PROBE,
    AdaptiveLimiter,
    use_low_priority,
)


class Calls:
    """A call that raises what it was given, one after the other, and then succeeds."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.count = 0

    def __call__(self):
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


class Bucket:
    """A call that is refused when more than *rate* a second were made, after a *burst*."""

    def __init__(self, clock, *, rate, burst):
        self.clock, self.rate, self.burst = clock, rate, burst
        self.level, self.at = burst, clock.time()
        self.count = self.refused = 0

    def __call__(self):
        now = self.clock.time()
        self.level = min(self.burst, self.level + self.rate * (now - self.at))
        self.at = now
        self.count += 1
        if self.level < 1:
            self.refused += 1
            raise an_api_error(429, retry_after=1.0)
        self.level -= 1


class HeldClock(StillClock):
    """A clock that stands still until it is told to go on."""

    def __init__(self):
        super().__init__()
        self.asked, self.go_on = threading.Event(), threading.Event()

    def sleep(self, seconds):
        self.asked.set()
        assert self.go_on.wait(10)
        super().sleep(seconds)


def refuse_after(pace, clock, *, calls):
    """Let a second pass, in which some calls go well and the next is refused."""
    clock.now += 1
    for _ in range(calls):
        with pace.permit():
            pass
    with pace.permit() as turn:
        pace.on_throttled(turn, 0)


def test_more_calls_go_at_once_while_all_is_well():
    pace = AdaptiveLimiter(StillClock(), start=2, cap=4)

    for _ in range(5):
        pace.on_success()

    assert pace.limit == 4


def test_a_refusal_halves_once_for_all_calls_that_were_under_way():
    pace = AdaptiveLimiter(StillClock(), start=8)
    with pace.permit() as first, pace.permit() as second:
        pace.on_throttled(first, 1)
        pace.on_throttled(second, 1)

    assert pace.limit == 4


def test_after_a_refusal_the_limit_grows_slowly():
    pace = AdaptiveLimiter(StillClock(), start=8)
    with pace.permit() as sent_in:
        pace.on_throttled(sent_in, 1)

    for _ in range(4):
        pace.on_success()

    assert pace.limit in (4, 5)


def test_retry_after_stops_every_thread_of_the_workspace():
    clock = StillClock()
    pace = AdaptiveLimiter(clock)
    with pace.permit() as sent_in:
        pace.on_throttled(sent_in, 30)

    with pace.permit():
        assert clock.now == 30


def test_no_more_calls_than_the_limit_are_under_way():
    pace, lock = AdaptiveLimiter(StillClock(), start=3, cap=3), threading.Lock()
    seen, under_way, together = [], 0, threading.Barrier(3, timeout=10)

    def call():
        nonlocal under_way
        with pace.permit():
            with lock:
                under_way += 1
                seen.append(under_way)
            together.wait()
            with lock:
                under_way -= 1

    with ThreadPoolExecutor(CAP) as pool:
        for future in [pool.submit(call) for _ in range(12)]:
            future.result()

    assert max(seen) == 3


def test_an_error_that_is_no_refusal_is_not_sent_again():
    calls = Calls(an_api_error(403))

    with pytest.raises(ApiError):
        AdaptiveLimiter(StillClock()).send(calls)

    assert calls.count == 1


def test_a_throttled_call_waits_as_long_as_it_was_told_to():
    calls, clock = (
        Calls(an_api_error(429, retry_after=7.0), an_api_error(503, retry_after=2.0)),
        StillClock(),
    )

    assert AdaptiveLimiter(clock).send(calls) == "done"
    assert (calls.count, clock.now) == (3, 9.0)


def test_nobody_makes_a_call_wait_for_more_than_a_minute():
    calls, clock = Calls(an_api_error(429, retry_after=31_536_000.0)), StillClock()

    assert AdaptiveLimiter(clock).send(calls) == "done"
    assert clock.now == MOST_WAIT_SECONDS == 60.0


def test_a_call_made_inside_another_ones_turn_needs_no_place_of_its_own():
    pace = AdaptiveLimiter(StillClock(), start=1, cap=1)
    refused = Calls(an_api_error(429, retry_after=7.0))

    assert pace.send(lambda: pace.send(refused)) == "done"  # the whole is refused, and made again
    assert refused.count == 2
    assert pace.send(Calls()) == "done"
    with pace.permit():
        other = ThreadPoolExecutor(1)
        waiting = other.submit(pace.send, Calls())
        assert not waiting.done()
    assert waiting.result(10) == "done"
    other.shutdown()


def test_a_call_that_stays_throttled_is_given_up():
    calls = Calls(*[an_api_error(429)] * ATTEMPTS)

    with pytest.raises(ApiError):
        AdaptiveLimiter(StillClock()).send(calls)

    assert calls.count == ATTEMPTS


def test_with_places_free_a_refusal_at_a_known_rate_leaves_the_calls_at_once():
    clock = StillClock()
    pace = AdaptiveLimiter(clock, start=16)
    refuse_after(pace, clock, calls=0)
    refuse_after(pace, clock, calls=20)
    limit = pace.limit

    refuse_after(pace, clock, calls=5)

    assert pace.limit >= limit


def test_as_many_calls_as_were_let_in_are_tried_next():
    pace = AdaptiveLimiter(StillClock(), start=8)
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(pace.permit())
        with pace.permit() as refused:
            pace.on_throttled(refused, 1)

        assert pace.limit == 5


def test_the_rate_is_what_was_let_through_between_two_refusals():
    clock = StillClock()
    pace = AdaptiveLimiter(clock)

    refuse_after(pace, clock, calls=10)
    assert pace.a_second == math.inf

    refuse_after(pace, clock, calls=10)
    assert pace.a_second == pytest.approx(10 * MARGIN)


def test_calls_are_spread_to_the_learnt_rate():
    clock = StillClock()
    pace = AdaptiveLimiter(clock)
    refuse_after(pace, clock, calls=10)
    refuse_after(pace, clock, calls=10)
    began, rate = clock.now, pace.a_second

    for _ in range(50):
        with pace.permit():
            pass

    assert clock.now - began == pytest.approx(50 / rate)


def test_the_rate_grows_slowly_while_all_is_well_and_is_forgotten_after_a_minute():
    clock = StillClock()
    pace = AdaptiveLimiter(clock)
    refuse_after(pace, clock, calls=10)
    refuse_after(pace, clock, calls=10)
    rate = pace.a_second

    pace.on_success()
    assert pace.a_second == pytest.approx(rate + PROBE)

    clock.now += FORGET_SECONDS + 1
    pace.send(lambda: None)
    assert pace.a_second == math.inf


def test_a_rate_never_falls_to_nothing():
    clock = StillClock()
    pace = AdaptiveLimiter(clock)

    for _ in range(10):
        refuse_after(pace, clock, calls=0)

    assert pace.a_second == LEAST_RATE


def test_behind_a_limit_of_ten_a_second_few_calls_are_refused():
    clock = StillClock()
    pace, bucket = AdaptiveLimiter(clock), Bucket(clock, rate=10, burst=10)

    for _ in range(300):
        pace.send(bucket)

    assert clock.now < 1.3 * (300 - 10) / 10
    assert bucket.refused < 0.1 * bucket.count


def test_a_call_that_gives_way_has_a_place_of_its_own():
    pace = AdaptiveLimiter(StillClock(), start=1, cap=1)

    with ThreadPoolExecutor(1, initializer=use_low_priority) as scan, pace.permit():
        assert scan.submit(pace.send, lambda: "listed").result(10) == "listed"


def test_a_call_that_gives_way_goes_after_one_that_waits():
    clock, order = HeldClock(), []
    pace = AdaptiveLimiter(clock)
    with pace.permit() as turn:
        pace.on_throttled(turn, 1)
    with (
        ThreadPoolExecutor(1) as calls,
        ThreadPoolExecutor(1, initializer=use_low_priority) as scan,
    ):
        first = calls.submit(pace.send, lambda: order.append("update"))
        assert clock.asked.wait(10)
        after = scan.submit(pace.send, lambda: order.append("list"))

        clock.go_on.set()

        first.result(10)
        after.result(10)
    assert order == ["update", "list"]
