"""Cache of installation tokens, by installation, permission and repositories."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from promotion.errors import ApiError, PromotionError

LEAST_SECONDS = 300.0  # the remaining lifetime a cached token needs
YOUNG_SECONDS = 5.0  # parts of GitHub may not know a newer token yet


class NoTokenError(PromotionError):
    """The App can't get a token."""


class InstallationGoneError(NoTokenError):
    """There is no installation with that id (any more)."""


class SuspendedError(NoTokenError):
    """The installation is suspended."""


class NotGrantedError(NoTokenError):
    """The account's owner has not granted the permission."""


class NotIncludedError(NoTokenError):
    """A repository is not in the installation."""


class NotAllowedError(NoTokenError):
    """The service does not serve this account."""


@dataclass(frozen=True)
class InstallationToken:
    """A token for some repositories of one installation, with some of the App's permissions."""

    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class TokenRequest:
    """The scope of a token."""

    installation_id: int
    permission: str  # "contents"
    level: str  # "read"
    repositories: frozenset[str] | None = None  # full names of one owner; None: all


@dataclass(frozen=True)
class _Cached:
    token: InstallationToken
    minted_at: float


def token_error(wanted: TokenRequest, refused: ApiError) -> PromotionError:
    """Return the error for a refused token request; 422 has two meanings. Pure."""
    installation, message = f"installation {wanted.installation_id}", refused.message
    if refused.status == 404:
        return InstallationGoneError(
            f"GitHub knows no {installation} of the App: install it again on the account"
        )
    if refused.status == 403 and "suspended" in message:
        return SuspendedError(
            f"{installation} of the App is suspended: its owner can unsuspend it in the account's "
            "settings, under GitHub Apps"
        )
    if refused.status == 422 and "permissions requested are not granted" in message:
        return NotGrantedError(
            f"{installation} does not grant {wanted.permission}: {wanted.level}: its owner has "
            "to accept the App's permissions"
        )
    if refused.status == 422 and "not accessible" in message:
        names = ", ".join(sorted(wanted.repositories or ()))
        return NotIncludedError(
            f"{installation} does not include {names}: add it to the installation's repositories"
        )
    return refused


class Tokens:
    """Token cache by scope; concurrent requests for one scope share one new token."""

    def __init__(
        self,
        mint: Callable[[TokenRequest], InstallationToken],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._mint = mint
        self._now = now  # GitHub's wall clock
        self._lock = threading.Lock()
        self._minting: dict[TokenRequest, threading.Lock] = defaultdict(threading.Lock)
        self._cached: dict[TokenRequest, _Cached] = {}

    def get(
        self, wanted: TokenRequest, *, least_seconds: float = LEAST_SECONDS
    ) -> InstallationToken:
        """Return a token that is valid for at least *least_seconds*."""
        with self._lock:
            minting = self._minting[wanted]
        with minting:
            cached = self._cached.get(wanted)
            if cached is not None and self._left(cached) > least_seconds:
                return cached.token
            token = self._mint(wanted)
            with self._lock:
                self._cached[wanted] = _Cached(token, self._now())
                self._drop_expired()
            return token

    def forget(self, token: InstallationToken) -> None:
        """Remove *token* from the cache: GitHub rejects it."""
        with self._lock:
            for wanted in [key for key, cached in self._cached.items() if cached.token == token]:
                del self._cached[wanted]

    def is_young(self, token: InstallationToken) -> bool:
        """Return whether parts of GitHub may not know the token yet."""
        with self._lock:
            cached = next(
                (cached for cached in self._cached.values() if cached.token == token), None
            )
        return cached is not None and self._now() - cached.minted_at < YOUNG_SECONDS

    def _left(self, cached: _Cached) -> float:
        return cached.token.expires_at.timestamp() - self._now()

    def _drop_expired(self) -> None:
        for wanted in [key for key, cached in self._cached.items() if self._left(cached) <= 0]:
            del self._cached[wanted]
            self._minting.pop(wanted, None)
