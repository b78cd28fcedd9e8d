"""Secrets that the settings name: from the environment, or each from a file of its own."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from github_app.settings import GitHubSettings
from promotion.errors import ConfigError


def read_secret(name: str, given: SecretStr | None, path: Path | None) -> str:
    """Return a secret from the environment or from its file, or raise ConfigError."""
    if given is not None and (secret := given.get_secret_value().strip()):
        return secret
    if path is None:
        raise ConfigError(
            f"{name} is not set: name a file that holds it, or set it in the environment"
        )
    try:
        return read_text(path)
    except ConfigError as exc:
        raise ConfigError(f"{name}: {exc}") from None


def read_text(path: Path) -> str:
    """Return the secret in a file without what editors and shells put around it."""
    try:
        secret = path.read_text(encoding="utf-8-sig").strip()
    except OSError as exc:
        raise ConfigError(f"{path} can't be read ({exc.strerror})") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not text in UTF-8: save it as that") from None
    if not secret:
        raise ConfigError(f"{path} is empty")
    return secret


def webhook_secrets(github: GitHubSettings) -> tuple[str, ...]:
    """Return every secret that a delivery may be signed with; none at all is an error."""
    secrets = [
        read_secret("github.webhook_secret_paths", None, path)
        for path in github.webhook_secret_paths
    ]
    secrets += [given.get_secret_value().strip() for given in github.webhook_secrets]
    if not all(secrets) or not secrets:
        raise ConfigError(
            "github.webhook_secret_paths names no secret: unsigned deliveries are never accepted"
        )
    return tuple(secrets)
