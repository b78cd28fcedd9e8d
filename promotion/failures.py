"""Explain an error of Databricks: what it means, and what to do about it. Pure."""

from __future__ import annotations

import re

from promotion.errors import ApiError, PromotionError
from promotion.failure_table import ROWS, Failure

# The messages of git and of Databricks' dialog for edits that a checkout would overwrite. They
# count at the beginning only: names of branches and files, which anybody may choose, come later.
_EDITS = re.compile(
    r"(?:(?:error|fatal|git_conflict)\s*:\s*)*"
    r"(?:your local changes to the following files would be overwritten"
    r"|the following untracked working tree files would be overwritten"
    r"|(?:you have|there are|found) uncommitted changes"
    r"|uncommitted changes)\b",
    re.IGNORECASE,
)
# Quoted text and paths are names, and may contain any words.
_NAMES = re.compile(r"(?<!\w)(?:'[^']*'|\"[^\"]*\"|`[^`]*`)(?!\w)|(?<!\S)\(?/\S+")


def explain(exc: ApiError) -> Failure:
    """Return the first row that matches; git error codes are imprecise, so messages count too."""
    words = _NAMES.sub("", exc.message)
    return next((row.failure for row in ROWS if row.matches(exc, words)), _unknown(exc))


def in_words(exc: PromotionError) -> tuple[str, str]:
    """Return the reason and the next step of any error; only Databricks errors are explained."""
    if isinstance(exc, ApiError) and "/api/2.0/" in exc.call:
        failure = explain(exc)
        return failure.reason, failure.next_step
    return str(exc), "correct this, then re-run"


def edits_in_the_way(exc: ApiError) -> bool:
    """Return whether an update was refused for uncommitted edits, and for nothing else.

    Databricks has one code for these, for diverged histories and for merge conflicts. So both
    the code and the beginning of the message must match; any other wording does not count.
    """
    if exc.status not in (400, 409) or exc.error_code != "GIT_CONFLICT":
        return False
    return _EDITS.match(exc.message.strip()) is not None


def _unknown(exc: ApiError) -> Failure:
    words = " ".join(part for part in (exc.error_code, exc.message) if part)
    said = f"Databricks answered {exc.status}{': ' + words if words else ''}"
    if exc.call.startswith("GET "):
        return Failure(said, "open this path in Databricks: it shows more")
    return Failure(said, "open the Git folder in Databricks and pull there: it shows more")
