"""Owe a branch a promotion that no push asked for: Git folders are behind it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import sqlalchemy as sa

from github_app import branches as branch_states
from github_app import newest
from github_app.branches import Cause
from github_app.events import PushEvent
from github_app.installation import Included
from github_app.tables import branches, deliveries
from promotion.git_folder import GitFolder
from promotion.push import HEADS, Push

_OWED = sa.and_(
    branches.c.newest > branches.c.promoted, branches.c.not_before < branch_states.NEVER
)


@dataclass(frozen=True)
class Behind:
    """A Git folder, as it was just read, and the commit where its branch is."""

    workspace: str
    folder: GitFolder
    head: str


def is_owed(reader: sa.Connection, repository_id: int, branch: str) -> bool:
    """Say whether a promotion of the branch is under way, or comes soon by itself."""
    query = sa.select(branches.c.newest).where(*_branch(repository_id, branch), _OWED)
    return reader.execute(query).scalar() is not None


def elsewhere(reader: sa.Connection, repository_id: int, branch: str, head: str) -> str | None:
    """Return where the branch's newest push has ended, where that is not at *head*.

    None where the branch is not known, and where a promotion will ask GitHub by itself.
    """
    there = (*_branch(repository_id, branch), branches.c.after != head, sa.not_(_OWED))
    return reader.execute(sa.select(branches.c.after).where(*there)).scalar()


def _branch(repository_id: int, branch: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (branches.c.repository_id == repository_id, branches.c.ref == f"{HEADS}{branch}")


def owe(
    tx: sa.Connection, found: Included, branch: str, *, before: str, head: str, now: float
) -> None:
    """Owe the branch a promotion to where it is on GitHub; it may never have been pushed to us.

    The branch is locked already.
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
    newest.take_head(tx, event, seq=seq[0], received_at=now)
