"""Parse a branch's name as people and CI systems write it. Pure."""

from __future__ import annotations

from promotion.errors import ConfigError
from promotion.model import HEADS

# Prefixes that git's commands accept in a branch's name, and other programs do not.
PREFIXES = ("refs/remotes/origin/", "remotes/origin/", "origin/", "heads/")
FORBIDDEN = set("~^:?*[\\\x7f")


def branch_name(text: str) -> str:
    """Return the branch of a name or a full ref, or raise ConfigError.

    CI systems provide the full ref ($GITHUB_REF). Whether the branch exists is not known here:
    `origin/main` may be one.
    """
    name = text.strip().removeprefix(HEADS)
    if name.startswith("refs/") or not _allowed(name):
        raise ConfigError(
            f"{text!r} is not a branch: give a branch's name, like main{did_you_mean(name)}"
        )
    return name


def did_you_mean(branch: str) -> str:
    """Return a suggestion for a name with one of git's prefixes, and "" for any other."""
    prefix = next((each for each in PREFIXES if branch.startswith(each)), "")
    rest = branch.removeprefix(prefix)
    return f"; did you mean {rest!r}?" if prefix and rest else ""


def _allowed(name: str) -> bool:
    """Return whether git allows a branch of this name (`git check-ref-format --branch`)."""
    if not name or name.startswith("-") or name.endswith(".") or name == "@":
        return False
    if ".." in name or "@{" in name or any(mark <= " " or mark in FORBIDDEN for mark in name):
        return False
    parts = name.split("/")
    return all(part and not part.startswith(".") and not part.endswith(".lock") for part in parts)
