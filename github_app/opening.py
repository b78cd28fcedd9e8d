"""Open what a command works with: the App and the workspaces that the settings name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from github_app.access import InstallationAccess
from github_app.github import GitHubApp
from github_app.service import open_app, open_workspace
from github_app.settings import Settings, load_settings
from promotion.clock import SystemClock
from promotion.errors import ConfigError
from promotion.http import open_session
from promotion.repository_url import RepositoryKey, repository_key
from promotion.workspace import Workspace

DEFAULT_CONFIG = Path("brickpush.toml")


def config_of(config: Path | None) -> Path | None:
    """Return which file is meant; None: only the environment."""
    return DEFAULT_CONFIG if config is None and DEFAULT_CONFIG.exists() else config


def settings_of(config: Path | None) -> Settings:
    """Read the settings: from *config*, else from brickpush.toml where there is one."""
    return load_settings(config_of(config), os.environ)


@dataclass(frozen=True)
class Opened:
    """What the settings name, ready for calls."""

    settings: Settings
    app: GitHubApp
    workspaces: tuple[Workspace, ...]

    @classmethod
    def from_settings(cls, settings: Settings, only: str | None = None) -> Opened:
        """Open the App and every workspace, or just the one called *only*."""
        if only is not None and only not in settings.workspaces:
            known = ", ".join(settings.workspaces)
            raise ConfigError(f"there is no workspace {only!r}: the settings name {known}")
        session = open_session(str(settings.ca_path) if settings.ca_path else None)
        workspaces = tuple(
            open_workspace(name, workspace, session)
            for name, workspace in settings.workspaces.items()
            if only in (None, name)
        )
        return cls(settings, open_app(settings, session), workspaces)

    def key(self, repository: str) -> RepositoryKey:
        """Return the key of "octo-org/etl" on the configured GitHub, or of a whole URL."""
        url = repository if ":" in repository else f"{self.settings.github.url}/{repository}"
        key = repository_key(url)
        if key is None:
            raise ConfigError(f"{repository!r} names no repository: give it like octo-org/etl")
        return key

    def url(self, key: RepositoryKey) -> str:
        """Return the URL that a new Git folder of the repository gets."""
        return f"{self.settings.github.url}/{key.full_name}.git"

    def access(self, key: RepositoryKey) -> InstallationAccess:
        """Return what the App's installation on the repository may do."""
        installation_id = self.app.installation_id(key.full_name)
        return InstallationAccess(self.app, installation_id, key.full_name, SystemClock())
