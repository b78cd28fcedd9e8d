"""Installation tokens and users' tokens: issued, found, expired and revoked."""

from __future__ import annotations

import base64
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from sandbox.github.state.installations import Account, Installation

LIFETIME = 3600  # seconds; fixed at GitHub
LEVELS = ("read", "write", "admin")


@dataclass(frozen=True)
class IssuedToken:
    """An installation token."""

    token: str = field(repr=False)
    app_id: int
    installation_id: int
    repository_ids: tuple[int, ...] | None  # sorted; None: all that the installation has
    permissions: Mapping[str, str]
    issued_at: float
    expires_at: float


def grants(permissions: Mapping[str, str], name: str, level: str) -> bool:
    """Say whether *permissions* give at least *level* of the permission *name*."""
    given = permissions.get(name)
    return given in LEVELS and LEVELS.index(given) >= LEVELS.index(level)


class Tokens:
    """Every token that the stand-in has issued."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.short = False  # as GitHub Enterprise Server gives them: 40 characters
        self.lag_seconds = 0.0  # how long a new token is not known everywhere
        self.lag_uses = 0  # how often a new token is not known
        self._clock = clock
        self._lock = threading.Lock()
        self._issued: dict[str, IssuedToken] = {}
        self._revoked: set[str] = set()
        self._users: dict[str, Account] = {}
        self._lag_uses_left: dict[str, int] = {}

    def issue(
        self,
        installation: Installation,
        repository_ids: tuple[int, ...] | None,
        permissions: Mapping[str, str],
        *,
        stateless: bool | None = None,
    ) -> IssuedToken:
        """Give out a token for one hour, in the long form or the short one."""
        now = self._clock()
        long = not self.short if stateless is None else stateless
        app_id = installation.app_id
        issued = IssuedToken(
            token=_stateless_token(app_id, int(now) + LIFETIME) if long else _opaque_token(),
            app_id=app_id,
            installation_id=installation.id,
            repository_ids=repository_ids,
            permissions=permissions,
            issued_at=now,
            expires_at=now + LIFETIME,
        )
        with self._lock:
            self._issued[issued.token] = issued
            self._lag_uses_left[issued.token] = self.lag_uses
        return issued

    def issue_to_user(self, account: Account) -> str:
        """Give out a user's token, which does not expire."""
        secret = "ghp_" + secrets.token_hex(18)
        with self._lock:
            self._users[secret] = account
        return secret

    def find(self, secret: str) -> IssuedToken | Account | None:
        """Return the owner of *secret*, or None if it is not valid (any more)."""
        with self._lock:
            if secret in self._users:
                return self._users[secret]
            issued = self._issued.get(secret)
            if issued is None or secret in self._revoked or issued.expires_at <= self._clock():
                return None
            return issued

    def lags(self, secret: str) -> bool:
        """Return whether a valid token is too new to be known yet; each call counts as a use."""
        with self._lock:
            issued = self._issued.get(secret)
            if issued is None:
                return False
            if (left := self._lag_uses_left[secret]) > 0:
                self._lag_uses_left[secret] = left - 1
                return True
            return self._clock() < issued.issued_at + self.lag_seconds

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


def _opaque_token() -> str:
    """Return a token in the form before 2026: 40 characters."""
    return "ghs_" + secrets.token_hex(18)


def _stateless_token(app_id: int, expires_at: int) -> str:
    """Return a token in the long form of 2026: about 520 characters, two dots in them.

    The signature is noise of the right length: only GitHub could check it.
    """
    claims = {"jti": secrets.token_hex(16), "exp": expires_at, "iss": "github.example"}
    header = _base64url(json.dumps({"alg": "RS256", "typ": "JWT"}).encode())
    payload = _base64url(json.dumps(claims).encode())
    return f"ghs_{app_id}_{header}.{payload}.{_base64url(secrets.token_bytes(256))}"


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
