"""Look for tokens and secrets where none may be: in what the tests have left on disk, and in
what the product has written on GitHub, whichever stand-in it was."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from sandbox import disclosure

# A cheap look first; the expression only where one of these is found.
MARKS = (b"ghs_", b"ghp_", b"gho_", b"ghu_", b"ghr_", b"github_pat_", b"dapi", b"eyJ", b"PRIVATE K")
MARKS += (disclosure.MADE.encode(), b"8Q~")
SHAPES = re.compile(
    rb"(?:gh[pousr]_[A-Za-z0-9._-]{30,}|github_pat_\w{30,}|dapi[0-9a-f]{32}"
    rb"|5ec2e75ec2[0-9a-f]{30}|[\w-]{3}8Q~[\w~.-]{30,}"
    rb"|eyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,})"
    rb"|-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]"
)
# Files whose purpose is a secret; each must be its owner's only.
KEEPERS = re.compile(
    r".*\.(?:secret|client-secret|key|pem|pfx|p12)|\.databrickscfg|\.netrc|ours-[a-z-]+\.json"
    r"|token|msal.*"
)
# Git's own store is compressed; the plugins' environments hold other people's programs.
SKIPPED = {"objects", "logs", "site-packages", "node_modules", "pre-commit", "prek", "plugin"}
LARGEST = 64 * 1024 * 1024  # bytes
SHORTEST = 16  # letters of a secret that is looked for by its value; tests have short ones


def secrets_of(sandbox):
    """Return every secret that a sandbox made or gave out."""
    github = sandbox.github
    found = {token.token for token in github.issued_tokens}
    found |= {sandbox.user_token, github.webhook_secret}
    found |= {github.private_key_path.read_text()}
    for place in sandbox.places:
        found |= {place.token, place.principal.client_secret}
    return found


@contextlib.contextmanager
def watching():
    """Return a list that gets (where, the secret's first letters) for each text with a secret."""
    found = []

    def watch(where, text):
        if (leak := leak_in(text.encode(errors="replace"), marks(disclosure.known))) is not None:
            found.append((where, leak))

    disclosure.watchers.append(watch)
    try:
        yield found
    finally:
        disclosure.watchers.remove(watch)


def marks(known):
    """Return what is looked for: the shapes of tokens, and secrets that are known by value."""
    return [*MARKS, *(secret.encode() for secret in tuple(known) if len(secret) >= SHORTEST)]


def files_below(directory):
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in SKIPPED:
                    yield from files_below(entry.path)
            elif entry.is_file(follow_symlinks=False) and not KEEPERS.fullmatch(entry.name):
                yield Path(entry.path)


def leaks(directory, known=()):
    """Yield (path, the secret's first letters) for each file below that holds a secret."""
    looked_for = marks(known)
    for path in files_below(directory):
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST)
        except OSError:  # gone meanwhile
            continue
        if (found := leak_in(content, looked_for)) is not None:
            yield path, found


def leak_in(content, looked_for):
    """Return the first letters of a secret in *content*, or None."""
    present = [mark for mark in looked_for if mark in content]
    if not present:
        return None
    exact = [mark for mark in present if mark not in MARKS]
    found = exact[0] if exact else next(iter(SHAPES.findall(content)), None)
    return None if found is None else found[:12].decode()
