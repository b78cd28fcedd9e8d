"""Run some work in several threads, and have what fails in one fail the test."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

DEADLINE = 60.0


def at_once(*works: Callable[[], object]) -> None:
    """Do all of it at the same time, and wait for the end of each."""
    with ThreadPoolExecutor(len(works)) as pool:
        for future in [pool.submit(work) for work in works]:
            future.result(DEADLINE)
