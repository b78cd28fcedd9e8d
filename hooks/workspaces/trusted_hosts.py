"""Decide which hosts an Entra token may be sent to.

Entra issues tokens for Azure Databricks, not for one workspace: a token opens every workspace that
its owner has access to. DATABRICKS_HOST may come from a repository: editors and direnv put its
.env into the environment. So such a token is sent to Azure Databricks' own hosts, and elsewhere
only where the user's own files name the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hooks.workspaces.connection import LOOPBACK
from hooks.workspaces.profiles import own_hosts

if TYPE_CHECKING:
    from hooks.workspaces.settings import Settings

# Public cloud, US Government, China; a workspace is one label below, or two.
DOMAINS = (".azuredatabricks.net", ".databricks.azure.us", ".databricks.azure.cn")
WHERE = "Azure Databricks' own hosts, and hosts that ~/.databrickscfg or promote.toml names"


@dataclass(frozen=True)
class TrustedHosts:
    """Azure Databricks' hosts, and those of ~/.databrickscfg and promote.toml."""

    environ: Mapping[str, str]
    settings: Settings

    def include(self, url: str) -> bool:
        """Return whether a workspace's address, as `workspace_url` returns it, is one of them."""
        if is_azure_databricks(url):
            return True
        named = {workspace.host for workspace in self.settings.workspaces}
        return url in named or url in own_hosts(self.environ)


def is_azure_databricks(url: str) -> bool:
    """Return whether an address from `workspace_url` is Azure Databricks' own."""
    split = urlsplit(url)
    host = split.hostname or ""
    return split.scheme == "https" and split.port is None and host.endswith(DOMAINS)


def is_loopback(url: str) -> bool:
    """Return whether an address is on this machine."""
    return (urlsplit(url).hostname or "") in LOOPBACK
