"""Installation tokens and users' tokens: issued, found, expired and revoked."""

from __future__ import annotations

import base64
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from sandbox.github.installations import Account

LIFETIME = 3600  # seconds; GitHub lets nobody change it
LEVELS = ("read", "write", "admin")


@dataclass(frozen=True)
class IssuedToken:
    """An installation token."""

    token: str = field(repr=False)
    installation_id: int
    repository_ids: tuple[int, ...] | None  # sorted; None: all that the installation has
    permissions: Mapping[str, str]
    expires_at: float


def grants(permissions: Mapping[str, str], name: str, level: str) -> bool:
    """Say whether *permissions* give at least *level* of the permission *name*."""
    given = permissions.get(name)
    return given in LEVELS and LEVELS.index(given) >= LEVELS.index(level)


class Tokens:
    """Every token the stand-in has given out."""

    def __init__(self, app_id: int, clock: Callable[[], float]) -> None:
        self._app_id = app_id
        self._clock = clock
        self._lock = threading.Lock()
        self._issued: dict[str, IssuedToken] = {}
        self._revoked: set[str] = set()
        self._users: dict[str, Account] = {}

    def issue(
        self,
        installation_id: int,
        repository_ids: tuple[int, ...] | None,
        permissions: Mapping[str, str],
    ) -> IssuedToken:
        """Give out a token for one hour."""
        expires_at = self._clock() + LIFETIME
        secret = _stateless_token(self._app_id, int(expires_at))
        issued = IssuedToken(secret, installation_id, repository_ids, permissions, expires_at)
        with self._lock:
            self._issued[secret] = issued
        return issued

    def issue_to_user(self, account: Account) -> str:
        """Give out a user's token, which does not expire."""
        secret = "ghp_" + secrets.token_hex(18)
        with self._lock:
            self._users[secret] = account
        return secret

    def find(self, secret: str) -> IssuedToken | Account | None:
        """Return who shows *secret*, or None if it is not good (any more)."""
        with self._lock:
            if secret in self._users:
                return self._users[secret]
            issued = self._issued.get(secret)
            if issued is None or secret in self._revoked or issued.expires_at <= self._clock():
                return None
            return issued

    def revoke(self, secret: str) -> None:
        with self._lock:
            self._revoked.add(secret)

    def expire(self) -> None:
        """Make every installation token one whose hour is over."""
        now = self._clock()
        with self._lock:
            for secret, issued in self._issued.items():
                self._issued[secret] = replace(issued, expires_at=min(now, issued.expires_at))

    def issued(self) -> list[IssuedToken]:
        """Return all installation tokens ever issued, oldest first."""
        with self._lock:
            return list(self._issued.values())


def _stateless_token(app_id: int, expires_at: int) -> str:
    """Return a token in the long form of 2026: about 520 characters, two dots in them.

    The signature is noise of the right length: nobody but GitHub could check it.
    """
    claims = {"jti": secrets.token_hex(16), "exp": expires_at, "iss": "github.example"}
    header = _base64url(json.dumps({"alg": "RS256", "typ": "JWT"}).encode())
    payload = _base64url(json.dumps(claims).encode())
    return f"ghs_{app_id}_{header}.{payload}.{_base64url(secrets.token_bytes(256))}"


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
