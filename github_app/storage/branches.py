"""Read the branches and their newest pushes: one small statement per function.

The state is in the rows, there is no queue of messages: a promotion is pending exactly while
newest > promoted. `claims` records which run promotes it, and how that ends.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from github_app.storage.claims import Claim
from github_app.storage.tables import branches, deliveries
from promotion.model import HEADS, Push
from promotion.repository_url import repository_key

NEVER = 2.0**53  # a time that never comes: only a new push or a redelivery starts another try


class Cause(enum.Enum):
    """Why a branch is promoted; the values are stored as a delivery's event or note."""

    PUSH = "push"
    RECOVERED = "recovered from GitHub's log of deliveries"
    RECONCILE = "reconcile"
    OTHER = "other"  # a Re-run, a new Git folder


@dataclass(frozen=True)
class KnownBranch:
    """A branch of which a push is known."""

    repository_id: int
    repository_url: str
    ref: str
    after: str  # the commit of its newest push

    def follows(self, url: str | None) -> bool:
        """Return whether a Git folder with this URL belongs to the branch's repository."""
        key = repository_key(url)
        return key is not None and key == repository_key(self.repository_url)


@dataclass(frozen=True)
class BranchPush:
    """The newest push of a branch, and the pushes that it supersedes."""

    push: Push
    repository_id: int
    repository_url: str
    installation_id: int | None
    seq: int  # of the delivery; increases with time
    received_at: float
    attempts: int = 0  # runs that failed before this one
    starts: int = 0  # earlier starts of this run, each cut off by the end of the process
    run: int = 0  # the run that holds the branch: its fencing token
    hint: str | None = None  # how an event says the repository or installation has ended
    cause: Cause = Cause.PUSH
    superseded: tuple[Push, ...] = ()  # these are not promoted; oldest first


def of_ref(tx: sa.Connection, ref: str) -> list[KnownBranch]:
    """Return the branches of that name in all repositories."""
    columns = (branches.c.repository_id, branches.c.repository_url, branches.c.after)
    rows = tx.execute(sa.select(*columns).where(branches.c.ref == ref))
    return [KnownBranch(row.repository_id, row.repository_url, ref, row.after) for row in rows]


def newest(tx: sa.Connection, held: Claim) -> BranchPush | None:
    """Return the newest push of a branch if this run still holds it, else None."""
    held_by_us = (
        branches.c.repository_id == held.repository_id,
        branches.c.ref == held.ref,
        branches.c.running == held.run,
    )
    row = tx.execute(sa.select(branches).where(*held_by_us)).one_or_none()
    return None if row is None else _branch_push(tx, row)


def current(tx: sa.Connection, repository_id: int, ref: str) -> BranchPush | None:
    """Return the newest push of a branch, whether a run holds it or not; None if unknown."""
    one = (branches.c.repository_id == repository_id, branches.c.ref == ref)
    row = tx.execute(sa.select(branches).where(*one)).one_or_none()
    return None if row is None else _branch_push(tx, row)


def refs_at(reader: sa.Connection, repository_id: int, head_sha: str) -> list[str]:
    """Return the branches and tags of a repository whose newest push ends at that commit."""
    there = (branches.c.repository_id == repository_id, branches.c.after == head_sha)
    return list(reader.execute(sa.select(branches.c.ref).where(*there).order_by("ref")).scalars())


def of_commit(tx: sa.Connection, repository_id: int, head_sha: str) -> BranchPush | None:
    """Return the newest push of the branch to which the commit was pushed last."""
    pushed = (deliveries.c.repository_id == repository_id, deliveries.c.after == head_sha)
    found = sa.select(deliveries.c.ref).where(*pushed, deliveries.c.ref.is_not(None))
    ref = tx.execute(found.order_by(deliveries.c.seq.desc()).limit(1)).scalar()
    return None if ref is None else current(tx, repository_id, ref)


def _branch_push(tx: sa.Connection, row: sa.Row[Any]) -> BranchPush:
    return BranchPush(
        push=Push(row.repository, row.ref, row.before, row.after),
        repository_id=row.repository_id,
        repository_url=row.repository_url,
        installation_id=row.installation_id,
        seq=row.newest,
        received_at=row.received_at,
        attempts=row.attempts,
        starts=row.starts,
        run=row.running or 0,
        hint=row.hint,
        cause=_cause(tx, row.newest),
        superseded=tuple(_superseded(tx, row)),
    )


def count_pending(tx: sa.Connection) -> int:
    """Return the number of branches that wait for a promotion or are being promoted."""
    counted = sa.select(sa.func.count()).where(branches.c.newest > branches.c.promoted)
    return tx.execute(counted).scalar_one()


def _cause(tx: sa.Connection, seq: int) -> Cause:
    query = sa.select(deliveries.c.event, deliveries.c.note).where(deliveries.c.seq == seq)
    row = tx.execute(query).one_or_none()
    if row is None or row.event not in ("push", Cause.RECONCILE.value):
        return Cause.OTHER
    if row.event == Cause.RECONCILE.value:
        return Cause.RECONCILE
    return Cause.RECOVERED if row.note == Cause.RECOVERED.value else Cause.PUSH


def _superseded(tx: sa.Connection, row: sa.Row[Any]) -> Iterable[Push]:
    """Yield the pushes after the promoted one that ended at another commit than the branch's.

    Includes the newest push where a run has found the branch at another commit. For a tag the
    newest push is left out: it may name the tag object and not its commit.
    """
    seq, is_branch = deliveries.c.seq, row.ref.startswith(HEADS)
    query = (
        sa.select(deliveries.c.before, deliveries.c.after)
        .where(deliveries.c.repository_id == row.repository_id, deliveries.c.ref == row.ref)
        .where(deliveries.c.event == "push", seq > row.promoted)
        .where(seq <= row.newest if is_branch else seq < row.newest)
        .where(deliveries.c.after != row.after)
        .order_by(seq)
    )
    for before, after in tx.execute(query):
        yield Push(row.repository, row.ref, before, after)
