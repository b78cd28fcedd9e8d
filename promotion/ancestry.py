"""How two commits of a repository stand to each other."""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable


class Ancestry(enum.Enum):
    """What is known of a head commit and another commit, in one repository."""

    CONTAINS = "contains"  # the head is the commit or a descendant of it
    LACKS = "lacks"  # the repository knows the head, and it does not contain the commit
    FOREIGN = "foreign"  # the repository does not know the head at all
    UNKNOWN = "unknown"  # nobody can say

    @classmethod
    def of(cls, contains: bool | None) -> Ancestry:
        """Return the ancestry of an answer that may be yes, no or none."""
        return {True: cls.CONTAINS, False: cls.LACKS, None: cls.UNKNOWN}[contains]


# Called as compare(head, commit).
Compare = Callable[[str, str], Ancestry]


def nobody_knows(_head: str, _commit: str) -> Ancestry:
    """The answer of a caller that can't ask about ancestry."""
    return Ancestry.UNKNOWN


class AskedOnce:
    """A compare that asks once for each pair of commits, however many threads want to know."""

    def __init__(self, compare: Compare) -> None:
        self._compare = compare
        self._known: dict[tuple[str, str], Ancestry] = {}
        self._asking: dict[tuple[str, str], threading.Lock] = {}

    def __call__(self, head: str, commit: str) -> Ancestry:
        pair = head, commit
        with self._asking.setdefault(pair, threading.Lock()):
            if pair not in self._known:
                self._known[pair] = self._compare(head, commit)
            return self._known[pair]
