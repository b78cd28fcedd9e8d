"""The commands `brickpush rotate ...`."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from github_app.github import GitHubApp
from github_app.probe import Echo, ping, webhook_endpoint
from github_app.registration import read_hook
from github_app.rotate import Rotation
from github_app.secret_files import read_secret
from github_app.settings import Settings, load_settings
from promotion.clock import SystemClock
from promotion.errors import ConfigError
from promotion.http import open_session

FROM_ENVIRONMENT = ("BRICKPUSH_GITHUB__WEBHOOK_SECRETS", "BRICKPUSH_GITHUB__WEBHOOK_SECRET_PATHS")


@click.group()
def rotate() -> None:
    """Replace a secret while everything runs."""


@rotate.command("webhook-secret")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=Path("brickpush.toml"),
    show_default=True,
    help="The service's settings.",
)
@click.option("--url", help="The running service. [default: where GitHub sends webhooks]")
@click.option("--no-check", is_flag=True, help="Trust that the service accepts the new secret.")
@click.option("--finish", is_flag=True, help="Drop the old secret, some minutes later.")
def webhook_secret(config: Path, url: str | None, no_check: bool, finish: bool) -> None:
    """Change the webhook secret; no delivery is refused meanwhile.

    The new secret is written and accepted beside the old one, then GitHub signs with it. Run it
    again with --finish once deliveries arrive. Where it stopped, run it again.
    """
    for name in FROM_ENVIRONMENT:
        if os.environ.get(name):
            raise ConfigError(f"{name} is set and wins over {config}: rotate it where it is set")
    settings = load_settings(config, os.environ)
    app = _open_app(settings)
    ca_path = str(settings.ca_path) if settings.ca_path else None

    def knock(secret: str) -> Echo:
        return ping(endpoint, secret, ca_path=ca_path)

    checked = not (no_check or finish)
    endpoint = _endpoint(app, url) if checked else ""
    rotation = Rotation(
        config=config,
        app=app,
        ping=knock if checked else None,
        clock=SystemClock(),
        say=click.echo,
    )
    if finish:
        rotation.finish()
        return
    rotation.begin(stamp=f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    click.echo("Next, some minutes later: brickpush rotate webhook-secret --finish")


def _open_app(settings: Settings) -> GitHubApp:
    github = settings.github
    key = read_secret("github.private_key_path", github.private_key, github.private_key_path)
    session = open_session(str(settings.ca_path) if settings.ca_path else None)
    return GitHubApp(github.url, app_id=github.app_id, private_key=key, session=session)


def _endpoint(app: GitHubApp, url: str | None) -> str:
    address = url or read_hook(app.http).url
    if address is None:
        raise ConfigError("GitHub has no webhook address for this App: give --url")
    return webhook_endpoint(address)
