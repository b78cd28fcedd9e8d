from __future__ import annotations

import threading

import structlog
from running import wait_until

from github_app.runtime.periodic import Periodic


def test_work_that_fails_is_tried_again():
    failures, done = iter([OSError("away")]), threading.Event()

    def work():
        if failure := next(failures, None):
            raise failure
        done.set()

    periodic = Periodic("work", work, seconds=0.01)
    with structlog.testing.capture_logs() as logged:
        periodic.start()
        assert done.wait(10)
        periodic.stop(10)

    assert [line["error"] for line in logged] == ["away"]
    assert periodic.seconds_since_success() < 10


def test_a_wake_is_not_awaited():
    calls = []
    periodic = Periodic("work", lambda: calls.append(1), seconds=3600)
    periodic.start()
    wait_until(lambda: calls, seconds=10)

    periodic.wake()

    wait_until(lambda: len(calls) == 2, seconds=10)
    periodic.stop(10)
