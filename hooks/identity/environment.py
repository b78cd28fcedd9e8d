"""An identity that the environment spells out, as continuous integration gives it."""

from __future__ import annotations

from collections.abc import Mapping

from hooks.identity.clouds import authority_host, ca_path
from hooks.identity.connection import Connection, host_name, workspace_url
from hooks.identity.service_principal import service_principal_authorization
from promotion.errors import ConfigError

ARM_NAMES = ("ARM_TENANT_ID", "ARM_CLIENT_ID", "ARM_CLIENT_SECRET")
# The names that the workflows written by hand use.
AZURE_NAMES = (
    "AZURE_SP_TENANT_ID",
    "AZURE_SP_CLIENT_ID",
    "AZURE_SP_CLIENT_SECRET",
    "AZURE_DATABRICKS_WORKSPACE_INSTANCE_NAME",
)


def environment_connection(environ: Mapping[str, str]) -> Connection | None:
    """Return the workspace and identity that the environment names in full, or None.

    The four AZURE_* names belong together: some without the others is an error, since a missing
    secret reaches a CI step as an empty value and must not become another identity.
    """
    host = environ.get("DATABRICKS_HOST", "")
    if host and (token := environ.get("DATABRICKS_TOKEN")):
        url = workspace_url(host, source="DATABRICKS_HOST")
        words = "whoever the token in DATABRICKS_TOKEN belongs to"
        return Connection(host_name(url), url, words, lambda: f"Bearer {token}")
    if host and all(environ.get(name) for name in ARM_NAMES):
        return _service_principal(environ, ARM_NAMES, "DATABRICKS_HOST")
    if not any(name in environ for name in AZURE_NAMES):
        return None
    missing = [name for name in AZURE_NAMES if not environ.get(name)]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise ConfigError(
            f"{', '.join(missing)} {verb} not set: set all of {', '.join(AZURE_NAMES)}"
        )
    return _service_principal(environ, AZURE_NAMES[:3], AZURE_NAMES[3])


def _service_principal(
    environ: Mapping[str, str], names: tuple[str, ...], host_variable: str
) -> Connection:
    tenant_id, client_id, client_secret = (environ[name] for name in names)
    url = workspace_url(environ[host_variable], source=host_variable)
    return Connection(
        host_name(url),
        url,
        f"service principal {client_id} ({names[1]})",
        service_principal_authorization(
            tenant_id=tenant_id,
            client_id=client_id,
            client_secret=client_secret,
            authority_host=authority_host(environ),
            ca_path=ca_path(environ),
        ),
        service_principal=True,
    )
