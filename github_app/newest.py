"""Give a branch its newest push, and mark it pending: one small statement each.

Which of two pushes is the newer one is decided here, by GitHub's times, and by what GitHub says
is the branch's head.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import sqlalchemy as sa

from github_app.branches import BranchPush
from github_app.events import PushEvent
from github_app.tables import branches, deliveries, outcomes
from promotion.outcome import Conclusion

# How a promotion may end that another try may end better; neutral: nobody could say what is there.
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
    """Let nobody else give these branches, by (repository id, ref), a newest push until *tx* ends.

    Whoever moves `newest` calls this before it draws a seq. On PostgreSQL two processes would
    else draw their numbers in one order and move the branch in the other, and the numbers, not
    GitHub's times, would decide. SQLite has one writer at a time.
    """
    # In one order, so that nobody waits in a ring.
    numbers = sorted({_lock_number(*each) for each in which})
    if numbers and tx.dialect.name == "postgresql":
        tx.execute(_LOCK, {"kind": _BRANCH_LOCKS, "numbers": numbers})


def _lock_number(repository_id: int, ref: str) -> int:
    """Return 32 bits of the branch's name: two that share them wait for each other for nothing."""
    return zlib.crc32(f"{repository_id} {ref}".encode()) - 2**31


def take_push(tx: sa.Connection, event: PushEvent, *, seq: int, received_at: float) -> bool:
    """Move the branch's newest push to *event*, only ever forward; False where it is older.

    Deliveries come in any order, some of them twice. GitHub's time of the push decides: what was
    pushed earlier never wins, whatever it says of the commit before it. Within one second, and
    where either time is unknown, the push that continues the row's newest wins, and the one that
    the row's newest continues loses; what is neither counts as newer, as it came later. Where
    that is wrong, nothing is lost but time: a run begins by asking GitHub for the branch's head.
    """
    return _take(tx, _TAKE_PUSH, event, seq=seq, received_at=received_at)


def take_head(tx: sa.Connection, event: PushEvent, *, seq: int, received_at: float) -> bool:
    """Move the branch's newest push to *event*, which is what GitHub says is the branch's head."""
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


def move_to_head(tx: sa.Connection, owed: BranchPush, head: str) -> bool:
    """Let the branch's newest push end at *head*, where GitHub says that the branch is.

    Comparisons, a Re-run and a repeated run then say the same as the run of *owed*, which must
    still hold the branch. False where a newer push has come meanwhile: its own run will ask.
    """
    values = {"head": head, "run": owed.run, "seq": owed.seq}
    return tx.execute(_MOVE, {**_key(owed.repository_id, owed.push.ref), **values}).rowcount > 0


def mark_commit(
    tx: sa.Connection, repository_id: int, ref: str, head_sha: str, *, seq: int, received_at: float
) -> bool:
    """Mark a branch pending whose newest push ends at that commit; say whether it does."""
    values = {"head_sha": head_sha, "seq": seq, "received_at": received_at}
    return tx.execute(_MARK_COMMIT, {**_key(repository_id, ref), **values}).rowcount > 0


def mark_ref(
    tx: sa.Connection, repository_id: int, ref: str, *, seq: int, received_at: float
) -> bool:
    """Mark a branch pending at the commit of its newest push; say whether it is known."""
    values = {"seq": seq, "received_at": received_at}
    return tx.execute(_MARK_REF, {**_key(repository_id, ref), **values}).rowcount > 0


def mark_redelivered(tx: sa.Connection, guid: str) -> bool:
    """Mark a redelivered push pending where its promotion failed; say whether it did."""
    told = (deliveries.c.guid == guid, deliveries.c.event == "push")
    seq = sa.select(deliveries.c.seq).where(*told).scalar_subquery()
    return _mark_failed(tx, branches.c.newest == seq, branches.c.attempts > 0) > 0


def mark_failed(tx: sa.Connection, which: sa.ColumnElement[bool]) -> int:
    """Have those of the branches that wait or have failed promoted at once; count them.

    What kept them from it may be gone now. A run that is under way ends by itself.
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
