"""How two commits of a repository stand to each other. Pure."""

from __future__ import annotations

import enum
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
