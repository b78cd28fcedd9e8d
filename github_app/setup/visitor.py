"""Who may see the wizard's page: whoever opened the one-time link, and nobody else."""

from __future__ import annotations

import hmac
import secrets
import threading

COOKIE = "brickpush_setup"


class Visitors:
    """One link that works once and turns into a cookie, and one `state` for each registration."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(32)
        self._used = False
        self._session = secrets.token_urlsafe(32)
        self._state = secrets.token_urlsafe(32)
        self._lock = threading.Lock()

    def enter(self, token: str) -> str | None:
        """Return the cookie's value for the link's first visitor, None for any other."""
        with self._lock:
            if self._used or not _same(token, self.token):
                return None
            self._used = True
            return self._session

    def knows(self, cookie: str) -> bool:
        return self._used and _same(cookie, self._session)

    @property
    def state(self) -> str:
        """What GitHub must send back: it ties the answer to the page that asked."""
        return self._state

    def spend(self, state: str) -> bool:
        """Whether *state* is the one that was sent; it is never taken twice."""
        with self._lock:
            good = _same(state, self._state)
            if good:
                self._state = secrets.token_urlsafe(32)
            return good


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), wanted.encode())
