"""Follow what changes about installations and repositories: names, ends, and what is new."""

from __future__ import annotations

import sqlalchemy as sa

from github_app import names, turns
from github_app.events import InstallationChange, RepositoryChange
from github_app.tables import branches
from promotion.repository_url import RepositoryKey, repository_key

RECONCILE = "reconcile"  # the work that brings up to date what came to an installation


def follow(
    tx: sa.Connection, change: InstallationChange | RepositoryChange, *, now: float
) -> str | None:
    """Act on *change*; return what to note of it, where something stops."""
    if isinstance(change, InstallationChange):
        return _follow_installation(tx, change, now)
    return _follow_repository(tx, change, now)


def _follow_installation(tx: sa.Connection, change: InstallationChange, now: float) -> str | None:
    if change.ends:
        _stop(tx, branches.c.installation_id == change.installation_id)
        return f"uninstalled from {change.account}: its promotions stop"
    if change.action == "suspend":
        return f"suspended on {change.account}: its promotions fail until that ends"
    # State, not messages: what an installation has now is compared with the Git folders.
    turns.ask(tx, RECONCILE, now=now)
    return None


def _follow_repository(tx: sa.Connection, change: RepositoryChange, now: float) -> str | None:
    mine = branches.c.repository_id == change.repository_id
    if change.ends:
        _stop(tx, mine)
        if change.action == "deleted":
            names.forget(tx, change.repository_id)
            tx.execute(branches.delete().where(mine, branches.c.running.is_(None)))
        return f"{change.repository} was {change.action}: its promotions stop"
    values: dict[str, object] = {
        "repository": change.repository,
        "repository_url": change.repository_url,
    }
    if change.installation_id is not None:
        values["installation_id"] = change.installation_id
    tx.execute(branches.update().where(mine).values(values))
    _remember_names(tx, change)
    turns.ask(tx, RECONCILE, now=now)
    return None


def _remember_names(tx: sa.Connection, change: RepositoryChange) -> None:
    key = repository_key(change.repository_url)
    if key is None:
        return
    for former in change.former_names:
        owner, _, name = former.casefold().partition("/")
        names.remember(tx, change.repository_id, RepositoryKey(key.host, owner, name))
    names.remember(tx, change.repository_id, key)


def _stop(tx: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    """Owe nothing any more to these branches; a run that is under way ends by itself."""
    free = branches.c.running.is_(None)
    tx.execute(branches.update().where(which, free).values(promoted=branches.c.newest))
