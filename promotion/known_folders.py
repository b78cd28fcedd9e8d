"""Keep the known Git folders of a workspace, so that a push does not wait for a scan."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from promotion.discovery import Scan
from promotion.errors import PromotionError

FRESH_SECONDS = 60.0  # one refresh serves all pushes within this time


class Memory(Protocol):
    """Stores the last scan beyond the life of the process."""

    def load(self) -> Scan | None:
        """Return the last scan, or None."""
        ...

    def save(self, seen: Scan) -> None:
        """Replace the last scan."""
        ...


class NoMemory:
    """Stores nothing: each process scans the workspace itself."""

    def load(self) -> Scan | None:
        return None

    def save(self, seen: Scan) -> None:
        """Store nothing."""


class KnownFolders:
    """The Git folders of one workspace: cached, and refreshed in the background.

    The cache holds where Git folders are, not at which commit: promotions read them again.
    """

    def __init__(self, scan: Callable[[], Scan], memory: Memory, now: Callable[[], float]) -> None:
        self._scan = scan
        self._memory = memory
        self._now = now
        self._lock = threading.Lock()  # held for the whole of a refresh: one at a time
        self._seen: Scan | None = None
        self._seen_at = -FRESH_SECONDS
        self._thread: threading.Thread | None = None
        self.problem: PromotionError | None = None  # why the last refresh failed

    def known(self) -> Scan:
        """Return the cached scan; scan the workspace first where there is none.

        Raises PromotionError where nothing is cached and the workspace can't be scanned.
        """
        if self._seen is not None:
            return self._seen
        stored = self._memory.load()
        if stored is None:
            return _without_commits(self.refreshed())
        self._seen = _without_commits(stored)
        return self._seen

    def refreshed(self, *, anew: bool = False) -> Scan:
        """Return a scan no older than a minute; with *anew*, one made now, commits included."""
        with self._lock:
            if self._seen is not None and self._is_fresh() and not anew:
                return self._seen
            started = self._now()
            seen = self._scan()
            if seen.unread:
                seen = seen.over(self._memory.load() or self._seen)
            self._memory.save(seen)
            self._seen = _without_commits(seen)
            self._seen_at = started
            return seen

    def refresh_beside(self) -> None:
        """Refresh in a thread, unless one is running or the last is younger than a minute."""
        if self._thread is not None and self._thread.is_alive():
            return
        if self._is_fresh():
            return
        self._thread = threading.Thread(target=self._refresh, name="refresh", daemon=True)
        self._thread.start()

    def _is_fresh(self) -> bool:
        # A negative age: the clock was set back since.
        return 0 <= self._now() - self._seen_at < FRESH_SECONDS

    def settle(self) -> bool:
        """Wait for the background refresh; return whether there was one and it succeeded."""
        if self._thread is None:
            return False
        self._thread.join()
        return self.problem is None

    def _refresh(self) -> None:
        try:
            self.refreshed()
            self.problem = None
        except PromotionError as exc:
            self.problem = exc
        except RuntimeError as exc:  # a thread pool refuses work during the process's shutdown
            if "shutdown" not in str(exc):
                raise


def _without_commits(seen: Scan) -> Scan:
    """Return a scan without the commits, which are out of date at the next push."""
    folders = (replace(folder, head_commit_id=None) for folder in seen.folders)
    return replace(seen, folders=tuple(folders))
