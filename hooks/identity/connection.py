"""One workspace, and how to sign in to it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from promotion.discovery import ROOTS
from promotion.errors import ConfigError, SignInError

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


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
    """Nobody is signed in, and signing in needs a person."""

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(f"{message}: {next_step}")
        self.next_step = next_step


def workspace_url(text: str, *, source: str) -> str:
    """Return a workspace's address without path, query or user, or raise ConfigError.

    People paste addresses as the browser shows them (`…/?o=123`), and leave the scheme out.
    A token goes there, so it must be https; plain http is for stand-ins on this machine.
    """
    try:
        split = urlsplit(text if "://" in text else f"https://{text}")
        port = split.port
    except ValueError as exc:
        raise ConfigError(f"{source} is not a workspace's address: {exc}") from None
    if not split.hostname or any(mark in split.netloc for mark in "@\\ "):
        raise ConfigError(
            f"{source} is not a workspace's address: "
            "give its host name, like adb-1234567890123456.7.azuredatabricks.net"
        )
    if split.scheme != "https" and not (split.scheme == "http" and split.hostname in LOOPBACK):
        raise ConfigError(f"{source} must start with https://, not {split.scheme}://")
    host = f"[{split.hostname}]" if ":" in split.hostname else split.hostname
    return f"{split.scheme}://{host}" + (f":{port}" if port and port != 443 else "")


def host_name(url: str) -> str:
    """Return the part of a workspace's address that a person knows it by."""
    return urlsplit(url).netloc
