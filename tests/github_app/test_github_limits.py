from __future__ import annotations

import pytest
from builders import StillClock

from github_app.github.rate_limits import ATTEMPTS, LimitedError, Limits, pause_after
from promotion.errors import ApiError
from promotion.http import Answer

GOOD = Answer(200, {}, {"x-ratelimit-remaining": "4999", "x-ratelimit-limit": "5000"})


def refused(status=403, message="", retry_after=None, **headers):
    named = {f"x-ratelimit-{name}": value for name, value in headers.items()}
    return ApiError("GET /", status=status, message=message, retry_after=retry_after, headers=named)


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        (refused(retry_after=7.0), 7.0),
        (refused(429), 60.0),
        (refused(remaining="0", reset="1030"), 30.0),
        (refused(remaining="0", reset="900"), 1.0),
        (refused(remaining="0"), 60.0),
        (refused(message="You have exceeded a secondary rate limit."), 60.0),
        (refused(message="Resource not accessible by integration"), None),
        (refused(404), None),
    ],
)
def test_how_long_github_wants_no_calls(error, pause):
    assert pause_after(error, now=1000.0) == pause


def test_a_call_that_was_refused_for_now_is_sent_again_when_it_may_be():
    clock, answers = StillClock(), [refused(retry_after=30.0), GOOD]

    def call():
        answer = answers.pop(0)
        if isinstance(answer, ApiError):
            raise answer
        return answer

    told = []
    limits = Limits(1, clock, on_rate_limit=lambda *known: told.append(known))

    assert limits.send(call) is GOOD
    assert clock.now == 30.0
    assert told == [(1, 4999)]


def test_a_wait_that_is_too_long_puts_the_work_off_for_everybody():
    clock, calls = StillClock(), []

    def call():
        calls.append(clock.now)
        raise refused(retry_after=3600.0)

    limits = Limits(1, clock)
    with pytest.raises(LimitedError) as first:
        limits.send(call)
    with pytest.raises(LimitedError):
        limits.send(call)

    assert first.value.retry_after == 3600.0
    assert len(calls) == 1


def test_a_call_that_is_refused_time_and_again_is_put_off():
    calls = []

    def call():
        calls.append(1)
        raise refused(retry_after=1.0)

    with pytest.raises(LimitedError):
        Limits(1, StillClock()).send(call)

    assert len(calls) == ATTEMPTS


def test_writes_that_can_wait_are_spaced_and_urgent_ones_go_first():
    clock = StillClock()
    limits = Limits(1, clock, write_seconds=0.75)

    for _ in range(4):
        limits.before_write(urgent=False)
    spaced = clock.now
    limits.before_write(urgent=True)

    assert spaced == pytest.approx(2.25)
    assert clock.now == spaced
