"""Access tokens: RS256 JWTs that are valid for an hour, and their owners."""

from __future__ import annotations

import functools
import secrets
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from sandbox.entra.directory import Principal

DATABRICKS = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"
LIFETIME_SECONDS = 3600
# Azure Databricks refuses a token that is about to expire.
REFUSED_SECONDS = 30
KEY_ID = "brickpush-sandbox-signing-key"


@functools.cache
def signing_key() -> rsa.RSAPrivateKey:
    """Return the key of this process; making one takes long enough to share it."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_set() -> dict[str, Any]:
    """Return the public key, as a JWKS."""
    key: dict[str, Any] = RSAAlgorithm.to_jwk(signing_key().public_key(), as_dict=True)
    return {"keys": [key | {"kid": KEY_ID, "use": "sig"}]}


@dataclass(frozen=True)
class Issued:
    """A token that was handed out."""

    client_id: str
    audience: str
    expires: float


class Tokens:
    """Every token handed out, and whether it still counts."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._issued: dict[str, Issued] = {}
        self._lock = threading.Lock()

    def issue(self, principal: Principal, *, audience: str) -> str:
        """Return a new token of *principal* for *audience*."""
        now = int(self._clock())
        claims = _claims(principal, now=now) | {"aud": audience}
        headers = {"kid": KEY_ID, "x5t": KEY_ID}
        token = jwt.encode(claims, signing_key(), algorithm="RS256", headers=headers)
        with self._lock:
            self._issued[token] = Issued(principal.client_id, audience, now + LIFETIME_SECONDS)
        return token

    def identify(self, token: str) -> str | None:
        """Return whose token this is, if Databricks would accept it."""
        issued = self._issued.get(token)
        if issued is None or issued.audience != DATABRICKS:
            return None
        if issued.expires - self._clock() <= REFUSED_SECONDS:
            return None
        return issued.client_id

    def expire(self) -> None:
        """Revoke every token that was issued before now."""
        with self._lock:
            self._issued.clear()


def _claims(principal: Principal, *, now: int) -> dict[str, Any]:
    """Return the claims about the principal; the opaque ones only give a token its real length."""
    issuer = f"https://sts.windows.net/{principal.tenant_id}/"
    return {
        "iss": issuer,
        "idp": issuer,
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME_SECONDS,
        "aio": secrets.token_urlsafe(48),
        "appid": principal.client_id,
        "appidacr": "1",
        "idtyp": "app",
        "oid": principal.object_id,
        "rh": f"1.{secrets.token_urlsafe(64)}",
        "sub": principal.object_id,
        "tid": principal.tenant_id,
        "uti": uuid.uuid4().hex[:22],
        "ver": "1.0",
        "xms_ftd": secrets.token_urlsafe(48),
        "xms_idrel": "7 26",
        "xms_rd": secrets.token_urlsafe(96),
    }
