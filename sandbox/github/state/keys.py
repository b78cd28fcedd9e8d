"""The private keys of Apps: created here, given to their owners; GitHub stores public keys."""

from __future__ import annotations

import base64
import functools
import hashlib
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@functools.cache
def key_of_this_process() -> rsa.RSAPrivateKey:
    """Return the first App's key: making one takes longer than many a test."""
    return new_key()


def to_pem(key: rsa.RSAPrivateKey) -> str:
    """Return the key as GitHub hands it out: PKCS#1."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


def write_pem(path: Path, pem: str) -> None:
    """Write a private key for its owner's eyes only."""
    path.touch(mode=0o600)
    path.write_text(pem)


def fingerprint(key: rsa.RSAPublicKey) -> str:
    """Return what the App's settings page shows of a key."""
    encoded = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return "SHA256:" + base64.b64encode(hashlib.sha256(encoded).digest()).decode()
