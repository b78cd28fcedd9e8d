"""The commands `brickpush rotate`."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from github_app.cli.context import github_errors
from github_app.config.settings import Settings, load_settings
from github_app.doctor.ping import Echo, ping, webhook_endpoint
from github_app.github.app import GitHubApp
from github_app.github.registration import read_hook
from github_app.setup.rotate_secret import Rotation, read_names
from github_app.wiring import open_app
from promotion.clock import SystemClock
from promotion.errors import ConfigError
from promotion.http import open_session

BY_HAND = (
    "rotate it where it is set: give the new and the old one there, restart the service, set the "
    "new one on the App's page, and some minutes later remove the old one"
)


def rotate_webhook_secret(config: Path, *, url: str | None, check: bool, finish: bool) -> None:
    """Begin the rotation, or with *finish* remove the old secret."""
    settings = load_settings(config, os.environ)
    refuse_environment(settings, config)
    ca_path = str(settings.ca_path) if settings.ca_path else None
    with open_session(ca_path) as session, github_errors():
        app = open_app(settings, session)
        endpoint = _endpoint(app, url, needed=not finish) if check else None

        def ping_service(secret: str) -> Echo:
            return ping(endpoint or "", secret, ca_path=ca_path)

        rotation = Rotation(
            config=config,
            app=app,
            ping=ping_service if endpoint is not None else None,
            clock=SystemClock(),
            say=click.echo,
        )
        if finish:
            rotation.finish()
            return
        rotation.begin(stamp=f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    click.echo("Next, some minutes later: brickpush rotate webhook-secret --finish")


def refuse_environment(settings: Settings, config: Path) -> None:
    """Raise ConfigError if the environment sets the secrets, since the file has no effect then."""
    github = settings.github
    if github.webhook_secrets:
        raise ConfigError(
            "the environment variable BRICKPUSH_GITHUB__WEBHOOK_SECRETS is set and overrides, or "
            f"adds to, {config}, and this command can't change it: {BY_HAND}"
        )
    named = [config.parent / name for name in read_names(config)]
    if list(github.webhook_secret_paths) != named:
        raise ConfigError(
            "the environment variable BRICKPUSH_GITHUB__WEBHOOK_SECRET_PATHS is set and overrides "
            f"{config}, and this command can't change it: {BY_HAND}"
        )


def _endpoint(app: GitHubApp, url: str | None, *, needed: bool) -> str | None:
    address = url or read_hook(app.http).url
    if address is not None:
        return webhook_endpoint(address)
    if needed:
        raise ConfigError("the App has no webhook URL at GitHub: give --url")
    return None
