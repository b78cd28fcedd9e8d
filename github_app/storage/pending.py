"""Mark a branch pending without a push, because Git folders are behind it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import sqlalchemy as sa

from github_app.github.events import PushEvent
from github_app.github.installation import Included
from github_app.storage import branches as branch_states
from github_app.storage import push_order
from github_app.storage.branches import Cause
from github_app.storage.tables import branches, deliveries
from promotion.model import HEADS, GitFolder, Push

_PENDING = sa.and_(
    branches.c.newest > branches.c.promoted, branches.c.not_before < branch_states.NEVER
)


@dataclass(frozen=True)
class Behind:
    """A Git folder as it was just read, and the head of its branch."""

    workspace: str
    folder: GitFolder
    head: str


def is_pending(reader: sa.Connection, repository_id: int, branch: str) -> bool:
    """Return whether a promotion of the branch is running, or is to start without a new push."""
    query = sa.select(branches.c.newest).where(*_branch(repository_id, branch), _PENDING)
    return reader.execute(query).scalar() is not None


def elsewhere(reader: sa.Connection, repository_id: int, branch: str, head: str) -> str | None:
    """Return the commit of the branch's newest push, where that is not *head*.

    None where the branch is unknown, and where a pending promotion will ask GitHub itself.
    """
    there = (*_branch(repository_id, branch), branches.c.after != head, sa.not_(_PENDING))
    return reader.execute(sa.select(branches.c.after).where(*there)).scalar()


def _branch(repository_id: int, branch: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (branches.c.repository_id == repository_id, branches.c.ref == f"{HEADS}{branch}")


def mark_pending(
    tx: sa.Connection, found: Included, branch: str, *, before: str, head: str, now: float
) -> None:
    """Mark the branch pending at its head on GitHub; we may not know any push of it.

    The caller has locked the branch.
    """
    repository, installation_id = found.repository, found.installation_id
    push = Push(repository.full_name, f"{HEADS}{branch}", before, head)
    row = {
        "guid": str(uuid.uuid4()),
        "event": Cause.RECONCILE.value,
        "repository_id": repository.id,
        "ref": push.ref,
        "before": push.before,
        "after": push.after,
        "installation_id": installation_id,
        "received_at": now,
    }
    seq = tx.execute(deliveries.insert().values(**row)).inserted_primary_key
    assert seq is not None
    event = PushEvent(push, repository.id, repository.url, None, installation_id, None)
    push_order.take_head(tx, event, seq=seq[0], received_at=now)
