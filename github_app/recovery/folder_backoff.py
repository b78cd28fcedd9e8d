"""Exponential backoff for Git folders that remain behind their branch.

Such a folder has local edits, or a permission is missing. A retry every ten minutes would only
add to the check run. A new commit on the branch resets the backoff.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from github_app.reports.outcomes import blocked
from github_app.storage.pending import Behind
from github_app.storage.push_order import FAILED
from github_app.storage.tables import branches, folder_backoff, outcomes, reports
from promotion.model import HEADS

MOST_SECONDS = 6 * 3600.0


def due(
    tx: sa.Connection,
    repository_id: int,
    branch: str,
    behind: Sequence[Behind],
    now: float,
    seconds: float,
) -> list[Behind]:
    """Return the Git folders in *behind* whose next try is due.

    A failed promotion to the same commit counts as a try.
    """
    return [each for each in behind if _due_at(tx, repository_id, branch, each, seconds) <= now]


def note_try(tx: sa.Connection, tried: Sequence[Behind], now: float, seconds: float) -> None:
    """Record a try of each Git folder; each try doubles its pause."""
    for each in tried:
        row = _row(tx, each)
        tries = row.tries + 1 if row is not None and row.head == each.head else 1
        mine = (
            folder_backoff.c.workspace == each.workspace,
            folder_backoff.c.git_folder_id == each.folder.id,
        )
        tx.execute(folder_backoff.delete().where(*mine))
        values = {
            "workspace": each.workspace,
            "git_folder_id": each.folder.id,
            "head": each.head,
            "tries": tries,
            "not_before": now + pause(tries, seconds),
        }
        tx.execute(folder_backoff.insert(), values)


def pause(tries: int, seconds: float) -> float:
    """Return the pause in seconds after that many tries. Pure."""
    return float(min(seconds * 2.0 ** min(tries, 20), MOST_SECONDS))


def _due_at(
    tx: sa.Connection, repository_id: int, branch: str, each: Behind, seconds: float
) -> float:
    row = _row(tx, each)
    if row is not None and row.head == each.head:
        return float(row.not_before)
    failed_at = _failed_at(tx, repository_id, branch, each)
    return 0.0 if failed_at is None else failed_at + pause(1, seconds)


def _row(tx: sa.Connection, each: Behind) -> sa.Row[tuple[str, int, str, int, float]] | None:
    mine = (
        folder_backoff.c.workspace == each.workspace,
        folder_backoff.c.git_folder_id == each.folder.id,
    )
    return tx.execute(sa.select(folder_backoff).where(*mine)).one_or_none()


def _failed_at(tx: sa.Connection, repository_id: int, branch: str, each: Behind) -> float | None:
    """Return when the last promotion of the Git folder to this commit failed."""
    known = failures(tx, repository_id, branch, each.head)
    return known.get((each.workspace, each.folder.id))


def failures(
    reader: sa.Connection, repository_id: int, branch: str, head: str
) -> Mapping[tuple[str, int], float]:
    """Return what failed in the branch's last promotion, if it was to this commit, and when.

    The keys are workspace and Git folder; folder 0 stands for a whole workspace that could not be
    read. Git folders that a person has to fix first are included.
    """
    of_head = (
        branches.c.repository_id == repository_id,
        branches.c.ref == f"{HEADS}{branch}",
        branches.c.after == head,
    )
    query = (
        sa.select(outcomes.c.workspace, outcomes.c.git_folder_id, outcomes.c.at)
        .join(branches, (branches.c.newest == outcomes.c.seq))
        .where(*of_head, outcomes.c.conclusion.in_(FAILED))
    )
    failed = {(row.workspace, row.git_folder_id): row.at for row in reader.execute(query)}
    newest = (branches.c.newest == reports.c.seq, branches.c.ref == reports.c.ref)
    kept = sa.select(reports.c.workspace, reports.c.unchanged, reports.c.at)
    for row in reader.execute(kept.join(branches, sa.and_(*newest)).where(*of_head)):
        failed |= {(row.workspace, number): row.at for number in blocked(row.unchanged)}
    return failed
