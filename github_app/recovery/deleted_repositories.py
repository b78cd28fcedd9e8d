"""Remove repositories that an event reported as deleted, once GitHub confirms it."""

from __future__ import annotations

import sqlalchemy as sa
import structlog

from github_app.github.app import GitHubApp
from github_app.github.confirm import GoneError, confirm
from github_app.storage import hints
from github_app.storage.hints import Hint
from github_app.storage.tables import branches
from promotion.errors import PromotionError

log = structlog.get_logger(__name__)


def forget_deleted(engine: sa.Engine, app: GitHubApp) -> None:
    """Remove each repository that an event reported as deleted, once GitHub confirms it.

    Pending branches are left out: their promotion asks GitHub itself.
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
                hints.forget(tx, row.repository_id)
            else:
                hints.clear(tx, row.repository_id)
