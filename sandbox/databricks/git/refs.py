"""Read a repository's refs from its files; starting git for that would cost far more."""

from __future__ import annotations

import re
from pathlib import Path

SHA = re.compile(r"[0-9a-f]{40}")


def head(git_directory: Path) -> tuple[str | None, str | None]:
    """Return the branch that is checked out, None on a detached HEAD, and its commit."""
    try:
        text = (git_directory / "HEAD").read_text().strip()
    except FileNotFoundError:  # deleted at this moment
        return None, None
    if not text.startswith("ref: "):
        return None, text
    ref = text.removeprefix("ref: ")
    return ref.removeprefix("refs/heads/"), resolve(git_directory, ref)


def resolve(git_directory: Path, ref: str) -> str | None:
    """Return what the full name *ref* points at, None where there is no such ref."""
    try:
        text = (git_directory / ref).read_text().strip()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return _packed(git_directory, ref)
    return text if SHA.fullmatch(text) else None


def was_at(git_directory: Path, ref: str, commit: str) -> bool:
    """Return whether *ref* was ever at *commit*, by its reflog."""
    try:
        lines = (git_directory / "logs" / ref).read_text().splitlines()
    except FileNotFoundError:
        return False
    return any(commit in line.split(" ", 2)[:2] for line in lines)


def _packed(git_directory: Path, ref: str) -> str | None:
    try:
        lines = (git_directory / "packed-refs").read_text().splitlines()
    except FileNotFoundError:
        return None
    for line in lines:
        sha, _, name = line.partition(" ")
        if name == ref and SHA.fullmatch(sha):
            return sha
    return None
