"""The command `brickpush doctor`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from github_app.app_keys import key_paths
from github_app.commands_workspaces import config_option, patience_of, wait_option
from github_app.deployments import PERMISSION
from github_app.doctor import Finding, Part, State, holds
from github_app.doctor_deliveries import examine_deliveries
from github_app.doctor_github import KEY, PART, check_file, examine_github
from github_app.doctor_report import Lines, as_json
from github_app.doctor_workspace import Examination
from github_app.github import GitHubApp, host_of, server_time
from github_app.opening import settings_of
from github_app.probe import Echo, ping, webhook_endpoint
from github_app.registration import read_hook
from github_app.secret_files import webhook_secrets
from github_app.service import open_app, open_workspace
from github_app.settings import Settings
from github_app.slots import command_slots
from promotion.errors import ConfigError, PromotionError
from promotion.http import open_session
from promotion.redact import redact
from promotion.slot_keeper import FOREVER, Patience
from promotion.workspace import Workspace


@click.command()
@config_option
@click.option("--url", help="The running service, where GitHub's own address can't be tried here.")
@click.option("--pull", metavar="PATH", help="A Git folder that may be pulled, to prove that too.")
@wait_option
@click.option("--json", "machine", is_flag=True, help="For machines.")
@click.pass_context
def doctor(
    context: click.Context,
    config: Path | None,
    url: str | None,
    pull: str | None,
    wait: float,
    machine: bool,
) -> None:
    """Prove each link from GitHub to the Git folders by a real call, and name the fix.

    It stores the App's token as the principal's Git credential, as a promotion would and never
    under one that runs, and moves no Git folder but the one that --pull names.
    """
    settings = settings_of(config)
    lines, findings = Lines(Console(soft_wrap=False)), []
    for finding in examine(settings, url=url, pull=pull, patience=patience_of(wait)):
        findings.append(finding)
        if not machine:
            lines.show(finding)
    if machine:
        click.echo(as_json(findings))
    else:
        lines.end(findings)
    context.exit(0 if holds(findings) else 1)


def examine(
    settings: Settings, *, url: str | None, pull: str | None, patience: Patience = FOREVER
) -> Iterator[Finding]:
    """Yield every finding, GitHub's first, then each workspace's."""
    with open_session(str(settings.ca_path) if settings.ca_path else None) as session:
        app: GitHubApp | None = None
        now, key_works = None, False
        try:
            app = open_app(settings, session)
        except ConfigError as exc:
            yield PART.broken(KEY, redact(str(exc)), "download a new key from the App's page")
        else:
            github = settings.github
            now = server_time(github.url, session)
            for finding in examine_github(
                app,
                key_paths=key_paths(github),
                github_now=now,
                wishes=wishes_of(settings),
            ):
                key_works |= finding.link == KEY and finding.state is State.OK
                yield finding
        yield from _examine_endpoint(settings, app, url)
        if app is not None and key_works:
            yield examine_deliveries(app, now=now or time.time())
        pulled, open_one = False, partial(open_workspace, session=session)
        for finding in _examine_workspaces(settings, open_one, app, pull, patience):
            pulled |= finding.link == "pull" and finding.state is not State.SKIPPED
            yield finding
        if pull is not None and not pulled:
            yield PART.broken("pull", f"{pull} could not be tried", "name a Git folder on a branch")


def _examine_workspaces(
    settings: Settings,
    open_one: Callable[..., Workspace],
    app: GitHubApp | None,
    pull: str | None,
    patience: Patience,
) -> Iterator[Finding]:
    host = host_of(settings.github.url)
    with command_slots(settings) as slots:
        for name, workspace in settings.workspaces.items():
            try:
                opened = open_one(name, workspace, keeper=slots.of(workspace))
            except ConfigError as exc:
                yield Part(f"workspace {name}").broken("settings", str(exc), "correct the settings")
                continue
            ours = app if workspace.git_credential == "app" else None
            yield from Examination(opened, ours, host, pull, patience).run()


def wishes_of(settings: Settings) -> Mapping[str, str]:
    """Return the permissions that the settings ask for besides the manifest's."""
    deploys = any(workspace.deployments for workspace in settings.workspaces.values())
    return {PERMISSION: "write"} if deploys else {}


def _examine_endpoint(
    settings: Settings, app: GitHubApp | None, url: str | None
) -> Iterator[Finding]:
    for path in settings.github.webhook_secret_paths:
        yield check_file("secret file", path)
    try:
        secrets = webhook_secrets(settings.github)
        address = url or (read_hook(app.http).url if app is not None else None)
    except PromotionError as exc:
        yield PART.failed("service", exc)
        return
    if address is None:
        yield PART.skipped("service", "its address is not known: give --url")
        return
    endpoint = webhook_endpoint(address)
    ca_path = str(settings.ca_path) if settings.ca_path else None
    for number, secret in enumerate(secrets, start=1):
        link = "service" if len(secrets) == 1 else f"service, secret {number}"
        yield check_echo(
            link, endpoint, ping(endpoint, secret, ca_path=ca_path), certain=url is not None
        )


def check_echo(link: str, endpoint: str, echo: Echo, *, certain: bool) -> Finding:
    """Judge the answer to a signed ping; the public address may be out of this machine's reach."""
    if echo is Echo.ACCEPTED:
        return PART.ok(link, f"{endpoint} accepts a signed ping")
    says = f"{endpoint}: {echo.value}"
    if echo is Echo.OTHER_SECRET:
        return PART.broken(link, says, "restart the service with these settings")
    fix = "start `brickpush serve`, and see that its address and path lead to it"
    if certain:
        return PART.broken(link, says, fix)
    return PART.warning(link, says, f"{fix}; to try it from here, give --url")
