"""What a check run says it is about, and the kinds of what must not be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.github.git.refs import TAGS
from sandbox.github.state.check_runs import CheckRun

FALSE_SUCCESS = "false success"
FALSE_TITLE = "a title that is not so"
FALSE_SUPERSEDED = "superseded, although it is the newest"
FALSE_FAILURE = "false failure"
BEHIND = "behind"
MISSING = "missing report"
LEFT_OPEN = "left open"
MADE_TWICE = "made twice"
STRAY = "a report where nothing follows"
UNIDENTIFIED = "a report that could be of several refs"
WORK_LOST = "work lost"
RULE_BROKEN = "moved, although a rule leaves it alone"

COLUMNS = {
    "behind": {BEHIND},
    "missing reports": {MISSING, LEFT_OPEN},
    "false successes": {FALSE_SUCCESS, FALSE_TITLE},
    "false failures": {FALSE_FAILURE, FALSE_SUPERSEDED},
    "made twice": {MADE_TWICE},
    "strays": {STRAY, UNIDENTIFIED},
    "work lost": {WORK_LOST, RULE_BROKEN},
}


@dataclass(frozen=True)
class Fault:
    """Something that must not be."""

    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}"


def columns(faults: Iterable[Fault]) -> dict[str, int]:
    """Return how many faults there are in each column."""
    kinds = [fault.kind for fault in faults]
    return {name: sum(kind in column for kind in kinds) for name, column in COLUMNS.items()}


def in_words(faults: Iterable[Fault]) -> str:
    """Return the columns as one line."""
    return ", ".join(f"{count} {name}" for name, count in columns(faults).items())


@dataclass(frozen=True)
class Identity:
    """A ref in a workspace; None where the check run does not say."""

    ref: str | None  # or only the last part of its name; None: that of some branch
    workspace: str | None  # None: all of them

    def __str__(self) -> str:
        return f"{self.ref or 'some ref'} in {self.workspace or 'all workspaces'}"


def identity_of(run: CheckRun) -> Identity | None:
    """Return what a check run says it is about; None where it is not one of ours.

    By its external id, "REF WORKSPACE" or for all workspaces only "REF"; without one by its name,
    "Brickpush / WORKSPACE", where a branch or a tag may follow.
    """
    ref, _, workspace = run.external_id.partition(" ")
    if ref.startswith("refs/"):
        return Identity(ref, workspace or None)
    first, *rest = run.name.split(" / ", 2)
    if first != "Brickpush":
        return None
    name = rest[1] if len(rest) > 1 else None
    if name is not None and name.endswith(" (tag)"):
        name = TAGS + name.removesuffix(" (tag)")
    return Identity(name, rest[0] if rest else None)
