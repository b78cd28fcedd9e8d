from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from builders import InMemoryFolders, StillClock, a_folder, an_api_error

from promotion.errors import ApiError
from promotion.pace import CAP, Pace, PacedGitFolders


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
    folders = InMemoryFolders(a_folder())
    folders.errors = [an_api_error(403)]

    with pytest.raises(ApiError):
        PacedGitFolders(folders, Pace(StillClock())).update_git_folder(
            a_folder().id, branch="main", tag=None, discard=False
        )

    assert folders.updates == [(a_folder().id, False)]
