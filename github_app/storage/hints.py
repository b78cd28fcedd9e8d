"""Keep hints: events that say that a repository or an installation has ended.

GitHub is asked before a promotion stops for a hint. Only an event's body is signed, so an old
event can be delivered again at any time; and events arrive late, and in any order.
"""

from __future__ import annotations

import enum

import sqlalchemy as sa

from github_app.github.confirm import GoneError
from github_app.storage import repository_names
from github_app.storage.branches import BranchPush
from github_app.storage.tables import branches, deliveries


class Hint(enum.Enum):
    """How an event says that a branch's repository or installation has ended."""

    ARCHIVED = "archived"
    DELETED = "deleted"
    UNINSTALLED = "uninstalled"
    SUSPENDED = "suspended"


def put(tx: sa.Connection, which: sa.ColumnElement[bool], hint: Hint) -> None:
    """Set the hint on those of the branches that are pending, and make them due at once.

    For a deleted repository, set it on all its branches: its rows are to be removed.
    """
    pending = branches.c.newest > branches.c.promoted
    about = (which,) if hint is Hint.DELETED else (which, pending)
    tx.execute(branches.update().where(*about).values(hint=hint.value, not_before=0))


def clear(tx: sa.Connection, repository_id: int, *refs: str) -> None:
    """Remove the hint from a repository's branches, or from *refs*: GitHub contradicts it."""
    which = [branches.c.repository_id == repository_id]
    if refs:
        which.append(branches.c.ref.in_(refs))
    tx.execute(branches.update().where(*which).values(hint=None))


def stop(tx: sa.Connection, pushed: BranchPush, gone: GoneError) -> None:
    """Record why a branch is no longer promoted; remove a repository that was deleted."""
    note = f"its promotion has stopped: {gone}"
    tx.execute(deliveries.update().where(deliveries.c.seq == pushed.seq).values(note=note))
    if gone.lost and pushed.hint == Hint.DELETED.value:
        forget(tx, pushed.repository_id)


def forget(tx: sa.Connection, repository_id: int) -> None:
    """Remove a repository's names, and those of its branches that are not pending."""
    repository_names.forget(tx, repository_id)
    idle = (branches.c.newest <= branches.c.promoted, branches.c.running.is_(None))
    tx.execute(branches.delete().where(branches.c.repository_id == repository_id, *idle))
