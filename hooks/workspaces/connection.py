"""One workspace, its address, and how to sign in to it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from promotion.discovery import ROOTS
from promotion.errors import ConfigError, SignInError
from promotion.safe_text import HIDDEN

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
EXAMPLE = "adb-1234567890123456.7.azuredatabricks.net"

VISIBLE = re.compile(r"[!-~]+")  # the characters of an address or of a header's token
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_IPV6 = re.compile(r"[0-9a-f:.]+")
_WORD = re.compile(r"[A-Za-z0-9_-]{1,24}")  # shorter than any token


@dataclass(frozen=True)
class Connection:
    """A workspace that the user's own configuration names, and the identity for it."""

    name: str  # a profile's name, or the host's
    host: str  # "https://adb-1.2.azuredatabricks.net"
    identity: str  # in words: "profile dev (personal access token)"
    authorization: Callable[[], str] = field(repr=False)  # the header's value, renewed in time
    roots: tuple[str, ...] = ROOTS
    service_principal: bool = False  # its Git credential may be ours to store


class NeedsLoginError(SignInError):
    """Nobody is signed in, and a sign-in needs a person."""

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(f"{message}: {next_step}")
        self.next_step = next_step


def workspace_url(text: str, *, source: str) -> str:
    """Return a workspace's address without path, query or user, or raise ConfigError.

    People paste addresses as the browser shows them (`…/?o=123`), and leave the scheme out.
    A token is sent there, so it must be https; plain http is for stand-ins on this machine.
    """
    hint = f"{source} is not a workspace's address: give its host name, like {EXAMPLE}"
    scheme, host, port = _parts(text, hint)
    if scheme != "https" and not (scheme == "http" and host.strip("[]") in LOOPBACK):
        raise ConfigError(f"{source} must start with https://")
    # No workspace has a host without a dot; it may be a token that was pasted in the wrong place.
    if not any(mark in host for mark in ".:") and host not in LOOPBACK:
        raise ConfigError(hint)
    return f"{scheme}://{host}" + (f":{port}" if port and port != 443 else "")


def https_origin(text: str, *, source: str) -> str:
    """Return an https address without path, query or user, or raise ConfigError."""
    hint = f"{source} must be an https address, like https://login.microsoftonline.com"
    scheme, host, port = _parts(text, hint)
    if scheme != "https":
        raise ConfigError(hint)
    return f"https://{host}" + (f":{port}" if port and port != 443 else "")


def host_name(url: str) -> str:
    """Return the host and port of a workspace's address, which serve as its name."""
    return urlsplit(url).netloc


def header_token(token: str, *, source: str) -> str:
    """Return a token that is valid in a request's header, or raise ConfigError."""
    if not VISIBLE.fullmatch(token):
        raise ConfigError(
            f"{source} holds a character that no token has, such as a space: copy the token again"
        )
    return token


def plain_word(value: str) -> str:
    """Return a wrong value for a message, hidden unless it is short: it may hold a secret."""
    return value if _WORD.fullmatch(value) else HIDDEN


def _parts(text: str, hint: str) -> tuple[str, str, int | None]:
    """Return scheme, host (an IPv6 one in brackets) and port; errors never quote the text.

    The text is checked before it is parsed: urlsplit drops line breaks, so that the text on both
    sides of one, perhaps a token, would become one host name.
    """
    text = text.strip()
    if not VISIBLE.fullmatch(text) or "\\" in text:
        raise ConfigError(hint)
    try:
        split = urlsplit(text if "://" in text else f"https://{text}")
        port = split.port
    except ValueError:
        raise ConfigError(hint) from None
    host = (split.hostname or "").removesuffix(".")
    if "@" in split.netloc:
        raise ConfigError(hint)
    if ":" in host and _IPV6.fullmatch(host):
        return split.scheme, f"[{host}]", port
    if not _HOST_NAME.fullmatch(host):
        raise ConfigError(hint)
    return split.scheme, host, port
