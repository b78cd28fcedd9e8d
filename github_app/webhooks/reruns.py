"""Promote a commit once more, because somebody asked for it on its check."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import sqlalchemy as sa

from github_app.reports import outbox
from github_app.storage import branches, push_order
from github_app.storage.tables import deliveries
from github_app.webhooks.delivery import Delivery


def refs(reader: sa.Connection, delivery: Delivery) -> Sequence[str]:
    """Return the branches and tags that a request to run a check again is about."""
    asked = delivery.rerequest
    if asked is None:
        return ()
    if asked.ref is not None:
        return (asked.ref,)
    return branches.refs_at(reader, asked.repository_id, asked.head_sha)


def mark(
    tx: sa.Connection, delivery: Delivery, refs: Sequence[str], *, seq: int, received_at: float
) -> str | None:
    """Mark *refs* pending, which are locked; return what to note where none is at the commit.

    Each gets a seq of its own: outcomes and reports are kept by it, and two branches at one
    commit are two promotions. The first has the delivery's own *seq*.
    """
    asked = delivery.rerequest
    assert asked is not None
    at_commit = branches.refs_at(tx, asked.repository_id, asked.head_sha)
    pending = [ref for ref in refs if ref in at_commit]
    for place, ref in enumerate(pending):
        number = seq if place == 0 else _another(tx, delivery, received_at)
        tx.execute(deliveries.update().where(deliveries.c.seq == number).values(ref=ref))
        where = (asked.repository_id, ref, asked.head_sha)
        push_order.mark_commit(tx, *where, seq=number, received_at=received_at)
    return None if pending else _say_outdated(tx, delivery)


def _another(tx: sa.Connection, delivery: Delivery, received_at: float) -> int:
    """Draw one more seq for the same request."""
    asked = delivery.rerequest
    assert asked is not None
    row = {
        "guid": str(uuid.uuid4()),
        "event": delivery.event,
        "action": delivery.action,
        "repository_id": asked.repository_id,
        "after": asked.head_sha,
        "installation_id": asked.installation_id,
        "received_at": received_at,
    }
    key = tx.execute(deliveries.insert().values(**row)).inserted_primary_key
    assert key is not None
    return int(key[0])


def _say_outdated(tx: sa.Connection, delivery: Delivery) -> str:
    """Have the commit's check say which commit is the newest by now."""
    asked = delivery.rerequest
    assert asked is not None
    if asked.ref is not None:
        now = branches.current(tx, asked.repository_id, asked.ref)
    else:
        now = branches.of_commit(tx, asked.repository_id, asked.head_sha)
    if now is not None:
        outbox.put_outdated(tx, now, asked.head_sha)
    return "no branch is at this commit"
