"""Prompt on a terminal for values that the options do not give.

Re-prompts on an invalid answer. Never prompts without a terminal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from github_app.github.manifest import WEBHOOK_PATH
from github_app.setup import inputs
from github_app.setup.files import SetupFiles, WorkspaceAnswers, write_new
from promotion.entra import PUBLIC_CLOUD
from promotion.errors import ConfigError
from promotion.safe_text import printable

Value = TypeVar("Value")


@dataclass(frozen=True)
class GivenWorkspace:
    """The options for the first workspace; "" is not given."""

    name: str
    host: str
    tenant_id: str
    client_id: str
    client_secret_file: Path | None
    authority_host: str = PUBLIC_CLOUD


class Questions:
    """The prompts, if there is a terminal."""

    def __init__(self, *, interactive: bool) -> None:
        self._interactive = interactive

    def webhook_url(self, given: str | None) -> str:
        """Return the webhook URL; it has no useful default."""
        if given is None and not self._interactive:
            raise ConfigError(
                "--webhook-url is needed: the URL where GitHub reaches `brickpush serve`, "
                f"such as https://brickpush.example.com{WEBHOOK_PATH}"
            )
        words = "Where does GitHub reach this service? (https://HOST)"
        return self._valid(given, words, inputs.webhook_address)

    def organization(self, given: str | None) -> str | None:
        """Return the organization to own the App; None means the user's account."""
        words = "Organization to own the App (empty: your own account)"
        option = given if given is not None or self._interactive else ""
        return self._valid(option, words, inputs.organization_name, default="") or None

    def hidden(self, words: str) -> str:
        """Return a secret from a hidden prompt; "" without a terminal."""
        if not self._interactive:
            return ""
        answer: str = click.prompt(words, default="", hide_input=True, show_default=False, err=True)
        return answer.strip()

    def app_id(self, given: int | None) -> int:
        if given is None and not self._interactive:
            raise ConfigError("--app-id is needed")
        text = None if given is None else str(given)
        return self._valid(text, "The App's id", inputs.app_id)

    def private_key(self, given: Path | None) -> Path:
        if given is None and not self._interactive:
            raise ConfigError("--private-key is needed")
        text = None if given is None else str(given)
        return self._valid(text, "The file with its private key", inputs.key_file)

    def workspace(
        self, given: GivenWorkspace, files: SetupFiles
    ) -> tuple[WorkspaceAnswers | None, Callable[[], None]]:
        """Return the first workspace (None: later), and a function that writes its secret."""
        name = inputs.workspace_name(given.name)
        authority_host = inputs.origin(given.authority_host, "--authority-host")
        host = self._workspace_host(given.host)
        if not host:
            return None, lambda: None
        self._need_ids(given, host)
        tenant_id = self._valid(given.tenant_id or None, "Its tenant id", inputs.directory_id)
        words = "The service principal's client id"
        client_id = self._valid(given.client_id or None, words, inputs.directory_id)
        path, keep = self._client_secret(given, files)
        answers = WorkspaceAnswers(
            name=name,
            host=host,
            tenant_id=tenant_id,
            client_id=client_id,
            client_secret_path=path,
            authority_host=authority_host,
        )
        return answers, keep

    def _workspace_host(self, given: str) -> str:
        words = "First Databricks workspace (https://adb-…; empty: later)"
        option = given if given or not self._interactive else None
        return self._valid(option, words, inputs.workspace_host, default="")

    def _need_ids(self, given: GivenWorkspace, host: str) -> None:
        missing = [name for name in ("tenant_id", "client_id") if not getattr(given, name)]
        if missing and not self._interactive:
            options = ", ".join(f"--{name.replace('_', '-')}" for name in missing)
            raise ConfigError(f"the workspace {host} needs {options} too")

    def _client_secret(
        self, given: GivenWorkspace, files: SetupFiles
    ) -> tuple[str, Callable[[], None]]:
        """Return the path for the settings, and a function that writes the typed secret."""
        if given.client_secret_file is not None:
            return str(given.client_secret_file.absolute()), lambda: None
        path = files.workspace_secret(given.name)
        if path.exists():
            return path.name, lambda: None
        secret = self.hidden("Its client secret (not shown; empty: write it to a file later)")
        return path.name, (lambda: write_new(path, secret)) if secret else (lambda: None)

    def _valid(
        self,
        given: str | None,
        words: str,
        parse: Callable[[str], Value],
        *,
        default: str | None = None,
    ) -> Value:
        """Return an option's value; if it is None, prompt until the answer is valid."""
        if given is not None:
            return parse(given)
        while True:
            answer: str = click.prompt(words, default=default, show_default=False, err=True)
            try:
                return parse(answer.strip())
            except ConfigError as exc:
                click.echo(printable(str(exc)), err=True)
