"""Remember a workspace's Git folders, so that a push need not wait for a listing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from promotion.discovery import Survey
from promotion.errors import PromotionError

FRESH_SECONDS = 60.0  # one refresh serves all pushes of this time


class Memory(Protocol):
    """Where a survey outlives the process."""

    def load(self) -> Survey | None:
        """Return the last survey, or None."""
        ...

    def save(self, seen: Survey) -> None:
        """Replace the last survey."""
        ...


class NoMemory:
    """Forgets: each process surveys anew."""

    def load(self) -> Survey | None:
        return None

    def save(self, seen: Survey) -> None:
        """Keep nothing."""


class KnownFolders:
    """The Git folders of one workspace: remembered, and refreshed beside the work.

    What is remembered says where Git folders are, not at which commit: promotions look again.
    """

    def __init__(
        self, survey: Callable[[], Survey], memory: Memory, now: Callable[[], float]
    ) -> None:
        self._survey = survey
        self._memory = memory
        self._now = now
        self._lock = threading.Lock()  # held for the whole of a refresh: one at a time
        self._seen: Survey | None = None
        self._seen_at = -FRESH_SECONDS
        self._thread: threading.Thread | None = None
        self.problem: PromotionError | None = None  # why the last refresh failed

    def known(self) -> Survey:
        """Return what is remembered; where nothing is, survey the workspace first.

        Raises PromotionError where there is nothing and the workspace can't be surveyed.
        """
        if self._seen is not None:
            return self._seen
        remembered = self._memory.load()
        if remembered is None:
            return _somewhere(self.refreshed())
        self._seen = _somewhere(remembered)
        return self._seen

    def refreshed(self, *, anew: bool = False) -> Survey:
        """Return a survey no older than a minute; made *anew*, it says where Git folders are."""
        with self._lock:
            if self._seen is not None and self._is_fresh() and not anew:
                return self._seen
            started = self._now()
            seen = self._survey()
            if seen.unread:
                seen = seen.over(self._memory.load() or self._seen)
            self._memory.save(seen)
            self._seen = _somewhere(seen)
            self._seen_at = started
            return seen

    def refresh_beside(self) -> None:
        """Refresh in a thread of its own, unless one runs or the last is younger than a minute."""
        if self._thread is not None and self._thread.is_alive():
            return
        if self._is_fresh():
            return
        self._thread = threading.Thread(target=self._refresh, name="refresh", daemon=True)
        self._thread.start()

    def _is_fresh(self) -> bool:
        # Less than nothing: the clock was set back since.
        return 0 <= self._now() - self._seen_at < FRESH_SECONDS

    def settle(self) -> bool:
        """Wait for a refresh that runs beside; say whether one has brought something to know."""
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
        except RuntimeError as exc:  # a thread pool refuses work once the process is ending
            if "shutdown" not in str(exc):
                raise


def _somewhere(seen: Survey) -> Survey:
    """Return a survey without the commits, which are out of date at the next push."""
    folders = (replace(folder, head_commit_id=None) for folder in seen.folders)
    return replace(seen, folders=tuple(folders))
