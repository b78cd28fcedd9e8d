"""Turn a workspace's settings into an Entra identity and its credential."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import requests

from github_app.config.secrets import read_secret
from github_app.config.settings import EntraSettings
from promotion.entra import ServicePrincipal
from promotion.entra_credentials import (
    Certificate,
    ClientCredential,
    ClientSecret,
    Federated,
    ManagedIdentity,
    Pfx,
    federated_token_file,
    github_actions_token,
)
from promotion.errors import ConfigError

PFX_ENDINGS = {".pfx", ".p12"}


def identity_of(
    workspace: str, entra: EntraSettings, environ: Mapping[str, str], session: requests.Session
) -> ServicePrincipal | ManagedIdentity:
    """Return the identity; raise ConfigError if a part of its credential is missing."""
    if entra.credential == "managed-identity":
        return ManagedIdentity(client_id=entra.client_id or None)
    credential = _credential(f"workspaces.{workspace}.entra", entra, environ, session)
    return ServicePrincipal(entra.tenant_id, entra.client_id, credential, entra.authority_host)


def _credential(
    name: str, entra: EntraSettings, environ: Mapping[str, str], session: requests.Session
) -> ClientCredential:
    if entra.credential == "client-secret":
        secret = read_secret(
            f"{name}.client_secret_path", entra.client_secret, entra.client_secret_path
        )
        return ClientSecret(secret)
    if entra.credential == "github-oidc":
        return Federated(github_actions_token(environ, session))
    if entra.credential == "workload-identity":
        path = entra.token_path or environ.get("AZURE_FEDERATED_TOKEN_FILE")
        if not path:
            raise ConfigError(f"{name}.token_path is not set, nor AZURE_FEDERATED_TOKEN_FILE")
        return Federated(federated_token_file(Path(path)))
    return _certificate(name, entra)


def _certificate(name: str, entra: EntraSettings) -> Certificate | Pfx:
    given = entra.certificate_passphrase
    passphrase = given.get_secret_value() if given is not None else None
    path = entra.certificate_path
    if path is not None and path.suffix.lower() in PFX_ENDINGS:
        if not path.is_file():
            raise ConfigError(f"{name}.certificate_path: {path} does not exist")
        return Pfx(path, passphrase)
    return Certificate(
        private_key=read_secret(f"{name}.certificate_key_path", None, entra.certificate_key_path),
        public_certificate=read_secret(f"{name}.certificate_path", None, path),
        passphrase=passphrase,
    )
