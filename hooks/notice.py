"""The last failure, kept in one small file until the next push has shown it."""

# ruff: noqa: PTH108, PTH118, PTH123

from __future__ import annotations

import os

from hooks.owner_only import write_whole

NAME = "last-failure"
LONGEST = 2000


def take(directory: str) -> str:
    """Return what is to be shown, once: "" where nothing failed."""
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
    """Forget a failure that has been overtaken by a success of the same subject."""
    path = os.path.join(directory, NAME)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            told = file.readline().rstrip("\n")
        if told == subject:
            os.unlink(path)
    except OSError:
        return
