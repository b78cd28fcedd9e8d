"""Read our environment variables, without stray white space in their values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from promotion.errors import ConfigError

NAMES = (
    "DATABRICKS_HOST",
    "DATABRICKS_TOKEN",
    "DATABRICKS_CONFIG_PROFILE",
    "DATABRICKS_CONFIG_FILE",
    "ARM_TENANT_ID",
    "ARM_CLIENT_ID",
    "ARM_CLIENT_SECRET",
    "ARM_ENVIRONMENT",
    "AZURE_SP_TENANT_ID",
    "AZURE_SP_CLIENT_ID",
    "AZURE_SP_CLIENT_SECRET",
    "AZURE_DATABRICKS_WORKSPACE_INSTANCE_NAME",
    "AZURE_AUTHORITY_HOST",
    "BRICKPUSH_GIT_TOKEN",
    "BRICKPUSH_GIT_USERNAME",
    "BRICKPUSH_NOTIFY",
    "GITHUB_SERVER_URL",
    "GITHUB_REPOSITORY",
    "GITHUB_REF",
    "GITHUB_SHA",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
)
BYTE_ORDER_MARK = "\ufeff"  # str.strip() leaves it


def own_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return *environ* with our variables free of the white space around their values.

    Secret stores and `echo secret | base64` add a line break. Raises ConfigError that names each
    variable with a control character inside, and never its value.
    """
    found = dict(environ)
    broken = []
    for name in NAMES:
        if name not in found:
            continue
        value = found[name].strip().strip(BYTE_ORDER_MARK).strip()
        if any(not letter.isprintable() for letter in value):
            broken.append(name)
        found[name] = value
    if broken:
        verb = "holds" if len(broken) == 1 else "hold"
        raise ConfigError(
            f"{', '.join(broken)} {verb} a line break or another control character in the middle: "
            "set the value in one line"
        )
    return found


def home(environ: Mapping[str, str]) -> Path:
    """Return the user's home directory."""
    given = environ.get("HOME") or environ.get("USERPROFILE")
    return Path(given) if given else Path.home()
