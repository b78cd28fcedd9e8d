"""Measure every process of a copy's Python, and say in which test each line ran.

A copy's site-packages starts this in every process, whatever environment the process was given.
A process takes the test that is current when it begins; a service, which serves one test after
the other, looks often for the current one. That also writes down what it has run so far: it may
be killed at any time.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time

EVERY = 0.1  # seconds; reporting.py waits longer before it kills a service
current = None  # the file that names the current test


def start(settings: str, current_test: str) -> None:
    global current
    current = current_test
    os.environ["COVERAGE_PROCESS_START"] = settings
    import coverage

    coverage.process_startup(force=True)
    if "pytest" in sys.orig_argv:  # it knows its own test
        return
    switch()
    os.register_at_fork(after_in_child=_after_fork)
    if "serve" in sys.orig_argv:
        _follow()


def switch() -> None:
    import coverage

    with contextlib.suppress(OSError), open(current, encoding="utf-8") as file:  # noqa: PTH123
        if (measuring := coverage.Coverage.current()) is not None:
            measuring.switch_context(file.read())


def _after_fork() -> None:
    switch()
    _follow()


def _follow() -> None:
    def follow() -> None:
        while True:
            time.sleep(EVERY)
            switch()

    threading.Thread(target=follow, daemon=True).start()
