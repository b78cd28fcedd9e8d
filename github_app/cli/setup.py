"""The command `brickpush setup`."""

from __future__ import annotations

import os
import signal
import sys
import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from github_app.github.registration import Registration
from github_app.setup import inputs
from github_app.setup.files import GITHUB, Answers, SetupFiles
from github_app.setup.import_app import ExistingApp, import_app
from github_app.setup.prompts import GivenWorkspace, Questions
from github_app.setup.wizard import SetupRequest, Terminal, Wizard
from promotion.entra import PUBLIC_CLOUD
from promotion.errors import ConfigError


@dataclass(frozen=True)
class Given:
    """The options."""

    config: Path
    webhook_url: str | None
    organization: str | None
    github_url: str | None
    name: str | None
    importing: bool
    app_id: int | None
    private_key: Path | None
    webhook_secret_file: Path | None
    workspace_name: str
    workspace_host: str
    tenant_id: str
    client_id: str
    client_secret_file: Path | None
    authority_host: str | None
    ca_file: Path | None
    browser: bool
    port: int
    wait_minutes: float

    @property
    def github_origin(self) -> str:
        return inputs.origin(self.github_url or GITHUB, "--github-url")

    @property
    def workspace(self) -> GivenWorkspace:
        return GivenWorkspace(
            name=self.workspace_name,
            host=self.workspace_host,
            tenant_id=self.tenant_id,
            client_id=self.client_id,
            client_secret_file=self.client_secret_file,
            authority_host=self.authority_host or PUBLIC_CLOUD,
        )


def setup(given: Given) -> None:
    """Register an App, or import one; whoever stops it is told what is written."""
    questions = Questions(interactive=sys.stdin.isatty())
    try:
        if given.importing:
            _import(given, questions)
        else:
            _register(given, questions, os.environ)
    except (KeyboardInterrupt, click.Abort):
        # A second Ctrl-C would end the interpreter in the middle of its own end, by the signal.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        click.echo(f"\n{stopped(SetupFiles(given.config))}", err=True)
        raise click.Abort from None


def _register(given: Given, questions: Questions, environ: Mapping[str, str]) -> None:
    files, github_url = SetupFiles(given.config), given.github_origin
    files.refuse_existing()
    webhook_url = questions.webhook_url(given.webhook_url)
    organization = questions.organization(given.organization)
    workspace, keep = questions.workspace(given.workspace, files)
    answers = Answers(0, "", "", github_url, given.ca_file, workspace=workspace)
    request = SetupRequest(
        webhook_url,
        answers,
        organization=organization,
        name=given.name,
        port=given.port,
        wait_seconds=given.wait_minutes * 60,
        keep_more=keep,
    )
    steps = next_steps(given.config, complete=workspace is not None)
    Wizard(request, files, _Screen(browser=given.browser and _has_browser(environ))).run(steps)
    _say_next(steps)


def _import(given: Given, questions: Questions) -> None:
    files, github_url = SetupFiles(given.config), given.github_origin
    files.refuse_existing()
    app_id = questions.app_id(given.app_id)
    key = questions.private_key(given.private_key)
    url = inputs.webhook_address(given.webhook_url) if given.webhook_url else None
    existing = ExistingApp(app_id, key, _webhook_secret(given, questions), url)
    workspace, keep = questions.workspace(given.workspace, files)
    answers = Answers(0, "", "", github_url, given.ca_file, workspace=workspace)
    registration = import_app(existing, answers, files, keep_more=keep)
    click.echo(f"The key belongs to {registration.name} of {registration.owner}.")
    click.echo(f"Written: {files.config} and {files.webhook_secret}")
    if existing.webhook_secret is None:
        click.echo("GitHub signs with the new webhook secret from now on.")
    _say_next(next_steps(given.config, complete=workspace is not None))


def _webhook_secret(given: Given, questions: Questions) -> str | None:
    if given.webhook_secret_file is None:
        words = "Its webhook secret (not shown; empty: set a new one at GitHub)"
        return questions.hidden(words) or None
    secret = given.webhook_secret_file.read_text(encoding="utf-8").strip()
    if not secret:
        raise ConfigError(f"{given.webhook_secret_file} is empty")
    return secret


def stopped(files: SetupFiles) -> str:
    """Return the message for a command that was interrupted."""
    if files.config.exists():
        return f"Stopped. {files.config} is written: `brickpush doctor` shows what is left to do."
    if there := [path.name for path in files.secrets if path.exists()]:
        return f"Stopped. Written so far: {', '.join(there)}. Move it away before you start again."
    return (
        "Stopped: nothing was written. If GitHub has registered an App meanwhile, delete it on "
        "its settings page: GitHub shows its key only once."
    )


def next_steps(config: Path, *, complete: bool) -> tuple[str, ...]:
    """Return the next steps, in order."""
    option = "" if config == Path("brickpush.toml") else f" --config {config}"
    steps = [f"brickpush doctor{option}", f"brickpush serve{option}", "git push"]
    return tuple(steps if complete else [f"fill in a workspace in {config}", *steps])


def _say_next(steps: tuple[str, ...]) -> None:
    click.echo("Next:")
    for number, step in enumerate(steps, start=1):
        click.echo(f"  {number}. {step}")


def _has_browser(environ: Mapping[str, str]) -> bool:
    """Return whether a graphical browser on this machine can open: not over ssh."""
    if environ.get("SSH_CONNECTION"):
        return False
    display = environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
    return sys.platform in ("darwin", "win32") or bool(display)


class _Screen(Terminal):
    """Prints the steps as plain lines on stdout, without secrets."""

    def __init__(self, *, browser: bool) -> None:
        self._browser = browser

    def opened(self, url: str) -> None:
        click.echo(f"Open this page, once, in a browser on this machine:\n  {url}")
        if not self._browser:
            port = url.split(":")[2].partition("/")[0]
            click.echo(
                "From another machine, forward the port first:\n"
                f"  ssh -L {port}:127.0.0.1:{port} THIS-MACHINE"
            )
        click.echo("Waiting for the registration ...")
        sys.stdout.flush()
        if self._browser:
            webbrowser.open(url)

    def registered(self, registration: Registration, files: SetupFiles) -> None:
        click.echo(f"Registered: {registration.name} ({registration.html_url})")
        click.echo(
            f"Written: {files.config} and, readable only by you, {files.private_key.name}, ",
            nl=False,
        )
        click.echo(f"{files.webhook_secret.name} and {files.client_secret.name} beside it")

    def waiting(self, registration: Registration) -> None:
        click.echo(f"Waiting for the installation at {registration.install_url} ...")
        sys.stdout.flush()

    def installed(self, accounts: tuple[str, ...]) -> None:
        click.echo(f"Installed on {', '.join(accounts)}.")
