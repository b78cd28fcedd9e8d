"""Make what a person typed, or an option told, into what is meant; ConfigError where it can't be.

But for the files that are named, it looks at nothing outside.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from pydantic import TypeAdapter, ValidationError

from github_app.app_identity import rsa_key
from github_app.settings import LOOPBACK, Origin
from github_app.setup.manifest import WEBHOOK_PATH
from promotion.errors import ConfigError

_LOGIN = re.compile(r"[A-Za-z0-9_-]{1,100}")
_DIRECTORY_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")  # a GUID, or a domain


def webhook_address(url: str) -> str:
    """Return the whole webhook URL: a host alone is completed with our path."""
    split = _split(url if "://" in url else f"https://{url}")
    if split is None or not split.hostname or split.username or split.password:
        raise ConfigError(f"{url!r} is no address that GitHub could reach")
    if split.scheme != "https" and split.hostname not in LOOPBACK:
        raise ConfigError(f"{url} must start with https://: webhooks tell of private repositories")
    path = split.path if split.path not in ("", "/") else WEBHOOK_PATH
    return f"{split.scheme}://{split.netloc}{path}"


def organization_name(text: str) -> str:
    """Return the login of an organization; empty means the person's own account."""
    if text and not _LOGIN.fullmatch(text):
        raise ConfigError(f"{text!r} is no organization's name")
    return text


def workspace_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise ConfigError(f"{text!r} can't name a workspace: letters, digits, - and _")
    return text


def origin(text: str, what: str) -> str:
    """Return an address to which tokens may go, without its path."""
    try:
        address: str = TypeAdapter(Origin).validate_python(text)
    except ValidationError as exc:
        problem = exc.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{what} {text}: {problem}") from None
    if _split(address) is None:
        raise ConfigError(f"{what} {text}: is no address")
    return address


def workspace_host(text: str) -> str:
    """Return a workspace's address; empty means that it is told later."""
    return origin(text, "the workspace") if text else ""


def directory_id(text: str) -> str:
    """Return a tenant's or an application's id."""
    if not _DIRECTORY_NAME.fullmatch(text):
        raise ConfigError(
            f"{text!r} is no id: Entra shows it as 00000000-0000-0000-0000-000000000000"
        )
    return text


def app_id(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise ConfigError(f"{text!r} is no App id: its settings page shows a number")
    return int(text)


def key_file(text: str) -> Path:
    """Return the file of a private key, which must hold one."""
    path = Path(text).expanduser()
    try:
        rsa_key(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is no text"
        raise ConfigError(f"{text} can't be read: {reason}") from None
    return path


def _split(url: str) -> SplitResult | None:
    """Return an address in its parts, None where programs could read it in two ways."""
    if "\\" in url or " " in url or not url.isprintable():
        return None
    try:
        split = urlsplit(url)
        _ = split.port
    except ValueError:
        return None
    return split
