"""Follow what changes about installations and repositories: names, ends, and what is new."""

from __future__ import annotations

import sqlalchemy as sa

from github_app.github.events import InstallationChange, RepositoryChange
from github_app.storage import hints, push_order, repository_names, schedule
from github_app.storage.hints import Hint
from github_app.storage.tables import branches
from promotion.repository_url import RepositoryKey, repository_key

RECONCILE = "reconcile"  # the work that brings up to date what came to an installation
# After these, what failed before may well succeed.
MENDING = ("created", "unsuspend", "new_permissions_accepted", "added")
CONFIRMED = "its promotions stop once GitHub confirms it"


def follow(
    tx: sa.Connection, change: InstallationChange | RepositoryChange, *, now: float
) -> str | None:
    """Act on *change*; return what to note of it, where something is to stop."""
    if isinstance(change, InstallationChange):
        return _follow_installation(tx, change, now)
    return _follow_repository(tx, change, now)


def _follow_installation(tx: sa.Connection, change: InstallationChange, now: float) -> str | None:
    mine = branches.c.installation_id == change.installation_id
    if change.ends:
        hints.put(tx, mine, Hint.UNINSTALLED)
        return f"uninstalled from {change.account}: {CONFIRMED}"
    if change.action == "suspend":
        hints.put(tx, mine, Hint.SUSPENDED)
        return f"suspended on {change.account}: {CONFIRMED}"
    if change.action in MENDING:
        # An App that is installed anew has another id: its account tells what was its own.
        full_name, owner = sa.func.lower(branches.c.repository), change.account.casefold()
        theirs = full_name.startswith(f"{owner}/", autoescape=True)
        push_order.mark_failed(tx, sa.or_(mine, theirs))
    # State, not messages: what an installation has now is compared with the Git folders.
    schedule.ask(tx, RECONCILE, now=now)
    return None


def _follow_repository(tx: sa.Connection, change: RepositoryChange, now: float) -> str | None:
    mine = branches.c.repository_id == change.repository_id
    if change.ends:
        hints.put(tx, mine, Hint(change.action))
        if change.action == "deleted":
            schedule.ask(tx, RECONCILE, now=now)  # which forgets it, once GitHub confirms it
        return f"{change.repository} was {change.action}: {CONFIRMED}"
    values: dict[str, object] = {
        "repository": change.repository,
        "repository_url": change.repository_url,
    }
    if change.installation_id is not None:
        values["installation_id"] = change.installation_id
    tx.execute(branches.update().where(mine).values(values))
    _remember_names(tx, change)
    push_order.mark_failed(tx, mine)
    schedule.ask(tx, RECONCILE, now=now)
    return None


def _remember_names(tx: sa.Connection, change: RepositoryChange) -> None:
    key = repository_key(change.repository_url)
    if key is None:
        return
    for former in change.former_names:
        owner, _, name = former.casefold().partition("/")
        repository_names.remember(tx, change.repository_id, RepositoryKey(key.host, owner, name))
    repository_names.remember(tx, change.repository_id, key)
