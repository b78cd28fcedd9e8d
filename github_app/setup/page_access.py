"""Access to the wizard's page: only the browser that opened the one-time link."""

from __future__ import annotations

import hmac
import secrets
import threading

COOKIE = "brickpush_setup"


class PageAccess:
    """A one-time link that is exchanged for a cookie, and a `state` for each registration."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(32)
        self._used = False
        self._session = secrets.token_urlsafe(32)
        self._state = secrets.token_urlsafe(32)
        self._lock = threading.Lock()

    def enter(self, token: str) -> str | None:
        """Return the cookie's value for the first use of the link, None afterwards."""
        with self._lock:
            if self._used or not _same(token, self.token):
                return None
            self._used = True
            return self._session

    def knows(self, cookie: str) -> bool:
        return self._used and _same(cookie, self._session)

    @property
    def state(self) -> str:
        """The value that GitHub must send back, which ties its answer to this page."""
        return self._state

    def spend(self, state: str) -> bool:
        """Return whether *state* is the one that was sent; it is valid only once."""
        with self._lock:
            good = _same(state, self._state)
            if good:
                self._state = secrets.token_urlsafe(32)
            return good


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), wanted.encode())
