"""Installation tokens, kept while they are good: one for each thing that they are good for."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from promotion.errors import ApiError, PromotionError

LEAST_SECONDS = 300.0  # what a token must have left to be given out once more
YOUNG_SECONDS = 5.0  # so long a new token may be unknown to a part of GitHub


class NoTokenError(PromotionError):
    """GitHub gives the App no token."""


class InstallationGoneError(NoTokenError):
    """There is no installation of that id (any more)."""


class SuspendedError(NoTokenError):
    """The installation is suspended."""


class NotGrantedError(NoTokenError):
    """The account's owner has not granted the permission."""


class NotIncludedError(NoTokenError):
    """A repository is not in the installation."""


class NotAllowedError(NoTokenError):
    """The account is none that this service serves."""


@dataclass(frozen=True)
class InstallationToken:
    """A token for some repositories of one installation, with some of the App's permissions."""

    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class Wanted:
    """What a token is to be good for."""

    installation_id: int
    permission: str  # "contents"
    level: str  # "read"
    repositories: frozenset[str] | None = None  # full names of one owner; None: all there are


@dataclass(frozen=True)
class _Kept:
    token: InstallationToken
    minted_at: float


def why_none(wanted: Wanted, refused: ApiError) -> PromotionError:
    """Return GitHub's refusal of a token by what has happened; 422 has two meanings. Pure."""
    installation, message = f"installation {wanted.installation_id}", refused.message
    if refused.status == 404:
        return InstallationGoneError(
            f"GitHub knows no {installation} of the App: install it again on the account"
        )
    if refused.status == 403 and "suspended" in message:
        return SuspendedError(
            f"{installation} of the App is suspended: its owner ends that in the account's "
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
    """Tokens by what they are good for; who asks while one is being made waits for that one."""

    def __init__(
        self, mint: Callable[[Wanted], InstallationToken], now: Callable[[], float] = time.time
    ) -> None:
        self._mint = mint
        self._now = now  # GitHub's wall clock
        self._lock = threading.Lock()
        self._making: dict[Wanted, threading.Lock] = defaultdict(threading.Lock)
        self._kept: dict[Wanted, _Kept] = {}

    def get(self, wanted: Wanted, *, least_seconds: float = LEAST_SECONDS) -> InstallationToken:
        """Return a token that is good for at least *least_seconds*."""
        with self._lock:
            making = self._making[wanted]
        with making:
            kept = self._kept.get(wanted)
            if kept is not None and self._left(kept) > least_seconds:
                return kept.token
            token = self._mint(wanted)
            with self._lock:
                self._kept[wanted] = _Kept(token, self._now())
                self._drop_old()
            return token

    def forget(self, token: InstallationToken) -> None:
        """Give *token* to nobody any more: GitHub does not accept it."""
        with self._lock:
            for wanted in [key for key, kept in self._kept.items() if kept.token == token]:
                del self._kept[wanted]

    def is_young(self, token: InstallationToken) -> bool:
        """Say whether GitHub may not know the token everywhere yet."""
        with self._lock:
            kept = next((kept for kept in self._kept.values() if kept.token == token), None)
        return kept is not None and self._now() - kept.minted_at < YOUNG_SECONDS

    def _left(self, kept: _Kept) -> float:
        return kept.token.expires_at.timestamp() - self._now()

    def _drop_old(self) -> None:
        for wanted in [key for key, kept in self._kept.items() if self._left(kept) <= 0]:
            del self._kept[wanted]
            self._making.pop(wanted, None)
