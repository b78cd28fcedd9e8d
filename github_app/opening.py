"""Open what a command works with: the App and the workspaces that the settings name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from github_app.access import InstallationAccess
from github_app.doctor import github_words
from github_app.github import GitHubApp
from github_app.installation import Included
from github_app.service import open_app, open_workspace
from github_app.settings import Settings, load_settings
from github_app.slots import Slots
from promotion.clock import SystemClock
from promotion.errors import (
    ApiError,
    ConfigError,
    PromotionError,
    SignInError,
    UnreachableError,
)
from promotion.failures import in_words
from promotion.http import open_session
from promotion.repository_url import RepositoryKey, repository_key
from promotion.slot_keeper import SlotError
from promotion.workspace import Workspace

DEFAULT_CONFIG = Path("brickpush.toml")
DATABRICKS_API = "/api/2.0/"


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
    def from_settings(
        cls, settings: Settings, only: str | None = None, slots: Slots | None = None
    ) -> Opened:
        """Open the App and every workspace, or just the one called *only*.

        *slots* keep the principals' Git credentials, for a command that sets one.
        """
        if only is not None and only not in settings.workspaces:
            known = ", ".join(settings.workspaces)
            raise ConfigError(f"there is no workspace {only!r}: the settings name {known}")
        session = open_session(str(settings.ca_path) if settings.ca_path else None)
        workspaces = tuple(
            open_workspace(
                name, workspace, session, keeper=None if slots is None else slots.of(workspace)
            )
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

    def url(self, full_name: str) -> str:
        """Return the URL that a new Git folder of the repository gets."""
        return f"{self.settings.github.url}/{full_name}.git"

    def find(self, key: RepositoryKey) -> Included:
        """Return the repository that a name, today's or a former one, leads to."""
        with github_says():
            try:
                return self.app.find(key.full_name)
            except ApiError as exc:
                if exc.status != 404:
                    raise
                raise ConfigError(
                    f"the App is not installed on {key.full_name}, or there is no such repository: "
                    "correct the name, or add it to the installation's repositories"
                ) from exc

    def access(self, found: Included) -> InstallationAccess:
        """Return what the App's installation on the repository may do."""
        name = found.repository.full_name
        return InstallationAccess(self.app, found.installation_id, name, SystemClock())


@contextlib.contextmanager
def github_says() -> Iterator[None]:
    """Have an error of GitHub's end the command in plain words, with the next step."""
    try:
        yield
    except (ApiError, UnreachableError) as exc:
        says, fix = github_words(exc)
        raise PromotionError(f"{says}; {fix}") from exc


@contextlib.contextmanager
def databricks_says(workspace: str) -> Iterator[None]:
    """Have an error of a workspace's end the command in plain words, with the next step."""
    try:
        yield
    except ConfigError:
        raise
    except SlotError as exc:
        raise PromotionError(f"{workspace}: {exc}; {exc.next_step}") from exc
    except (ApiError, UnreachableError, SignInError) as exc:
        githubs = isinstance(exc, ApiError) and DATABRICKS_API not in exc.call
        reason, next_step = github_words(exc) if githubs else in_words(exc)
        raise PromotionError(f"{workspace}: {reason}; {next_step}") from exc
