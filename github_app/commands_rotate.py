"""The commands `brickpush rotate ...`."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from github_app.github import GitHubApp
from github_app.opening import github_says
from github_app.probe import Echo, ping, webhook_endpoint
from github_app.registration import read_hook
from github_app.rotate import Rotation, read_names
from github_app.service import open_app
from github_app.settings import Settings, load_settings
from promotion.clock import SystemClock
from promotion.errors import ConfigError
from promotion.http import open_session

BY_HAND = (
    "rotate it where it is set: give the new and the old one there, restart the service, set the "
    "new one on the App's page, and some minutes later take the old one out"
)


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
    settings = load_settings(config, os.environ)
    refuse_environment(settings, config)
    ca_path = str(settings.ca_path) if settings.ca_path else None
    with open_session(ca_path) as session, github_says():
        app = open_app(settings, session)
        endpoint = None if no_check else _endpoint(app, url, needed=not finish)

        def knock(secret: str) -> Echo:
            return ping(endpoint or "", secret, ca_path=ca_path)

        rotation = Rotation(
            config=config,
            app=app,
            ping=knock if endpoint is not None else None,
            clock=SystemClock(),
            say=click.echo,
        )
        if finish:
            rotation.finish()
            return
        rotation.begin(stamp=f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    click.echo("Next, some minutes later: brickpush rotate webhook-secret --finish")


def refuse_environment(settings: Settings, config: Path) -> None:
    """Raise ConfigError where the secrets come from elsewhere: the file would change nothing."""
    github = settings.github
    if github.webhook_secrets:
        raise ConfigError(
            "BRICKPUSH_GITHUB__WEBHOOK_SECRETS of the environment is set and wins over, or is good "
            f"beside, {config}, and this command can't change it: {BY_HAND}"
        )
    named = [config.parent / name for name in read_names(config)]
    if list(github.webhook_secret_paths) != named:
        raise ConfigError(
            "BRICKPUSH_GITHUB__WEBHOOK_SECRET_PATHS of the environment is set and wins over "
            f"{config}, and this command can't change it: {BY_HAND}"
        )


def _endpoint(app: GitHubApp, url: str | None, *, needed: bool) -> str | None:
    address = url or read_hook(app.http).url
    if address is not None:
        return webhook_endpoint(address)
    if needed:
        raise ConfigError("GitHub has no webhook address for this App: give --url")
    return None
