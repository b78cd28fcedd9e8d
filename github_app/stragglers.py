"""Git folders that stay behind for a reason: tried again, but more and more seldom.

Somebody's edits are in the way, or a permission is missing: to try every ten minutes would only
fill the check run. A new commit on the branch starts anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from github_app.newest import FAILED
from github_app.outcomes import blocked
from github_app.owing import Behind
from github_app.tables import branches, outcomes, reports, stragglers
from promotion.push import HEADS

MOST_SECONDS = 6 * 3600.0


def due(
    tx: sa.Connection,
    repository_id: int,
    branch: str,
    behind: Sequence[Behind],
    now: float,
    seconds: float,
) -> list[Behind]:
    """Return which of *behind* are to be tried now.

    One whose promotion to this very commit has failed counts as tried.
    """
    return [each for each in behind if _due_at(tx, repository_id, branch, each, seconds) <= now]


def note_try(tx: sa.Connection, tried: Sequence[Behind], now: float, seconds: float) -> None:
    """Have these wait, each time twice as long as the last time."""
    for each in tried:
        row = _row(tx, each)
        tries = row.tries + 1 if row is not None and row.head == each.head else 1
        mine = (
            stragglers.c.workspace == each.workspace,
            stragglers.c.git_folder_id == each.folder.id,
        )
        tx.execute(stragglers.delete().where(*mine))
        values = {
            "workspace": each.workspace,
            "git_folder_id": each.folder.id,
            "head": each.head,
            "tries": tries,
            "not_before": now + pause(tries, seconds),
        }
        tx.execute(stragglers.insert(), values)


def pause(tries: int, seconds: float) -> float:
    """Return how long a Git folder waits after so many tries. Pure."""
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
        stragglers.c.workspace == each.workspace,
        stragglers.c.git_folder_id == each.folder.id,
    )
    return tx.execute(sa.select(stragglers).where(*mine)).one_or_none()


def _failed_at(tx: sa.Connection, repository_id: int, branch: str, each: Behind) -> float | None:
    """Return when bringing the Git folder to this commit failed the last time."""
    known = failures(tx, repository_id, branch, each.head)
    return known.get((each.workspace, each.folder.id))


def failures(
    reader: sa.Connection, repository_id: int, branch: str, head: str
) -> Mapping[tuple[str, int], float]:
    """Return what failed in the branch's last promotion, to this commit, and when.

    By workspace and Git folder; 0 stands for all of a workspace that could not be read. What a
    person had to mend first counts, too.
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
    kept = sa.select(reports.c.workspace, reports.c.stays, reports.c.at)
    for row in reader.execute(kept.join(branches, sa.and_(*newest)).where(*of_head)):
        failed |= {(row.workspace, number): row.at for number in blocked(row.stays)}
    return failed
