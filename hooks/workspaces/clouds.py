"""The sign-in host of each Azure cloud, and the CA bundle for TLS."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hooks.workspaces.connection import https_origin, plain_word
from promotion.errors import ConfigError

PUBLIC = "https://login.microsoftonline.com"
US_GOVERNMENT = "https://login.microsoftonline.us"
CHINA = "https://login.partner.microsoftonline.cn"
CLOUDS = {
    "public": PUBLIC,
    "azurepubliccloud": PUBLIC,
    "azurecloud": PUBLIC,
    "usgovernment": US_GOVERNMENT,
    "azureusgovernment": US_GOVERNMENT,
    "china": CHINA,
    "azurechinacloud": CHINA,
}


def authority_host(environ: Mapping[str, str], cloud: str = "") -> str:
    """Return the sign-in host of *cloud*, or of the one that the environment names."""
    if given := environ.get("AZURE_AUTHORITY_HOST"):
        return https_origin(given, source="AZURE_AUTHORITY_HOST")
    name = cloud or environ.get("ARM_ENVIRONMENT") or "public"
    found = CLOUDS.get(name.casefold())
    if found is None:
        source = "azure_environment" if cloud else "ARM_ENVIRONMENT"
        allowed = "public, usgovernment or china"
        raise ConfigError(f"{source} must be {allowed}, not {plain_word(name)!r}")
    return found


def ca_path(environ: Mapping[str, str]) -> str | None:
    """Return the file of certificate authorities to trust in place of the default ones."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if given := environ.get(name):
            if not Path(given).exists():
                raise ConfigError(f"{name} names {given}, which does not exist")
            return given
    return None
