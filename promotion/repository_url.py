"""Map every spelling of a repository's URL to one key. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from promotion.safe_text import redact

# git@host:owner/name, the scp-like form; a host of one letter would be a Windows drive.
_SCP = re.compile(r"(?:[^@/\s]+@)?(?P<host>[^:/\s]{2,}):(?P<path>(?!/*\d+/)[^\s]+)")
_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_DNS_PORTS = {"ssh", "git"}  # their ports do not identify the repository


@dataclass(frozen=True)
class RepositoryKey:
    """The identity of a repository: two URLs with equal keys mean the same one."""

    host: str  # "github.com", "ghes.example.com:8443"
    owner: str
    name: str

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"


def repository_key(url: str | None) -> RepositoryKey | None:
    """Return the key of *url*, or None where it names no repository of a host.

    GitHub's owners and names are case-insensitive, and so is a host; user names, passwords,
    default ports, "www.", doubled slashes, ".git", queries and fragments do not identify the
    repository.
    """
    if not url:
        return None
    url = url.strip()
    # Parsers disagree about the host of such a URL: git could pull from another one.
    if "\\" in url or " " in url or not url.isprintable():
        return None
    split = _split(url)
    if split is None:
        return None
    host = _host(split)
    parts = [part for part in unquote(split.path).casefold().split("/") if part]
    if host is None or len(parts) != 2:
        return None
    owner, name = parts[0], parts[1].removesuffix(".git")
    return RepositoryKey(host, owner, name) if name else None


def named(url: str | None) -> str:
    """Return the repository of *url* for a message, without any password."""
    key = repository_key(url)
    return f"{key.host}/{key.full_name}" if key is not None else redact(url or "none")[:200]


def is_unencrypted(url: str | None) -> bool:
    """Return whether a token sent to *url* could be read on the network; not for loopback."""
    split = _split((url or "").strip())
    return split is not None and split.scheme == "http" and split.hostname not in LOOPBACK


def _split(url: str) -> SplitResult | None:
    if "://" not in url:
        scp = _SCP.fullmatch(url)
        if scp is None:
            return None
        url = f"ssh://{scp['host']}/{scp['path']}"
    try:
        split = urlsplit(url)
        _ = split.port
    except ValueError:
        return None
    return split if split.scheme in _DEFAULT_PORTS else None


def _host(split: SplitResult) -> str | None:
    host = (split.hostname or "").removeprefix("www.").rstrip(".")
    if host == "ssh.github.com":  # ssh over the https port
        host = "github.com"
    if not host:
        return None
    other_port = split.port and split.port != _DEFAULT_PORTS[split.scheme]
    return f"{host}:{split.port}" if other_port and split.scheme not in _DNS_PORTS else host
