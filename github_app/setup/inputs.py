"""Validate and complete input from options and prompts; raise ConfigError if it is invalid.

Reads nothing except the files that the input names.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from pydantic import TypeAdapter, ValidationError

from github_app.config.settings import LOOPBACK, Origin
from github_app.github.identity import rsa_key
from github_app.github.manifest import WEBHOOK_PATH
from promotion.errors import ConfigError

_LOGIN = re.compile(r"[A-Za-z0-9_-]{1,100}")
_DIRECTORY_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")  # a GUID or a domain


def webhook_address(url: str) -> str:
    """Return the full webhook URL; a URL without a path gets our path."""
    split = _split(url if "://" in url else f"https://{url}")
    if split is None or not split.hostname or split.username or split.password:
        raise ConfigError(f"{url!r} is not a URL that GitHub could reach")
    if split.scheme != "https" and split.hostname not in LOOPBACK:
        raise ConfigError(f"{url} must start with https://: webhooks contain private data")
    path = split.path if split.path not in ("", "/") else WEBHOOK_PATH
    return f"{split.scheme}://{split.netloc}{path}"


def organization_name(text: str) -> str:
    """Return the login of an organization; empty means the user's own account."""
    if text and not _LOGIN.fullmatch(text):
        raise ConfigError(f"{text!r} is not an organization's name")
    return text


def workspace_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise ConfigError(f"{text!r} can't name a workspace: use letters, digits, - and _")
    return text


def origin(text: str, what: str) -> str:
    """Return the origin of a URL that tokens may be sent to."""
    try:
        address: str = TypeAdapter(Origin).validate_python(text)
    except ValidationError as exc:
        problem = exc.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{what} {text}: {problem}") from None
    if _split(address) is None:
        raise ConfigError(f"{what} {text}: is not a URL")
    return address


def workspace_host(text: str) -> str:
    """Return a workspace's URL; empty means later."""
    return origin(text, "the workspace") if text else ""


def directory_id(text: str) -> str:
    """Return a tenant's or an application's id."""
    if not _DIRECTORY_NAME.fullmatch(text):
        raise ConfigError(
            f"{text!r} is not an id: Entra shows it as 00000000-0000-0000-0000-000000000000"
        )
    return text


def app_id(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise ConfigError(f"{text!r} is not an App id: its settings page shows a number")
    return int(text)


def key_file(text: str) -> Path:
    """Return the path of a file that contains a private key."""
    path = Path(text).expanduser()
    try:
        rsa_key(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not text"
        raise ConfigError(f"{text} can't be read: {reason}") from None
    return path


def _split(url: str) -> SplitResult | None:
    """Return the parts of a URL; None if programs could parse it differently."""
    if "\\" in url or " " in url or not url.isprintable():
        return None
    try:
        split = urlsplit(url)
        _ = split.port
    except ValueError:
        return None
    return split


def public_url_of(webhook_url: str | None) -> str:
    """Return the origin of the webhook URL; empty if our pages may not be reachable there.

    A path other than ours means a proxy, which may forward nothing but webhooks.
    """
    if webhook_url is None or not webhook_url.endswith(WEBHOOK_PATH):
        return ""
    try:
        origin: str = TypeAdapter(Origin).validate_python(webhook_url)
    except ValidationError:
        return ""
    return origin if webhook_url == f"{origin}{WEBHOOK_PATH}" else ""
