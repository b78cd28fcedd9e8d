"""A thread that runs one job periodically, can be woken early and survives failures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Periodic:
    """Calls *work* every *seconds*, and at once after wake()."""

    def __init__(self, name: str, work: Callable[[], None], *, seconds: float) -> None:
        self._name = name
        self._work = work
        self._seconds = seconds
        self._woken = threading.Event()
        self._stopping = False
        self._succeeded_at = time.monotonic()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread; it calls the work at once."""
        self._succeeded_at = time.monotonic()
        self._thread.start()

    def wake(self) -> None:
        """Make the next call now."""
        self._woken.set()

    def stop(self, within_seconds: float) -> None:
        """Start no more calls, and wait for the running one."""
        self._stopping = True
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(within_seconds)

    def seconds_since_success(self) -> float:
        """Return the seconds since the work last succeeded."""
        return time.monotonic() - self._succeeded_at

    def _loop(self) -> None:
        while not self._stopping:
            # Cleared before the work, so that a wake() during it leads to another call.
            self._woken.clear()
            self._try_once()
            if not self._stopping:
                self._woken.wait(self._seconds)

    def _try_once(self) -> None:
        try:
            self._work()
        except Exception as exc:  # an uncaught error would end the thread for good
            log.warning("periodic.failed", work=self._name, error=str(exc))
        else:
            self._succeeded_at = time.monotonic()
