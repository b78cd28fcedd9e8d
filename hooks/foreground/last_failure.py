"""Keep the last failure in a small file until the next push has shown it."""

# ruff: noqa: PTH108, PTH118, PTH123

from __future__ import annotations

import os

from hooks.foreground.private_file import write_whole

NAME = "last-failure"
LONGEST = 2000


def take(directory: str) -> str:
    """Return the failure to show, and remove it; "" where nothing failed."""
    path = os.path.join(directory, NAME)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read(LONGEST)
        os.unlink(path)
    except OSError:
        return ""
    return text.partition("\n")[2].strip()


def leave(directory: str, subject: str, text: str) -> None:
    """Keep *text* about a repository's ref for the next push. May raise OSError."""
    path = os.path.join(directory, NAME)
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    draft_name = f"{os.getpid()}-{abs(hash(subject))}"
    write_whole(path, f"{subject}\n{line}\n"[:LONGEST], draft_name)


def withdraw(directory: str, subject: str) -> None:
    """Remove a failure that is superseded by a success of the same subject."""
    path = os.path.join(directory, NAME)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            stored = file.readline().rstrip("\n")
        if stored == subject:
            os.unlink(path)
    except OSError:
        return
