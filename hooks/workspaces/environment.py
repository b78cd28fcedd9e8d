"""Read an identity that environment variables give in full, as in continuous integration."""

from __future__ import annotations

from collections.abc import Mapping

from hooks.system.known_secrets import remember
from hooks.workspaces.clouds import authority_host, ca_path
from hooks.workspaces.connection import Connection, header_token, host_name, workspace_url
from hooks.workspaces.service_principal import service_principal_authorization
from hooks.workspaces.trusted_hosts import WHERE, TrustedHosts, is_loopback
from promotion.errors import ConfigError

ARM_NAMES = ("ARM_TENANT_ID", "ARM_CLIENT_ID", "ARM_CLIENT_SECRET")
# The names that hand-written workflows use.
AZURE_NAMES = (
    "AZURE_SP_TENANT_ID",
    "AZURE_SP_CLIENT_ID",
    "AZURE_SP_CLIENT_SECRET",
    "AZURE_DATABRICKS_WORKSPACE_INSTANCE_NAME",
)
SECRETS = ("DATABRICKS_TOKEN", "ARM_CLIENT_SECRET", "AZURE_SP_CLIENT_SECRET", "BRICKPUSH_GIT_TOKEN")


def environment_connection(environ: Mapping[str, str], trusted: TrustedHosts) -> Connection | None:
    """Return the workspace and identity that the environment names in full, or None.

    The four AZURE_* names belong together: some without the others is an error, since a missing
    secret reaches a CI step as an empty value and must not become another identity.
    """
    remember(*(environ.get(name, "") for name in SECRETS))
    host = environ.get("DATABRICKS_HOST", "")
    if host and (token := environ.get("DATABRICKS_TOKEN")):
        url = workspace_url(host, source="DATABRICKS_HOST")
        header_token(token, source="DATABRICKS_TOKEN")
        words = "the owner of the token in DATABRICKS_TOKEN"
        return Connection(host_name(url), url, words, lambda: f"Bearer {token}")
    if host and all(environ.get(name) for name in ARM_NAMES):
        return _service_principal(environ, trusted, (*ARM_NAMES, "DATABRICKS_HOST"))
    if not any(name in environ for name in AZURE_NAMES):
        return None
    missing = [name for name in AZURE_NAMES if not environ.get(name)]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise ConfigError(
            f"{', '.join(missing)} {verb} not set: set all of {', '.join(AZURE_NAMES)}"
        )
    return _service_principal(environ, trusted, AZURE_NAMES)


def _service_principal(
    environ: Mapping[str, str], trusted: TrustedHosts, names: tuple[str, str, str, str]
) -> Connection:
    tenant_id, client_id, client_secret, host = (environ[name] for name in names)
    url = workspace_url(host, source=names[3])
    # The secret and the host may have different sources: a pipeline's secret may be combined with
    # a host from a repository's .env. A stand-in on this machine gets a token that it can't use.
    if not (is_loopback(url) or trusted.include(url)):
        raise ConfigError(
            f"{names[3]} names {url}, and a service principal's token is sent only to {WHERE}: "
            "correct it, or name the host there"
        )
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
