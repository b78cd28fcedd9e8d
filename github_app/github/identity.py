"""Authenticate as the App: sign JWTs with the right key, by GitHub's clock."""

from __future__ import annotations

import binascii
import functools
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from hashlib import sha256

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from promotion.errors import ApiError, ConfigError
from promotion.http import Answer

JWT_BACK, JWT_AHEAD = 60, 540  # seconds: GitHub allows no more than 600 by its own clock
UNKNOWN_KEY = "A JSON web token could not be decoded"
TIME_CLAIMS = ("('exp')", "('iat')")  # GitHub names these claims when the clock is wrong

log = structlog.get_logger(__name__)


class AppIdentity:
    """The App's id and private keys; a `Sender` that finds the working key and clock offset.

    During a key rotation several keys are configured. The first one that GitHub accepts is used
    from then on.
    """

    def __init__(self, app_id: int, keys: Sequence[str], now: Callable[[], float]) -> None:
        self._app_id = app_id
        self._keys = [rsa_key(key) for key in keys]
        self._current = 0
        self._now = now
        self._offset = 0.0

    @property
    def offset(self) -> float:
        """Clock offset to GitHub in seconds; 0 until a call was refused for it."""
        return self._offset

    @property
    def fingerprint(self) -> str:
        """The key's fingerprint, as the App's settings page shows it."""
        public = self._keys[self._current].public_key()
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"SHA256:{b64encode(sha256(der).digest()).decode()}"

    def authorization(self) -> str:
        """Return the Authorization header of one call."""
        now = int(self._now() + self._offset)
        claims = {"iat": now - JWT_BACK, "exp": now + JWT_AHEAD, "iss": str(self._app_id)}
        return f"Bearer {jwt.encode(claims, self._keys[self._current], algorithm='RS256')}"

    def send(self, call: Callable[[], Answer]) -> Answer:
        """Make one call; retry with another key or a corrected clock if GitHub rejected those."""
        keys_left, may_correct = len(self._keys) - 1, True
        while True:
            used = self._current
            try:
                return call()
            except ApiError as exc:
                if exc.status != 401:
                    raise
                if UNKNOWN_KEY in exc.message and keys_left:
                    keys_left -= 1
                    self._current = (used + 1) % len(self._keys)
                elif may_correct and self._corrects_clock(exc):
                    may_correct = False
                else:
                    raise

    def _corrects_clock(self, refused: ApiError) -> bool:
        """Take GitHub's time from its refusal; False if the clock was not the reason."""
        date = refused.headers.get("Date")
        if date is None or not any(claim in refused.message for claim in TIME_CLAIMS):
            return False
        try:
            self._offset = parsedate_to_datetime(date).timestamp() - self._now()
        except ValueError:
            return False
        log.warning(
            "github.clock_differs",
            seconds=round(self._offset),
            next_step="set this machine's clock; until then GitHub's time is used",
        )
        return True


def rsa_key(text: str) -> RSAPrivateKey:
    """Return the key in *text*: PEM, its base64, or PEM on one line with the characters \\n in it.

    Call it once per key: parsing costs 150 times as much as signing.
    """
    try:
        key = _parsed(_pem(text))
    except (ValueError, TypeError):
        raise ConfigError(
            "github.private_key is no PEM private key: download a new one from the App's page"
        ) from None
    if not isinstance(key, RSAPrivateKey):
        raise ConfigError("github.private_key is not an RSA key: use the one GitHub gave you")
    return key


@functools.lru_cache(maxsize=4)  # a command builds several clients of one App
def _parsed(pem: bytes) -> PrivateKeyTypes:
    return load_pem_private_key(pem, password=None)


def _pem(text: str) -> bytes:
    plain = text.strip().strip("\"'").replace("\\n", "\n")
    if plain.startswith("-----BEGIN"):
        return plain.encode()
    try:
        return b64decode("".join(plain.split()), validate=True)
    except (binascii.Error, ValueError):
        return plain.encode()
