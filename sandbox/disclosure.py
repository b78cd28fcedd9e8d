"""What a look for leaks has to know of every stand-in in this process, wherever it was made.

A stand-in reports each secret that it is given, and each text that the product has written where
others read it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

MADE = "5ec2e75ec2"  # how each secret begins that a stand-in makes: they are found by it at once
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
    """Show what the product has written to all who watch."""
    for watcher in watchers:
        watcher(where, "\n".join(text for text in texts if text))
