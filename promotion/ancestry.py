"""Whether one commit of a repository contains another."""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable


class Ancestry(enum.Enum):
    """The relation of a head commit to another commit of one repository."""

    CONTAINS = "contains"  # the head is the commit or a descendant of it
    LACKS = "lacks"  # the repository has the head, and the head does not contain the commit
    FOREIGN = "foreign"  # the repository does not have the head at all
    UNKNOWN = "unknown"  # it could not be determined

    @classmethod
    def of(cls, contains: bool | None) -> Ancestry:
        """Return the ancestry for True, False or None (not known)."""
        return {True: cls.CONTAINS, False: cls.LACKS, None: cls.UNKNOWN}[contains]


# Called as compare(head, commit).
Compare = Callable[[str, str], Ancestry]


def unknown_ancestry(_head: str, _commit: str) -> Ancestry:
    """Answer UNKNOWN, for a caller that can't compare commits."""
    return Ancestry.UNKNOWN


class CachedCompare:
    """A compare that asks once for each pair of commits, whatever the number of threads."""

    def __init__(self, compare: Compare) -> None:
        self._compare = compare
        self._cache: dict[tuple[str, str], Ancestry] = {}
        self._locks: dict[tuple[str, str], threading.Lock] = {}

    def __call__(self, head: str, commit: str) -> Ancestry:
        pair = head, commit
        with self._locks.setdefault(pair, threading.Lock()):
            if pair not in self._cache:
                self._cache[pair] = self._compare(head, commit)
            return self._cache[pair]
