"""Authenticate Apps: check the JWTs that they sign with their keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.types import Options

from sandbox.github.state.apps import App

MAX_LIFETIME = 600  # seconds from now to `exp`
# The times are checked by GitHub's own clock, and the issuer was by finding the App.
SIGNATURE_ONLY: Options = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_iss": False,
}
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


def verify_jwt(apps: Iterable[App], authorization: str | None, clock: Callable[[], float]) -> App:
    """Return the one of *apps* whose valid JWT is in the header, or raise JwtRefusedError."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise JwtRefusedError(401, UNDECODABLE)
    try:
        claims = jwt.decode(encoded, options={"verify_signature": False})
    except jwt.InvalidTokenError as exc:
        raise JwtRefusedError(401, UNDECODABLE) from exc
    issuer = str(claims.get("iss"))  # Octokit sends the App id as a number
    app = next((one for one in apps if issuer in (str(one.id), one.client_id)), None)
    if app is None:
        raise JwtRefusedError(404, "Integration not found")
    if not any(_is_signed_by(key, encoded) for key in app.public_keys.copy().values()):
        raise JwtRefusedError(401, UNDECODABLE)
    _check_times(claims.get("exp"), claims.get("iat"), clock())
    return app


def _is_signed_by(key: rsa.RSAPublicKey, encoded: str) -> bool:
    try:
        jwt.decode(encoded, key, algorithms=["RS256"], options=SIGNATURE_ONLY)
    except jwt.InvalidTokenError:
        return False
    return True


def _check_times(expires_at: object, issued_at: object, now: float) -> None:
    if not isinstance(expires_at, int | float) or expires_at <= now:
        raise JwtRefusedError(401, EXPIRED)
    if expires_at > now + MAX_LIFETIME:
        raise JwtRefusedError(401, TOO_FAR)
    if not isinstance(issued_at, int) or issued_at > now:
        raise JwtRefusedError(401, ISSUED_LATER)
