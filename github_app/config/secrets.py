"""Read the secrets that the settings name, from the environment or from files."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from github_app.config.settings import GitHubSettings
from promotion.errors import ConfigError


def read_secret(name: str, given: SecretStr | None, path: Path | None) -> str:
    """Return a secret from the environment or its file; raise ConfigError without one."""
    if given is not None and (secret := given.get_secret_value().strip()):
        return secret
    if path is None:
        raise ConfigError(
            f"{name} is not set: name a file that contains it, or set it in the environment"
        )
    try:
        return read_text(path)
    except ConfigError as exc:
        raise ConfigError(f"{name}: {exc}") from None


def read_text(path: Path) -> str:
    """Return the secret in a file, without a byte order mark and surrounding whitespace."""
    try:
        secret = path.read_text(encoding="utf-8-sig").strip()
    except OSError as exc:
        raise ConfigError(f"{path} can't be read ({exc.strerror})") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text: save it as UTF-8") from None
    if not secret:
        raise ConfigError(f"{path} is empty")
    return secret


def webhook_secrets(github: GitHubSettings) -> tuple[str, ...]:
    """Return every secret that a delivery may be signed with; raise ConfigError for none."""
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


def key_paths(github: GitHubSettings) -> list[Path]:
    """Return the files of the App's keys, in the order in which they are tried. Pure."""
    first = [] if github.private_key_path is None else [github.private_key_path]
    return [*first, *github.private_key_paths]


def private_keys(github: GitHubSettings) -> list[str]:
    """Return every private key in the settings, in order; raise ConfigError for none."""
    name = "github.private_key_path"
    keys = [
        read_secret("github.private_key_paths", None, each) for each in github.private_key_paths
    ]
    if github.private_key is not None or github.private_key_path is not None or not keys:
        keys.insert(0, read_secret(name, github.private_key, github.private_key_path))
    return keys
