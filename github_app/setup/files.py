"""Write the files of a setup: secrets that only their owner can read, and `brickpush.toml`."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from promotion.entra import PUBLIC_CLOUD
from promotion.errors import ConfigError

OWNER_ONLY = 0o600
EVERYBODY_READS = 0o644
GITHUB = "https://github.com"


@dataclass(frozen=True)
class WorkspaceAnswers:
    """The settings of the first workspace."""

    name: str
    host: str
    tenant_id: str
    client_id: str
    client_secret_path: str
    authority_host: str = PUBLIC_CLOUD


@dataclass(frozen=True)
class Answers:
    """The values in `brickpush.toml`."""

    app_id: int
    private_key_path: str
    webhook_secret_path: str
    github_url: str = GITHUB
    ca_path: Path | None = None
    client_id: str = ""
    client_secret_path: str = ""
    public_url: str = ""  # of the service, for people, if known
    workspace: WorkspaceAnswers | None = None


@dataclass(frozen=True)
class SetupFiles:
    """The paths of all files: beside the settings file, which must not exist yet."""

    config: Path

    @property
    def private_key(self) -> Path:
        return self.config.parent / "app.private-key.pem"

    @property
    def webhook_secret(self) -> Path:
        return self.config.parent / "webhook.secret"

    @property
    def client_secret(self) -> Path:
        return self.config.parent / "app.client-secret"

    @property
    def secrets(self) -> tuple[Path, ...]:
        """The files of the App's secrets."""
        return self.private_key, self.webhook_secret, self.client_secret

    def workspace_secret(self, name: str) -> Path:
        return self.config.parent / f"{name}.client-secret"

    def refuse_existing(self) -> None:
        """Raise ConfigError if a file of an earlier setup exists."""
        if self.config.exists():
            raise ConfigError(
                f"{self.config} exists already and is never overwritten: run "
                "`brickpush doctor` to check it, or give --config another name in a new directory"
            )
        for path in self.secrets:
            if path.exists():
                raise ConfigError(
                    f"{path} exists already, and may be the only copy: move it away, "
                    "or give --config a name in a new directory"
                )

    def prepare(self) -> None:
        """Create the directory; raise ConfigError if it is not writable."""
        directory = self.config.absolute().parent
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise ConfigError(f"{directory} can't be created ({exc.strerror})") from None
        if not os.access(directory, os.W_OK | os.X_OK):
            raise ConfigError(f"{directory} can't be written to: choose another with --config")


def write_new(path: Path, text: str, *, mode: int = OWNER_ONLY) -> None:
    """Write a new file, with its final permissions from the start.

    A file that can't be written completely is removed again.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise ConfigError(f"{path} exists already, and is never overwritten") from None
    except OSError as exc:
        raise ConfigError(f"{path} can't be written ({exc.strerror})") from None
    complete = False
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        complete = True
    except OSError as exc:
        raise ConfigError(f"{path} can't be written ({exc.strerror})") from None
    finally:
        if not complete:
            path.unlink()


def write_config(files: SetupFiles, answers: Answers) -> None:
    """Write `brickpush.toml`; it contains no secret."""
    write_new(files.config, config_text(answers), mode=EVERYBODY_READS)


def config_text(answers: Answers) -> str:
    """Return the settings as TOML. Pure."""
    lines = [
        "# Written by `brickpush setup`. It contains no secrets, only the paths of their files."
    ]
    if answers.public_url:
        lines.append(f"public_url = {quoted(answers.public_url)} # check runs link to it")
    if answers.ca_path is not None:
        lines.append(f"ca_path = {quoted(str(answers.ca_path.absolute()))}")
    lines += ["", "[github]", f"app_id = {answers.app_id}"]
    lines.append(f"private_key_path = {quoted(answers.private_key_path)}")
    lines.append(f"webhook_secret_paths = [{quoted(answers.webhook_secret_path)}]")
    if answers.github_url != GITHUB:
        lines.append(f"url = {quoted(answers.github_url)}")
    if answers.client_id:
        lines.append(f"# client id: {answers.client_id}; its secret: {answers.client_secret_path}")
    lines += ["", *_workspace(answers.workspace)]
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """Return *text* as a TOML string; JSON's escapes are valid there, except for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _workspace(given: WorkspaceAnswers | None) -> list[str]:
    if given is None:
        example = WorkspaceAnswers(
            name="dev",
            host="https://adb-1234567890123456.7.azuredatabricks.net",
            tenant_id="the directory (tenant) id",
            client_id="the service principal's application (client) id",
            client_secret_path="dev.client-secret",  # nosec B106
        )
        head = "# The service needs at least one workspace: fill this in, and remove the #."
        return [head, *(f"# {line}".rstrip() for line in _workspace(example))]
    lines = [f"[workspaces.{given.name}]", f"host = {quoted(given.host)}", ""]
    lines += [
        f"[workspaces.{given.name}.entra]",
        f"tenant_id = {quoted(given.tenant_id)}",
        f"client_id = {quoted(given.client_id)}",
        f"client_secret_path = {quoted(given.client_secret_path)}",
    ]
    if given.authority_host != PUBLIC_CLOUD:
        lines.append(f"authority_host = {quoted(given.authority_host)}")
    return lines


def new_webhook_secret() -> str:
    """Return 256 random bits in hex, which is safe in every shell and header."""
    return secrets.token_hex(32)
