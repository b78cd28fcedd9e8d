"""A branch as people and CI systems name it. Pure."""

from __future__ import annotations

from promotion.errors import ConfigError
from promotion.push import HEADS

# Names that git's commands give to a branch, and other programs do not take.
PREFIXES = ("refs/remotes/origin/", "remotes/origin/", "origin/", "heads/")
FORBIDDEN = set("~^:?*[\\\x7f")


def branch_name(text: str) -> str:
    """Return the branch that is meant by its name or by its full ref; or raise ConfigError.

    CI systems have the full ref at hand ($GITHUB_REF). Whether there is such a branch is not known
    here: `origin/main` may be one.
    """
    name = text.strip().removeprefix(HEADS)
    if name.startswith("refs/") or not _allowed(name):
        raise ConfigError(
            f"{text!r} is not a branch: give a branch's name, like main{did_you_mean(name)}"
        )
    return name


def did_you_mean(branch: str) -> str:
    """Return a question about a name that git gives to a branch here, and "" for any other."""
    prefix = next((each for each in PREFIXES if branch.startswith(each)), "")
    rest = branch.removeprefix(prefix)
    return f"; did you mean {rest!r}?" if prefix and rest else ""


def _allowed(name: str) -> bool:
    """Tell whether git allows a branch of this name (`git check-ref-format --branch`)."""
    if not name or name.startswith("-") or name.endswith(".") or name == "@":
        return False
    if ".." in name or "@{" in name or any(mark <= " " or mark in FORBIDDEN for mark in name):
        return False
    parts = name.split("/")
    return all(part and not part.startswith(".") and not part.endswith(".lock") for part in parts)
