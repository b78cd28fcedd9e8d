"""The operator's rules for paths: what Git folders follow, what a conflict does. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.version import Version

TAG = "tag:"


class OnConflict(enum.Enum):
    """What to do with a Git folder whose edits are in the way."""

    REPORT = "report"
    DISCARD = "discard"  # deletes everything that is not committed in the Git folder


@dataclass(frozen=True)
class Rule:
    """One rule; the first whose paths match a Git folder decides about it."""

    name: str  # "rule 2 of dev", as outcomes show it
    paths: tuple[str, ...]  # globs: * within one directory, ** across directories
    follow: str = "branch"  # "branch", "nothing" or "tag:PATTERN"
    on_conflict: OnConflict = OnConflict.REPORT
    back: bool = False  # whether a folder that follows tags may go to a lower version

    @property
    def tag_pattern(self) -> str | None:
        return self.follow.removeprefix(TAG) if self.follow.startswith(TAG) else None


EVERY_FOLDER = Rule("no rule", ("/**",))


def deciding_rule(path: str, rules: Sequence[Rule]) -> Rule:
    """Return the first rule that matches *path*; with none, the folder follows its branch."""
    return next((rule for rule in rules if _matches(path, rule.paths)), EVERY_FOLDER)


def _matches(path: str, patterns: Iterable[str]) -> bool:
    from wcmatch import glob  # the import takes 30 ms, which the hook does not need

    return bool(glob.globmatch(path, tuple(patterns), flags=glob.GLOBSTAR | glob.DOTGLOB))


def version(tag: str) -> Version | None:
    """Return the version that a tag names ("v1.2.3", "release-2.0"), or None."""
    from packaging.version import InvalidVersion, Version

    digits = next((place for place, char in enumerate(tag) if char.isdecimal()), None)
    if digits is None:
        return None
    try:
        return Version(tag[digits:])
    except InvalidVersion:
        return None


def highest(tags: Iterable[str], pattern: str) -> str | None:
    """Return the tag of the highest version among those that match, or None."""
    found = [(each, tag) for tag in tags if fnmatchcase(tag, pattern) and (each := version(tag))]
    return max(found)[1] if found else None
