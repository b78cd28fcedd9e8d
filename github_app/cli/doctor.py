"""The command `brickpush doctor`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from github_app.cli.context import patience_of, settings_of
from github_app.config.secrets import key_paths, webhook_secrets
from github_app.config.settings import Settings
from github_app.doctor.deliveries import examine_deliveries
from github_app.doctor.finding import Finding, Part, State, holds
from github_app.doctor.github import KEY, PART, check_file, examine_github
from github_app.doctor.output import Lines, in_json
from github_app.doctor.ping import Echo, ping, webhook_endpoint
from github_app.doctor.workspace import Examination
from github_app.github.app import GitHubApp, host_of, server_time
from github_app.github.registration import read_hook
from github_app.reports.deployments import PERMISSION
from github_app.wiring import open_app, open_workspace
from github_app.worker.credential_locks import command_slots
from promotion.credential_lock import FOREVER, Patience
from promotion.errors import ConfigError, PromotionError
from promotion.http import open_session
from promotion.safe_text import redact
from promotion.workspace import Workspace


def doctor(
    config: Path | None, *, url: str | None, pull: str | None, wait: float, as_json: bool
) -> int:
    """Examine every link and show each finding at once, or all as JSON; return the exit code."""
    settings = settings_of(config)
    lines, findings = Lines(Console(soft_wrap=False)), []
    for finding in examine(settings, url=url, pull=pull, patience=patience_of(wait)):
        findings.append(finding)
        if not as_json:
            lines.show(finding)
    if as_json:
        click.echo(in_json(findings))
    else:
        lines.end(findings)
    return 0 if holds(findings) else 1


def examine(
    settings: Settings, *, url: str | None, pull: str | None, patience: Patience = FOREVER
) -> Iterator[Finding]:
    """Yield every finding: GitHub's first, then each workspace's."""
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
                optional_permissions=optional_permissions_of(settings),
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
                command = open_one(name, workspace, lock=slots.of(workspace))
            except ConfigError as exc:
                yield Part(f"workspace {name}").broken("settings", str(exc), "correct the settings")
                continue
            ours = app if workspace.git_credential == "app" else None
            yield from Examination(command, ours, host, pull, patience).run()


def optional_permissions_of(settings: Settings) -> Mapping[str, str]:
    """Return the permissions that the settings need beyond the manifest's."""
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
        yield PART.skipped("service", "its URL is not known: give --url")
        return
    endpoint = webhook_endpoint(address)
    ca_path = str(settings.ca_path) if settings.ca_path else None
    for number, secret in enumerate(secrets, start=1):
        link = "service" if len(secrets) == 1 else f"service, secret {number}"
        yield check_echo(
            link, endpoint, ping(endpoint, secret, ca_path=ca_path), certain=url is not None
        )


def check_echo(link: str, endpoint: str, echo: Echo, *, certain: bool) -> Finding:
    """Return the finding for a signed ping; *certain*: the URL can be reached from here."""
    if echo is Echo.ACCEPTED:
        return PART.ok(link, f"{endpoint} accepts a signed ping")
    says = f"{endpoint}: {echo.value}"
    if echo is Echo.OTHER_SECRET:
        return PART.broken(link, says, "restart the service with these settings")
    fix = "start `brickpush serve`, and check that the webhook URL leads to it"
    if certain:
        return PART.broken(link, says, fix)
    return PART.warning(link, says, f"{fix}; to test it from here, give --url")
