"""Ask GitHub what a Git folder's URL means today, where nothing has told us that name.

A Git folder keeps the URL with which it was made. Who missed the event of a rename, or began
later, learns from GitHub's redirect which repository it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable

import sqlalchemy as sa
import structlog

from github_app import names
from github_app.github import GitHubApp
from github_app.github_tokens import Wanted
from github_app.installation import Included, Repository
from github_app.payload import is_full_name
from promotion.errors import ApiError, PromotionError
from promotion.repository_url import RepositoryKey, repository_key

MOST_AT_ONCE = 50  # names; what is left waits for the next comparison
AGAIN_SECONDS = 6 * 3600.0  # until a name that led nowhere is asked for once more

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class FormerNames:
    """One object a process: it remembers which names led nowhere."""

    def __init__(
        self, engine: sa.Engine, app: GitHubApp, now: Callable[[], float] = time.time
    ) -> None:
        self._engine = engine
        self._app = app
        self._now = now
        self._not_before: dict[RepositoryKey, float] = {}
        self._among: frozenset[int] = frozenset()

    def learn(
        self, unknown: Iterable[RepositoryKey], *, among: Collection[Included]
    ) -> dict[RepositoryKey, int]:
        """Return the ids of the repositories that these names lead to, and remember them.

        *among* are all that are served: where they change, everything is asked anew.
        """
        if not among:
            return {}
        if self._among != (now := frozenset(each.repository.id for each in among)):
            self._among = now
            self._not_before.clear()
        served = {each.installation_id for each in among}
        asked = sorted(filter(self._may_ask, unknown), key=str)[:MOST_AT_ONCE]
        found: dict[RepositoryKey, int] = {}
        for key in asked:
            repository = self._ask(key, served)
            if repository is None:
                self._not_before[key] = self._now() + AGAIN_SECONDS
                continue
            found[key] = repository.id
            self._remember(key, repository)
        return found

    def _may_ask(self, key: RepositoryKey) -> bool:
        here = key.host == self._app.host and is_full_name(key.full_name)
        return here and self._now() >= self._not_before.get(key, 0.0)

    def _ask(self, key: RepositoryKey, served: Collection[int]) -> Repository | None:
        try:
            installation = self._app.installation_id(key.full_name)
            if installation not in served:
                return None
            acting = self._app.acting(Wanted(installation, "metadata", "read"))
            return acting.repository(key.full_name)
        except PromotionError as exc:
            if not isinstance(exc, ApiError) or exc.status != 404:
                log.warning("name.not_found", repository=key.full_name, error=str(exc))
            return None

    def _remember(self, key: RepositoryKey, repository: Repository) -> None:
        log.info("name.learnt", was=key.full_name, repository=repository.full_name)
        with self._engine.begin() as tx:
            names.remember(tx, repository.id, key)
            today = repository_key(repository.url)
            if today is not None:  # last: it counts as the newest
                names.remember(tx, repository.id, today)
