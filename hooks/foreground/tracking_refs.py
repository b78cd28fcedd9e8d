"""Read the remote-tracking refs before a push moves them."""

from __future__ import annotations

import os

from hooks.foreground.program_output import output_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

TRACKING = "refs/remotes/"
LISTING = "--format=%(symref)%(objectname) %(refname)"


def tracking_refs(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the local tracking refs of every remote; may raise OSError."""
    return by_name(os.fsdecode(output_of(("git", "for-each-ref", LISTING, TRACKING), environ)))


def commit(revision: str, environ: Mapping[str, str]) -> str:
    """Return the commit of a revision; raise OSError where it has none."""
    if revision.startswith("-"):
        raise OSError(f"{revision} names no commit")
    asked = ("git", "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    return os.fsdecode(output_of(asked, environ)).strip()


def by_name(listing: str) -> dict[str, str]:
    """Return the refs of a listing, without symbolic ones such as origin/HEAD."""
    pairs = (line.partition(" ") for line in listing.splitlines())
    return {ref: sha for sha, _, ref in pairs if not sha.startswith("refs/")}
