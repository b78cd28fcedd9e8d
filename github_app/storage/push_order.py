"""Set a branch's newest push, and mark the branch pending: one small statement per function.

Which of two pushes is newer is decided here: by GitHub's times, and by what GitHub says is the
branch's head.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import sqlalchemy as sa

from github_app.github.events import PushEvent
from github_app.storage.branches import BranchPush
from github_app.storage.tables import branches, deliveries, outcomes
from promotion.model import Conclusion

# Conclusions that another try may improve; neutral: what the Git folder contains was not known.
FAILED = tuple(
    conclusion.value
    for conclusion in (
        Conclusion.FAILURE,
        Conclusion.ACTION_REQUIRED,
        Conclusion.TIMED_OUT,
        Conclusion.CANCELLED,
        Conclusion.NEUTRAL,
    )
)
_BRANCH_LOCKS = 80  # the class of PostgreSQL's advisory locks of branches

_TAKE = """
    insert into branches (repository_id, ref, repository, repository_url, installation_id,
        newest, "before", "after", received_at, pushed_at)
    values (:repository_id, :ref, :repository, :repository_url, :installation_id,
        :seq, :before, :after, :received_at, :pushed_at)
    on conflict (repository_id, ref) do update set
        repository = excluded.repository, repository_url = excluded.repository_url,
        installation_id = coalesce(excluded.installation_id, branches.installation_id),
        newest = excluded.newest, "before" = excluded."before", "after" = excluded."after",
        received_at = excluded.received_at, attempts = 0, not_before = 0,
        pushed_at = coalesce(excluded.pushed_at, branches.pushed_at)
    where excluded.newest > branches.newest"""
_IS_NEWER = """ and (excluded.pushed_at > branches.pushed_at
        or (coalesce(excluded.pushed_at = branches.pushed_at, true)
            and (excluded."before" = branches."after" or excluded."after" <> branches."before")))"""
_TAKE_PUSH, _TAKE_HEAD = sa.text(_TAKE + _IS_NEWER), sa.text(_TAKE)
_MARK = """
    update branches set newest = :seq, received_at = :received_at, attempts = 0, not_before = 0
    where repository_id = :repository_id and ref = :ref and newest < :seq"""
_MARK_REF, _MARK_COMMIT = sa.text(_MARK), sa.text(_MARK + ' and "after" = :head_sha')
_MOVE = sa.text("""
    update branches set "before" = "after", "after" = :head
    where repository_id = :repository_id and ref = :ref and running = :run and newest = :seq""")
_LOCK = sa.text("""
    select pg_advisory_xact_lock(:kind, number)
    from unnest(cast(:numbers as integer[])) as number""")


def lock(tx: sa.Connection, which: Iterable[tuple[int, str]]) -> None:
    """Lock the branches, given by (repository id, ref), against new pushes until *tx* ends.

    Call this before drawing a seq with which `newest` is moved. Without it, two processes on
    PostgreSQL could draw their numbers in one order and move the branch in the other, so that the
    numbers decided, and not GitHub's times. SQLite has one writer at a time.
    """
    # In sorted order: two transactions that lock the same branches can't deadlock.
    numbers = sorted({_lock_number(*each) for each in which})
    if numbers and tx.dialect.name == "postgresql":
        tx.execute(_LOCK, {"kind": _BRANCH_LOCKS, "numbers": numbers})


def _lock_number(repository_id: int, ref: str) -> int:
    """Return a 32-bit hash of the branch; a collision only costs a needless wait."""
    return zlib.crc32(f"{repository_id} {ref}".encode()) - 2**31


def take_push(tx: sa.Connection, event: PushEvent, *, seq: int, received_at: float) -> bool:
    """Make *event* the branch's newest push; return False, and change nothing, if it is older.

    Deliveries arrive in any order, some of them twice. GitHub's time of the push decides: an
    earlier push never wins, whatever its `before` says. Within one second, and where either time
    is unknown, a push that continues the row's newest wins, and a push that the row's newest
    continues loses; one that does neither counts as newer, because it arrived later. A wrong
    choice costs time only: a run begins by asking GitHub for the branch's head.
    """
    return _take(tx, _TAKE_PUSH, event, seq=seq, received_at=received_at)


def take_head(tx: sa.Connection, event: PushEvent, *, seq: int, received_at: float) -> bool:
    """Make *event* the branch's newest push: GitHub says that it is the branch's head."""
    return _take(tx, _TAKE_HEAD, event, seq=seq, received_at=received_at)


def _take(
    tx: sa.Connection, how: sa.TextClause, event: PushEvent, *, seq: int, received_at: float
) -> bool:
    push = event.push
    values = {
        "repository_id": event.repository_id,
        "ref": push.ref,
        "repository": push.repository,
        "repository_url": event.repository_url,
        "installation_id": event.installation_id,
        "seq": seq,
        "before": push.before,
        "after": push.after,
        "received_at": received_at,
        "pushed_at": event.pushed_at,
    }
    return tx.execute(how, values).rowcount > 0


def move_to_head(tx: sa.Connection, pushed: BranchPush, head: str) -> bool:
    """Set the commit of the branch's newest push to *head*, which GitHub says is its head.

    Reconciliation, a Re-run and a repeated run then agree with the run of *pushed*, which must
    still hold the branch. Return False where a newer push has arrived: its own run will ask.
    """
    values = {"head": head, "run": pushed.run, "seq": pushed.seq}
    return tx.execute(_MOVE, {**_key(pushed.repository_id, pushed.push.ref), **values}).rowcount > 0


def mark_commit(
    tx: sa.Connection, repository_id: int, ref: str, head_sha: str, *, seq: int, received_at: float
) -> bool:
    """Mark a branch pending if its newest push ends at that commit; return whether it does."""
    values = {"head_sha": head_sha, "seq": seq, "received_at": received_at}
    return tx.execute(_MARK_COMMIT, {**_key(repository_id, ref), **values}).rowcount > 0


def mark_ref(
    tx: sa.Connection, repository_id: int, ref: str, *, seq: int, received_at: float
) -> bool:
    """Mark a branch pending at the commit of its newest push; return whether it is known."""
    values = {"seq": seq, "received_at": received_at}
    return tx.execute(_MARK_REF, {**_key(repository_id, ref), **values}).rowcount > 0


def mark_redelivered(tx: sa.Connection, guid: str) -> bool:
    """Mark a redelivered push pending if its promotion failed; return whether it did."""
    redelivered = (deliveries.c.guid == guid, deliveries.c.event == "push")
    seq = sa.select(deliveries.c.seq).where(*redelivered).scalar_subquery()
    return _mark_failed(tx, branches.c.newest == seq, branches.c.attempts > 0) > 0


def mark_failed(tx: sa.Connection, which: sa.ColumnElement[bool]) -> int:
    """Make those of the branches due now that wait or have failed; return their number.

    The cause of the failure may be gone. Branches that a run holds are left out.
    """
    return _mark_failed(tx, which, branches.c.newest > branches.c.promoted)


def _mark_failed(
    tx: sa.Connection, which: sa.ColumnElement[bool], waits: sa.ColumnElement[bool]
) -> int:
    newest = branches.c.newest
    of_newest = (outcomes.c.seq == newest, outcomes.c.conclusion.in_(FAILED))
    failed = sa.or_(waits, sa.exists().where(*of_newest))
    promoted = sa.case((branches.c.promoted < newest, branches.c.promoted), else_=newest - 1)
    statement = branches.update().where(which, failed, branches.c.running.is_(None))
    return tx.execute(statement.values(attempts=0, not_before=0, promoted=promoted)).rowcount


def _key(repository_id: int, ref: str) -> dict[str, int | str]:
    return {"repository_id": repository_id, "ref": ref}
