"""Store the results of the last promotions from this machine, for `git promote status`."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hooks.foreground import last_failure
from hooks.foreground import state_directory as place
from hooks.foreground.private_file import write_whole
from hooks.results.lock import Lock
from hooks.results.model import Result, State, as_json, from_json
from hooks.results.queued_push import START_SECONDS, unclaimed
from hooks.system.clock import Clock
from hooks.system.known_secrets import hide

__all__ = ["Result", "Results", "State", "new_key", "state_directory"]

KEPT = 20


def state_directory(environ: Mapping[str, str]) -> Path:
    """Return the directory of all stored state; raises OSError where there is none."""
    return Path(place.state_directory(environ))


def new_key() -> str:
    """Return a key for a promotion that starts now; keys sort by time."""
    return f"{time.time_ns() // 1_000_000}-{os.getpid()}"


class Results:
    """The stored results, one file each: written atomically, and readable by their owner only."""

    def __init__(self, directory: Path) -> None:
        self._state = directory
        self.directory = directory / "results"

    def write(self, result: Result) -> None:
        """Store a result under its key, in place of any other. May raise OSError."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(result.key)
        write_whole(str(path), json.dumps(as_json(result)))
        self._remove_old()

    def read(self, key: str) -> Result | None:
        """Return a result, or None where none is stored or the file can't be read."""
        try:
            return from_json(json.loads(self._path(key).read_text(encoding="ascii")))
        except (OSError, ValueError):
            return None

    def remove(self, key: str) -> None:
        """Remove one result."""
        self._path(key).unlink(missing_ok=True)

    def all(self) -> list[Result]:
        """Return the results, newest first, also of queued pushes that no worker has taken yet."""
        queued_results = [
            result for _, queued in unclaimed(self._state) for result in queued.results()
        ]
        results = self._stored()
        known = {result.key for result in results}
        results += [result for result in queued_results if result.key not in known]
        return sorted(results, key=lambda result: (result.started_at, result.key), reverse=True)

    def latest(self, repository: str | None = None) -> Result | None:
        """Return the newest result, of one repository or of all."""
        wanted = (r for r in self.all() if repository in (None, r.repository))
        return next(wanted, None)

    def lock(self, key: str) -> Lock:
        """Return the lock that a process holds while it works on a result."""
        return Lock(self.directory / f"{key}.lock")

    def settle(self, now: float | None = None) -> list[Result]:
        """Mark results whose process has ended as interrupted, and return those."""
        now = now or time.time()
        self._adopt_unclaimed(now)
        unended = (result for result in self._stored() if not result.state.ended)
        settled = [self._settle(result.key, now) for result in unended]
        return [result for result in settled if result is not None]

    def _adopt_unclaimed(self, now: float) -> None:
        """Store results for the pushes whose worker never started."""
        for path, queued in unclaimed(self._state):
            if now - queued.started_at < START_SECONDS:
                continue
            for result in queued.results():
                if self.read(result.key) is None:
                    self.write(result)
            path.unlink(missing_ok=True)

    def _settle(self, key: str, now: float) -> Result | None:
        with self.lock(key) as lock:
            if not lock.acquire():
                return None
            result = self.read(key)  # it may have ended meanwhile
            if result is None or result.state.ended:
                return None
            settled = interrupted(result, now)
            self.write(settled)
            return settled

    def _stored(self) -> list[Result]:
        found = (self.read(path.stem) for path in self.directory.glob("*.json"))
        return [result for result in found if result is not None]

    def _remove_old(self) -> None:
        for result in self.all()[KEPT:]:
            if result.state.ended:
                self.remove(result.key)
                self.lock(result.key).path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.directory / f"{key}.json"


def interrupted(result: Result, now: float) -> Result:
    """Return the final result of a promotion whose process has ended."""
    activity = "waited for the push to end" if result.state is State.WAITING else "promoted"
    return replace(
        result,
        state=State.INTERRUPTED,
        ended_at=now,
        message=f"the process that {activity} was ended before it was done",
        next_step="run `git promote`",
    )


NOTIFIED = {State.FAILED, State.NEEDS_LOGIN, State.UNKNOWN, State.EXPIRED, State.INTERRUPTED}


class Record:
    """Updates a stored result, and holds its lock so that others see that its process is alive.

    A full or read-only disk prevents no promotion.
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
        """Store the final result, and keep a failure for the next push to show."""
        ended_at = self._clock.time()
        self.change(state=state, message=message, next_step=next_step, ended_at=ended_at, **fields)
        with contextlib.suppress(OSError):
            keep_notice(self.result, self._results)

    def close(self) -> None:
        """Release the result's lock."""
        self._lock.release()


def keep_notice(result: Result, results: Results) -> None:
    """Store a failure for the next push, or remove an older one after a success of the ref."""
    directory, subject = str(results.directory.parent), f"{result.repository} {result.ref}"
    if result.state in NOTIFIED:
        name = f"{result.branch}@{result.after[:7]} of {result.repository}"
        step = f"; {result.next_step}" if result.next_step else ""
        text = f"the promotion of {name}: {result.state.value}: {result.message}{step}"
        last_failure.leave(directory, subject, hide(text))
    elif result.state is State.DONE:
        last_failure.withdraw(directory, subject)
