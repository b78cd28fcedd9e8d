"""Ask on a terminal for what the options did not give; elsewhere, ask nothing.

An answer that can't be meant is said to be so, and asked for again: nobody types all anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from github_app.setup import typed
from github_app.setup.files import SetupFiles, WorkspaceAnswers, write_new
from github_app.setup.manifest import WEBHOOK_PATH
from promotion.entra import PUBLIC_CLOUD
from promotion.errors import ConfigError
from promotion.printable import printable

Meant = TypeVar("Meant")


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
        if given is None and not self._interactive:
            raise ConfigError(
                "--webhook-url is needed: the address where GitHub reaches `brickpush serve`, "
                f"such as https://brickpush.example.com{WEBHOOK_PATH}"
            )
        words = "Where does GitHub reach this service? (https://HOST)"
        return self._meant(given, words, typed.webhook_address)

    def organization(self, given: str | None) -> str | None:
        """Return the organization that shall own the App; None means the person's account."""
        words = "Organization to own the App (empty: your own account)"
        unsaid = given if given is not None or self._interactive else ""
        return self._meant(unsaid, words, typed.organization_name, default="") or None

    def hidden(self, words: str) -> str:
        """Return a secret that is typed or pasted without being shown; "" without a terminal."""
        if not self._interactive:
            return ""
        answer: str = click.prompt(words, default="", hide_input=True, show_default=False, err=True)
        return answer.strip()

    def app_id(self, given: int | None) -> int:
        if given is None and not self._interactive:
            raise ConfigError("--app-id is needed")
        text = None if given is None else str(given)
        return self._meant(text, "The App's id", typed.app_id)

    def private_key(self, given: Path | None) -> Path:
        if given is None and not self._interactive:
            raise ConfigError("--private-key is needed")
        text = None if given is None else str(given)
        return self._meant(text, "The file with its private key", typed.key_file)

    def workspace(
        self, given: GivenWorkspace, files: SetupFiles
    ) -> tuple[WorkspaceAnswers | None, Callable[[], None]]:
        """Return the first workspace, None for later, and what is to be done once all is known."""
        name = typed.workspace_name(given.name)
        authority_host = typed.origin(given.authority_host, "--authority-host")
        host = self._workspace_host(given.host)
        if not host:
            return None, lambda: None
        self._need_ids(given, host)
        tenant_id = self._meant(given.tenant_id or None, "Its tenant id", typed.directory_id)
        words = "The service principal's client id"
        client_id = self._meant(given.client_id or None, words, typed.directory_id)
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
        unsaid = given if given or not self._interactive else None
        return self._meant(unsaid, words, typed.workspace_host, default="")

    def _need_ids(self, given: GivenWorkspace, host: str) -> None:
        missing = [name for name in ("tenant_id", "client_id") if not getattr(given, name)]
        if missing and not self._interactive:
            options = ", ".join(f"--{name.replace('_', '-')}" for name in missing)
            raise ConfigError(f"the workspace {host} needs {options} too")

    def _client_secret(
        self, given: GivenWorkspace, files: SetupFiles
    ) -> tuple[str, Callable[[], None]]:
        """Return the path for the settings, and what writes the secret that was typed."""
        if given.client_secret_file is not None:
            return str(given.client_secret_file.absolute()), lambda: None
        path = files.workspace_secret(given.name)
        if path.exists():
            return path.name, lambda: None
        secret = self.hidden("Its client secret (not shown; empty: put it into a file later)")
        return path.name, (lambda: write_new(path, secret)) if secret else (lambda: None)

    def _meant(
        self,
        given: str | None,
        words: str,
        meaning: Callable[[str], Meant],
        *,
        default: str | None = None,
    ) -> Meant:
        """Return what an option means; where it is None, ask until an answer means something."""
        if given is not None:
            return meaning(given)
        while True:
            answer: str = click.prompt(words, default=default, show_default=False, err=True)
            try:
                return meaning(answer.strip())
            except ConfigError as exc:
                click.echo(printable(str(exc)), err=True)
