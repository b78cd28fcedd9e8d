"""What a search for leaks needs to know of every stand-in in this process.

A stand-in reports each secret that it is given, and each text that the product has written where
others read it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

MADE = "5ec2e75ec2"  # the prefix of each secret that a stand-in creates, to find them quickly
Watcher = Callable[[str, str], None]

known: set[str] = set()  # secrets that a stand-in was given, also those replaced since
watchers: list[Watcher] = []  # each is called with where a text was written, and the text


def new_secret() -> str:
    """Return 40 hexadecimal digits, as GitHub's secrets are."""
    return MADE + secrets.token_hex(20)[len(MADE) :]


def secret(value: str) -> None:
    """Note a secret that may look like any other text."""
    if value and not value.startswith(MADE):
        known.add(value)


def written(where: str, *texts: str | None) -> None:
    """Pass what the product has written to all watchers."""
    for watcher in watchers:
        watcher(where, "\n".join(text for text in texts if text))
