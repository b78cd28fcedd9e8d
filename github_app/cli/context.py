"""The context of the commands: settings, App and workspaces, and their errors in plain words."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from github_app.config.settings import Settings, load_settings
from github_app.doctor.finding import github_words
from github_app.github.access import InstallationAccess
from github_app.github.app import GitHubApp
from github_app.github.installation import Included
from github_app.wiring import open_app, open_workspace
from github_app.worker.credential_locks import Slots
from promotion.clock import SystemClock
from promotion.credential_lock import Patience, SlotError
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
from promotion.workspace import Workspace

DEFAULT_CONFIG = Path("brickpush.toml")
DATABRICKS_API = "/api/2.0/"


def config_of(config: Path | None) -> Path | None:
    """Return the settings file; None: use only the environment."""
    return DEFAULT_CONFIG if config is None and DEFAULT_CONFIG.exists() else config


def settings_of(config: Path | None) -> Settings:
    """Read the settings from *config*, by default from brickpush.toml if it exists."""
    return load_settings(config_of(config), os.environ)


def patience_of(wait: float) -> Patience:
    """Return how long a command waits for a Git credential; it prints the wait on stderr."""

    def report(holder: str) -> None:
        words = f"the service promotes with the token of {holder}: waiting, at most {wait:g} s"
        click.echo(f"brickpush: {words}", err=True)

    return Patience(wait, report if wait else lambda _holder: None)


@dataclass(frozen=True)
class CommandContext:
    """The App and the workspaces of the settings, ready for calls."""

    settings: Settings
    app: GitHubApp
    workspaces: tuple[Workspace, ...]

    @classmethod
    def from_settings(
        cls, settings: Settings, only: str | None = None, slots: Slots | None = None
    ) -> CommandContext:
        """Open the App and every workspace, or just the one called *only*.

        *slots* lock the principals' Git credentials, for a command that sets one.
        """
        if only is not None and only not in settings.workspaces:
            known = ", ".join(settings.workspaces)
            raise ConfigError(f"there is no workspace {only!r}: the settings have {known}")
        session = open_session(str(settings.ca_path) if settings.ca_path else None)
        workspaces = tuple(
            open_workspace(
                name, workspace, session, lock=None if slots is None else slots.of(workspace)
            )
            for name, workspace in settings.workspaces.items()
            if only in (None, name)
        )
        return cls(settings, open_app(settings, session), workspaces)

    def key(self, repository: str) -> RepositoryKey:
        """Return the key of a repository, given as "octo-org/etl" or a full URL."""
        url = repository if ":" in repository else f"{self.settings.github.url}/{repository}"
        key = repository_key(url)
        if key is None:
            raise ConfigError(f"{repository!r} is not a repository: give it like octo-org/etl")
        return key

    def url(self, full_name: str) -> str:
        """Return the URL for a new Git folder of the repository."""
        return f"{self.settings.github.url}/{full_name}.git"

    def find(self, key: RepositoryKey) -> Included:
        """Return the repository that a current or former name resolves to."""
        with github_errors():
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
        """Return the App's access to the repository."""
        name = found.repository.full_name
        return InstallationAccess(self.app, found.installation_id, name, SystemClock())


@contextlib.contextmanager
def github_errors() -> Iterator[None]:
    """Convert errors of GitHub into a PromotionError in plain words, with the next step."""
    try:
        yield
    except (ApiError, UnreachableError) as exc:
        says, fix = github_words(exc)
        raise PromotionError(f"{says}; {fix}") from exc


@contextlib.contextmanager
def databricks_errors(workspace: str) -> Iterator[None]:
    """Convert errors of a workspace into a PromotionError in plain words, with the next step."""
    try:
        yield
    except ConfigError:
        raise
    except SlotError as exc:
        raise PromotionError(f"{workspace}: {exc}; {exc.next_step}") from exc
    except (ApiError, UnreachableError, SignInError) as exc:
        is_github = isinstance(exc, ApiError) and DATABRICKS_API not in exc.call
        reason, next_step = github_words(exc) if is_github else in_words(exc)
        raise PromotionError(f"{workspace}: {reason}; {next_step}") from exc
