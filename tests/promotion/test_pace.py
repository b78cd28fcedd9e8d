from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from builders import StillClock, an_api_error

from promotion.errors import ApiError
from promotion.pace import ATTEMPTS, CAP, Pace


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


def test_more_calls_go_at_once_while_all_is_well():
    pace = Pace(StillClock(), start=2, cap=4)

    for _ in range(5):
        pace.went_well()

    assert pace.limit == 4


def test_a_refusal_halves_once_for_all_calls_that_were_under_way():
    pace = Pace(StillClock(), start=8)
    with pace.turn() as first, pace.turn() as second:
        pace.refused(first, 1)
        pace.refused(second, 1)

    assert pace.limit == 4


def test_after_a_refusal_the_limit_grows_slowly():
    pace = Pace(StillClock(), start=8)
    with pace.turn() as sent_in:
        pace.refused(sent_in, 1)

    for _ in range(4):
        pace.went_well()

    assert pace.limit in (4, 5)


def test_retry_after_stops_every_thread_of_the_workspace():
    clock = StillClock()
    pace = Pace(clock)
    with pace.turn() as sent_in:
        pace.refused(sent_in, 30)

    with pace.turn():
        assert clock.now == 30


def test_no_more_calls_than_the_limit_are_under_way():
    pace, lock = Pace(StillClock(), start=3, cap=3), threading.Lock()
    seen, under_way, together = [], 0, threading.Barrier(3, timeout=10)

    def call():
        nonlocal under_way
        with pace.turn():
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
        Pace(StillClock()).send(calls)

    assert calls.count == 1


def test_a_throttled_call_waits_as_long_as_it_was_told_to():
    calls, clock = (
        Calls(an_api_error(429, retry_after=7.0), an_api_error(503, retry_after=2.0)),
        StillClock(),
    )

    assert Pace(clock).send(calls) == "done"
    assert (calls.count, clock.now) == (3, 9.0)


def test_a_call_that_stays_throttled_is_given_up():
    calls = Calls(*[an_api_error(429)] * ATTEMPTS)

    with pytest.raises(ApiError):
        Pace(StillClock()).send(calls)

    assert calls.count == ATTEMPTS
