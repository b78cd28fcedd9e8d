"""The credentials of an Entra application, each in the form that MSAL takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from promotion.errors import SignInError

AUDIENCE = "api://AzureADTokenExchange"  # what Entra expects in a federated assertion
OIDC_SECONDS = (5.0, 30.0)  # to connect, to read


@dataclass(frozen=True)
class ClientSecret:
    """A client secret of the application."""

    secret: str = field(repr=False)

    def for_msal(self) -> str:
        return self.secret


@dataclass(frozen=True)
class Certificate:
    """A private key and its certificate, both PEM."""

    private_key: str = field(repr=False)
    public_certificate: str
    passphrase: str | None = field(default=None, repr=False)

    def for_msal(self) -> dict[str, Any]:
        """Return the form that MSAL signs with PS256 and SHA-256 thumbprints."""
        pair = {"private_key": self.private_key, "public_certificate": self.public_certificate}
        return pair | ({"passphrase": self.passphrase} if self.passphrase else {})


@dataclass(frozen=True)
class Pfx:
    """A PKCS#12 file that holds the private key and its certificate."""

    path: Path
    passphrase: str | None = field(default=None, repr=False)

    def for_msal(self) -> dict[str, Any]:
        pfx: dict[str, Any] = {"private_key_pfx_path": str(self.path), "public_certificate": True}
        return pfx | ({"passphrase": self.passphrase} if self.passphrase else {})


@dataclass(frozen=True)
class Federated:
    """A signed assertion of another identity provider, fetched again whenever MSAL asks."""

    assertion: Callable[[], str]

    def for_msal(self) -> dict[str, Any]:
        return {"client_assertion": self.assertion}


@dataclass(frozen=True)
class ManagedIdentity:
    """The managed identity of this Azure machine; at most one id, none: the system-assigned one."""

    client_id: str | None = None
    resource_id: str | None = None
    object_id: str | None = None

    def __str__(self) -> str:
        named = self.client_id or self.resource_id or self.object_id
        return f"the managed identity {named}" if named else "this machine's managed identity"


ClientCredential = ClientSecret | Certificate | Pfx | Federated


def federated_token_file(path: Path) -> Callable[[], str]:
    """Return a function that reads the token which Kubernetes renews in a file."""

    def read() -> str:
        try:
            return path.read_text(encoding="utf-8").strip()
        except OSError as exc:
            raise SignInError(
                f"the federated token file {path} can't be read ({exc.strerror}): "
                "is workload identity switched on for this pod?"
            ) from None

    return read


def github_actions_token(
    environ: Mapping[str, str], session: requests.Session
) -> Callable[[], str]:
    """Return a function that asks GitHub Actions for a token.

    The job needs `permissions: id-token: write`.
    """
    url = environ.get("ACTIONS_ID_TOKEN_REQUEST_URL")
    secret = environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    if not url or not secret:
        raise SignInError(
            "GitHub Actions gives this job no identity token: "
            "add `permissions: id-token: write` to the job"
        )

    def ask() -> str:
        answer = session.get(
            url,
            params={"audience": AUDIENCE},
            headers={"Authorization": f"Bearer {secret}"},
            timeout=OIDC_SECONDS,
            verify=session.verify,
            allow_redirects=False,
        )
        if answer.status_code != 200:
            raise SignInError(f"GitHub Actions answered {answer.status_code} to an identity token")
        return str(answer.json()["value"])

    return ask
