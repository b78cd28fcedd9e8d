"""What an event says has ended is a hint: GitHub is asked before a promotion stops for it.

Only an event's body is signed, so that an old one can be delivered again at any time; and events
come late, and in any order.
"""

from __future__ import annotations

import enum

import sqlalchemy as sa
import structlog

from github_app import names
from github_app.branches import BranchPush
from github_app.github import GitHubApp
from github_app.github_tokens import InstallationGoneError, NotAllowedError, SuspendedError
from github_app.tables import branches, deliveries
from promotion.errors import ApiError, PromotionError

log = structlog.get_logger(__name__)


class Hint(enum.Enum):
    """What an event says of a branch's repository or installation."""

    ARCHIVED = "archived"
    DELETED = "deleted"
    UNINSTALLED = "uninstalled"
    SUSPENDED = "suspended"


class GoneError(PromotionError):
    """GitHub has confirmed that a branch is not to be promoted any more.

    *lost* says that the repository is not there for us, not even under another name.
    """

    def __init__(self, reason: str, *, lost: bool = False) -> None:
        super().__init__(reason)
        self.lost = lost


def put(tx: sa.Connection, which: sa.ColumnElement[bool], hint: Hint) -> None:
    """Have GitHub asked, at once, about those of the branches that are pending.

    Of a deleted repository, about all: what is known of it is to be forgotten.
    """
    pending = branches.c.newest > branches.c.promoted
    about = (which,) if hint is Hint.DELETED else (which, pending)
    tx.execute(branches.update().where(*about).values(hint=hint.value, not_before=0))


def confirm(app: GitHubApp, repository: str, repository_id: int) -> None:
    """Raise GoneError where GitHub says that a repository is not to be promoted any more.

    Raises another PromotionError where GitHub can't be asked now.
    """
    try:
        found = app.find(repository).repository
    except ApiError as exc:
        if exc.status != 404:
            raise
        reason = f"GitHub shows no {repository} to the App: it was deleted, or the App uninstalled"
        raise GoneError(reason, lost=True) from exc
    except (InstallationGoneError, SuspendedError, NotAllowedError) as exc:
        raise GoneError(str(exc)) from exc
    if found.id != repository_id:
        raise GoneError(f"{repository} is the name of another repository now", lost=True)
    if found.archived:
        raise GoneError(f"{repository} is archived")


def clear(tx: sa.Connection, repository_id: int, *refs: str) -> None:
    """Forget the hint about a repository's branches, or about these: GitHub says otherwise."""
    which = [branches.c.repository_id == repository_id]
    if refs:
        which.append(branches.c.ref.in_(refs))
    tx.execute(branches.update().where(*which).values(hint=None))


def stop(tx: sa.Connection, owed: BranchPush, gone: GoneError) -> None:
    """Note why a branch is not promoted any more; forget a repository that was deleted."""
    note = f"its promotion has stopped: {gone}"
    tx.execute(deliveries.update().where(deliveries.c.seq == owed.seq).values(note=note))
    if gone.lost and owed.hint == Hint.DELETED.value:
        _forget(tx, owed.repository_id)


def settle(engine: sa.Engine, app: GitHubApp) -> None:
    """Forget each repository that an event says was deleted, once GitHub confirms that.

    Branches that are pending ask by themselves.
    """
    columns = (branches.c.repository_id, branches.c.repository)
    idle = branches.c.newest <= branches.c.promoted
    hinted = sa.select(*columns).distinct().where(branches.c.hint == Hint.DELETED.value, idle)
    with engine.connect() as reader:
        rows = reader.execute(hinted).all()
    for row in rows:
        lost = False
        try:
            confirm(app, row.repository, row.repository_id)
        except GoneError as exc:
            lost = exc.lost
        except PromotionError as exc:
            log.warning("hint.not_confirmed", repository=row.repository, error=str(exc))
            continue
        with engine.begin() as tx:
            if lost:
                log.info("repository.forgotten", repository=row.repository)
                _forget(tx, row.repository_id)
            else:
                clear(tx, row.repository_id)


def _forget(tx: sa.Connection, repository_id: int) -> None:
    """Forget a repository's names, and those of its branches that nothing is owed to."""
    names.forget(tx, repository_id)
    idle = (branches.c.newest <= branches.c.promoted, branches.c.running.is_(None))
    tx.execute(branches.delete().where(branches.c.repository_id == repository_id, *idle))
