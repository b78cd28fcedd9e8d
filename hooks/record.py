"""One promotion's result while it changes, and the notice that it leaves when it fails."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

from hooks import notice
from hooks.clock import Clock
from hooks.known_secrets import hide
from hooks.result import Result, State
from hooks.results import Results

TOLD = {State.FAILED, State.NEEDS_LOGIN, State.UNKNOWN, State.EXPIRED, State.INTERRUPTED}


class Record:
    """Holds a result's lock, so that others see that somebody works on it.

    A disk that is full or read-only keeps nothing from being promoted.
    """

    def __init__(self, result: Result, results: Results, clock: Clock) -> None:
        self.result = result
        self._results = results
        self._clock = clock
        self._lock = results.lock(result.key)
        with contextlib.suppress(OSError):
            self._lock.acquire()
        self.change()

    def change(self, **fields: Any) -> None:
        """Store the result with other values."""
        self.result = replace(self.result, **fields)
        with contextlib.suppress(OSError):
            self._results.write(self.result)

    def end(self, state: State, message: str, next_step: str = "", **fields: Any) -> None:
        """Store how it ended, and keep a failure for the next push to show."""
        ended_at = self._clock.time()
        self.change(state=state, message=message, next_step=next_step, ended_at=ended_at, **fields)
        with contextlib.suppress(OSError):
            keep_notice(self.result, self._results)

    def close(self) -> None:
        """Let go of the result."""
        self._lock.release()


def keep_notice(result: Result, results: Results) -> None:
    """Leave a notice of a failure, or take back an older one of the same ref."""
    directory, subject = str(results.directory.parent), f"{result.repository} {result.ref}"
    if result.state in TOLD:
        name = f"{result.branch}@{result.after[:7]} of {result.repository}"
        step = f"; {result.next_step}" if result.next_step else ""
        text = f"the promotion of {name}: {result.state.value}: {result.message}{step}"
        notice.leave(directory, subject, hide(text))
    elif result.state is State.DONE:
        notice.withdraw(directory, subject)
