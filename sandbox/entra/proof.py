"""Check what a client proves itself with: a secret, or a signed assertion."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from sandbox.entra import errors
from sandbox.entra.directory import FederatedCredential, Registration

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FEDERATED_AUDIENCE = "api://AzureADTokenExchange"
ALGORITHMS = ["PS256", "RS256"]


class Proofs:
    """Checks credentials; remembers which assertions were used, since each works once."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._lock = threading.Lock()

    def check(self, form: Mapping[str, str], known: Registration, endpoint: str) -> None:
        """Raise unless *form* proves to be the registered application."""
        if form.get("client_assertion_type") == ASSERTION_TYPE:
            self._check_assertion(form.get("client_assertion", ""), known, endpoint)
        elif secret := form.get("client_secret"):
            _check_secret(secret, known)
        else:
            raise errors.missing_credential()

    def _check_assertion(self, assertion: str, known: Registration, endpoint: str) -> None:
        try:
            claims = jwt.decode(assertion, options={"verify_signature": False})
        except jwt.InvalidTokenError as exc:
            raise errors.bad_assertion_signature(str(exc)) from exc
        if claims.get("iss") == claims.get("sub") == known.principal.client_id:
            self._check_certificate(assertion, known, endpoint)
        else:
            _check_federated(assertion, claims, known)

    def _check_certificate(self, assertion: str, known: Registration, endpoint: str) -> None:
        reason = "no certificate is registered"
        for certificate in known.certificates:
            key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
            try:
                claims = _decode(assertion, key, audience=endpoint)
            except jwt.ExpiredSignatureError as exc:
                raise errors.assertion_expired() from exc
            except jwt.InvalidTokenError as exc:
                reason = str(exc)
                continue
            return self._use_once(str(claims["jti"]))
        raise errors.bad_assertion_signature(reason)

    def _use_once(self, jti: str) -> None:
        with self._lock:
            if jti in self._used:
                raise errors.bad_assertion_signature("this jti was used before")
            self._used.add(jti)


def _check_secret(secret: str, known: Registration) -> None:
    principal = known.principal
    if not hmac.compare_digest(secret.encode(), principal.client_secret.encode()):
        raise errors.wrong_secret(principal.client_id)
    if known.secret_expired:
        raise errors.secret_expired(principal.client_id)


def _check_federated(assertion: str, claims: Mapping[str, Any], known: Registration) -> None:
    issuer, subject = str(claims.get("iss")), str(claims.get("sub"))
    credential = _federated(known, issuer, subject)
    try:
        key = load_pem_public_key(credential.public_key.encode())
        _decode(assertion, key, audience=FEDERATED_AUDIENCE)
    except jwt.ExpiredSignatureError as exc:
        raise errors.assertion_expired() from exc
    except jwt.InvalidTokenError as exc:
        raise errors.bad_assertion_signature(str(exc)) from exc


def _federated(known: Registration, issuer: str, subject: str) -> FederatedCredential:
    for credential in known.federated:
        if (credential.issuer, credential.subject) == (issuer, subject):
            return credential
    raise errors.no_federated_credential(issuer, subject)


def _decode(assertion: str, key: Any, *, audience: str) -> dict[str, Any]:
    return jwt.decode(
        assertion,
        key,
        algorithms=ALGORITHMS,
        audience=audience,
        options={"require": ["exp", "aud"]},
    )
