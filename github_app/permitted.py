"""Write to GitHub where the installation allows it; where it does not, all else goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from github_app.access import InstallationAccess
from github_app.github_tokens import NotGrantedError
from promotion.errors import ApiError

ASK_AGAIN_SECONDS = 600.0  # an owner may grant what was missing
NOT_ALLOWED = "Resource not accessible by integration"

log = structlog.get_logger(__name__)


class Permitted:
    """Remembers which installations do not grant what, and says so once. One a process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._refused: dict[tuple[int, str], float] = {}  # until when not to try

    def attempt(
        self, access: InstallationAccess, permission: str, write: Callable[[], None]
    ) -> bool:
        """Write, and return True; False where the installation does not allow it."""
        key = (access.installation_id, permission)
        with self._lock:
            if self._now() < self._refused.get(key, 0.0):
                return False
        try:
            write()
        except NotGrantedError as exc:
            self._note_refusal(key, str(exc))
            return False
        except ApiError as exc:
            if exc.status != 403 or NOT_ALLOWED not in exc.message:
                raise
            self._note_refusal(key, str(exc))
            return False
        return True

    def _note_refusal(self, key: tuple[int, str], why: str) -> None:
        with self._lock:
            first = key not in self._refused
            self._refused[key] = self._now() + ASK_AGAIN_SECONDS
        if first:
            log.warning("report.not_allowed", permission=key[1], installation=key[0], reason=why)
