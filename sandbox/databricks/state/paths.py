"""Paths in a workspace. The `/Workspace` mount in front of a path means nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterator

MOUNT = "/Workspace"
ROOTS = ("/", "/Repos", "/Users", "/Shared")


def normalise(path: str) -> str:
    """Return *path* without the mount and without a trailing slash."""
    if path == MOUNT or path.startswith(f"{MOUNT}/"):
        path = path.removeprefix(MOUNT)
    return path.rstrip("/") or "/"


def parent(path: str) -> str:
    """Return the parent directory of *path*."""
    return path.rpartition("/")[0] or "/"


def ancestors(path: str) -> Iterator[str]:
    """Yield the directories above *path*, nearest first, ending with "/"."""
    while path != "/":
        path = parent(path)
        yield path


def is_within(path: str, directory: str) -> bool:
    """Return whether *path* is *directory* or beneath it."""
    return directory in ("/", path) or path.startswith(f"{directory}/")
