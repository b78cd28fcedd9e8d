"""The GitHub App: its registration, its key, and the check of the JWTs it signs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.types import Options

MAX_LIFETIME = 600  # seconds from now to `exp`
OUR_OWN_CLOCK: Options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
UNDECODABLE = "A JSON web token could not be decoded"
EXPIRED = (
    "'Expiration time' claim ('exp') must be a numeric value representing the future time "
    "at which the assertion expires"
)
TOO_FAR = "'Expiration time' claim ('exp') is too far in the future"
ISSUED_LATER = (
    "'Issued at' claim ('iat') must be an Integer representing the time "
    "that the assertion was issued"
)


class JwtRefusedError(Exception):
    """The JWT does not prove to be the App; *status* is GitHub's answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass
class App:
    """The registration of the one App that the stand-in knows."""

    public_key: rsa.RSAPublicKey
    private_key_path: Path
    id: int = 421_337
    slug: str = "brickpush-sandbox"
    name: str = "Brickpush sandbox"
    client_id: str = "Iv23liSandboxBrickpu"
    permissions: dict[str, str] = field(
        default_factory=lambda: {"contents": "read", "metadata": "read", "checks": "write"}
    )
    events: tuple[str, ...] = ("push",)


@functools.cache
def _private_key() -> rsa.RSAPrivateKey:
    """Return this process's key: making one takes longer than many a test."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def register_app(directory: Path) -> App:
    """Make an App whose private key is in *directory*, for its owner's eyes only."""
    key = _private_key()
    path = directory / "app.private-key.pem"
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    return App(public_key=key.public_key(), private_key_path=path)


def verify_jwt(app: App, authorization: str | None, clock: Callable[[], float]) -> None:
    """Raise JwtRefusedError unless the header holds a good JWT of *app*."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise JwtRefusedError(401, UNDECODABLE)
    try:
        claims = jwt.decode(encoded, options={"verify_signature": False})
        if claims.get("iss") not in (str(app.id), app.client_id):
            raise JwtRefusedError(404, "Integration not found")
        jwt.decode(encoded, app.public_key, algorithms=["RS256"], options=OUR_OWN_CLOCK)
    except jwt.InvalidTokenError as exc:
        raise JwtRefusedError(401, UNDECODABLE) from exc
    _check_times(claims.get("exp"), claims.get("iat"), clock())


def _check_times(expires_at: object, issued_at: object, now: float) -> None:
    if not isinstance(expires_at, int | float) or expires_at <= now:
        raise JwtRefusedError(401, EXPIRED)
    if expires_at > now + MAX_LIFETIME:
        raise JwtRefusedError(401, TOO_FAR)
    if not isinstance(issued_at, int) or issued_at > now:
        raise JwtRefusedError(401, ISSUED_LATER)
