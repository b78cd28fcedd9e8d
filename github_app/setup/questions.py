"""Ask on a terminal for what the options did not give; elsewhere, ask nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import click
from pydantic import ValidationError

from github_app.settings import LOOPBACK, WorkspaceSettings
from github_app.setup.files import SetupFiles, WorkspaceAnswers, write_new
from github_app.setup.manifest import WEBHOOK_PATH
from promotion.entra import PUBLIC_CLOUD
from promotion.errors import ConfigError


@dataclass(frozen=True)
class GivenWorkspace:
    """What the options tell about the first workspace; "" is not told."""

    name: str
    host: str
    tenant_id: str
    client_id: str
    client_secret_file: Path | None
    authority_host: str = PUBLIC_CLOUD


class Questions:
    """The terminal, where there is one."""

    def __init__(self, *, interactive: bool) -> None:
        self._interactive = interactive

    def webhook_url(self, given: str | None) -> str:
        """Return where GitHub shall send webhooks; there is no default that could work."""
        while True:
            if given is None and not self._interactive:
                raise ConfigError(
                    "--webhook-url is needed: the address where GitHub reaches `brickpush serve`, "
                    f"such as https://brickpush.example.com{WEBHOOK_PATH}"
                )
            url = given or click.prompt(
                "Where does GitHub reach this service? (https://HOST)", err=True
            )
            try:
                return webhook_address(url)
            except ConfigError as exc:
                if given is not None:
                    raise
                click.echo(str(exc), err=True)

    def organization(self, given: str | None) -> str | None:
        """Return the organization that shall own the App; None means the person's account."""
        organization = given
        if given is None and self._interactive:
            organization = click.prompt(
                "Organization to own the App (empty: your own account)",
                default="",
                show_default=False,
                err=True,
            )
        if organization and not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", organization):
            raise ConfigError(f"{organization!r} is no organization's name")
        return organization or None

    def hidden(self, words: str) -> str:
        """Return a secret that is typed or pasted without being shown; "" without a terminal."""
        if not self._interactive:
            return ""
        answer: str = click.prompt(words, default="", hide_input=True, show_default=False, err=True)
        return answer.strip()

    def number(self, words: str, given: int | None, option: str) -> int:
        if given is None and not self._interactive:
            raise ConfigError(f"{option} is needed")
        return given if given is not None else click.prompt(words, type=int, err=True)

    def path(self, words: str, given: Path | None, option: str) -> Path:
        if given is None and not self._interactive:
            raise ConfigError(f"{option} is needed")
        return given if given is not None else Path(click.prompt(words, type=str, err=True))

    def workspace(
        self, given: GivenWorkspace, files: SetupFiles
    ) -> tuple[WorkspaceAnswers | None, Callable[[], None]]:
        """Return the first workspace, None for later, and what is to be done once all is known."""
        host = given.host or self._text("First Databricks workspace (https://adb-…; empty: later)")
        if not host:
            return None, lambda: None
        if not re.fullmatch(r"[A-Za-z0-9_-]+", given.name):
            raise ConfigError(f"{given.name!r} can't name a workspace: letters, digits, - and _")
        tenant_id = given.tenant_id or self._text("Its tenant id")
        client_id = given.client_id or self._text("The service principal's client id")
        answers = WorkspaceAnswers(
            name=given.name,
            host=host,
            tenant_id=tenant_id,
            client_id=client_id,
            client_secret_path=str((given.client_secret_file or Path()).absolute()),
            authority_host=given.authority_host,
        )
        checked = _checked(answers)
        if given.client_secret_file is not None:
            return checked, lambda: None
        path = files.workspace_secret(given.name)
        if path.exists():
            return replace(checked, client_secret_path=path.name), lambda: None
        secret = self.hidden("Its client secret (not shown; empty: put it into a file later)")
        keep = (lambda: write_new(path, secret)) if secret else (lambda: None)
        return replace(checked, client_secret_path=path.name), keep

    def _text(self, words: str) -> str:
        if not self._interactive:
            return ""
        answer: str = click.prompt(words, default="", show_default=False, err=True)
        return answer.strip()


def webhook_address(url: str) -> str:
    """Return the whole webhook URL: a host alone is completed with our path."""
    split = urlsplit(url if "://" in url else f"https://{url}")
    if not split.hostname or split.username or split.password:
        raise ConfigError(f"{url!r} is no address that GitHub could reach")
    if split.scheme != "https" and split.hostname not in LOOPBACK:
        raise ConfigError(f"{url} must start with https://: webhooks tell of private repositories")
    path = split.path if split.path not in ("", "/") else WEBHOOK_PATH
    return f"{split.scheme}://{split.netloc}{path}"


def _checked(given: WorkspaceAnswers) -> WorkspaceAnswers:
    missing = [name for name in ("tenant_id", "client_id") if not getattr(given, name)]
    if missing:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in missing)
        raise ConfigError(f"the workspace {given.host} needs {options} too")
    try:
        entra = {
            "tenant_id": given.tenant_id,
            "client_id": given.client_id,
            "authority_host": given.authority_host,
        }
        workspace = WorkspaceSettings.model_validate({"host": given.host, "entra": entra})
    except ValidationError as exc:
        problems = (str(error["msg"]) for error in exc.errors(include_input=False))
        raise ConfigError(f"the workspace {given.host}: {'; '.join(problems)}") from None
    return replace(given, host=workspace.host, authority_host=workspace.entra.authority_host)
