"""Remember the last promotions from this machine, so that `git promote status` can tell."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hooks import state_directory as place
from hooks.intent import START_SECONDS, unclaimed
from hooks.lock import Lock
from hooks.owner_only import write_whole
from hooks.result import Result, State, as_json, from_json

__all__ = ["Result", "Results", "State", "new_key", "state_directory"]

KEPT = 20


def state_directory(environ: Mapping[str, str]) -> Path:
    """Return the directory of everything that is remembered; raises OSError without one."""
    return Path(place.state_directory(environ))


def new_key() -> str:
    """Return a key for a promotion that begins now; keys sort by time."""
    return f"{time.time_ns() // 1_000_000}-{os.getpid()}"


class Results:
    """The results, one file each: whole or absent, and readable by their owner only."""

    def __init__(self, directory: Path) -> None:
        self._state = directory
        self.directory = directory / "results"

    def write(self, result: Result) -> None:
        """Store a result in place of what was stored under its key. May raise OSError."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(result.key)
        write_whole(str(path), json.dumps(as_json(result)))
        self._forget_old_ones()

    def read(self, key: str) -> Result | None:
        """Return a result, or None where none is stored or it can't be read."""
        try:
            return from_json(json.loads(self._path(key).read_text(encoding="ascii")))
        except (OSError, ValueError):
            return None

    def remove(self, key: str) -> None:
        """Forget one result."""
        self._path(key).unlink(missing_ok=True)

    def all(self) -> list[Result]:
        """Return the results, newest first, also of what no process has taken up yet."""
        noted = [result for _, intent in unclaimed(self._state) for result in intent.results()]
        results = self._stored()
        known = {result.key for result in results}
        results += [result for result in noted if result.key not in known]
        return sorted(results, key=lambda result: (result.started_at, result.key), reverse=True)

    def latest(self, repository: str | None = None) -> Result | None:
        """Return the newest result, of one repository or of all."""
        wanted = (r for r in self.all() if repository in (None, r.repository))
        return next(wanted, None)

    def lock(self, key: str) -> Lock:
        """Return the lock that a process holds for as long as it works on a result."""
        return Lock(self.directory / f"{key}.lock")

    def settle(self, now: float | None = None) -> list[Result]:
        """Mark results whose process is gone as interrupted, and return those."""
        now = now or time.time()
        self._adopt_unclaimed(now)
        unended = (result for result in self._stored() if not result.state.ended)
        settled = [self._settle(result.key, now) for result in unended]
        return [result for result in settled if result is not None]

    def _adopt_unclaimed(self, now: float) -> None:
        """Store results for the pushes whose process never began."""
        for path, intent in unclaimed(self._state):
            if now - intent.started_at < START_SECONDS:
                continue
            for result in intent.results():
                if self.read(result.key) is None:
                    self.write(result)
            path.unlink(missing_ok=True)

    def _settle(self, key: str, now: float) -> Result | None:
        with self.lock(key) as lock:
            if not lock.acquire():
                return None
            result = self.read(key)  # it may have ended while we looked
            if result is None or result.state.ended:
                return None
            settled = interrupted(result, now)
            self.write(settled)
            return settled

    def _stored(self) -> list[Result]:
        found = (self.read(path.stem) for path in self.directory.glob("*.json"))
        return [result for result in found if result is not None]

    def _forget_old_ones(self) -> None:
        for result in self.all()[KEPT:]:
            if result.state.ended:
                self.remove(result.key)
                self.lock(result.key).path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.directory / f"{key}.json"


def interrupted(result: Result, now: float) -> Result:
    """Return what is to be said of a promotion whose process is gone."""
    doing = "waited for the push to end" if result.state is State.WAITING else "promoted"
    return replace(
        result,
        state=State.INTERRUPTED,
        ended_at=now,
        message=f"the process that {doing} was ended before it was done",
        next_step="run `git promote`",
    )
