"""Ask GitHub what a Git folder's URL means today, where it is not a repository's name of today.

A Git folder keeps the URL with which it was made. Who missed the event of a rename, or began
later, learns from GitHub's redirect which repository it is; and a redirect ends as soon as
somebody gives the name to another repository, so that no former name is trusted without asking.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import sqlalchemy as sa
import structlog

from github_app.github.access import BLOCKED
from github_app.github.app import GitHubApp
from github_app.github.installation import Included, Repository
from github_app.github.payload import is_full_name
from github_app.github.tokens import TokenRequest
from github_app.storage import repository_names
from github_app.storage.branches import BranchPush
from promotion.errors import ApiError, PromotionError
from promotion.model import GitFolder
from promotion.repository_url import RepositoryKey, repository_key

MOST_AT_ONCE = 50  # names; what is left waits for the next comparison
AGAIN_SECONDS = 6 * 3600.0  # until a name that led nowhere is asked for once more

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Leads(Protocol):
    """The call to GitHub that tells where a name leads."""

    def leads_to(self, full_name: str) -> int | None:
        """Return the id of the repository there; None where the App sees none."""
        ...


class Names(Leads, Protocol):
    """The calls to GitHub about one repository's names."""

    @property
    def repository(self) -> str:
        """Today's full name."""
        ...

    def require_itself(self) -> None:
        """Raise GoneError where today's name shows nothing, or another repository."""
        ...


def in_use(
    pushed: BranchPush,
    access: Names,
    folders: Iterable[GitFolder],
    transaction: Callable[[], AbstractContextManager[sa.Connection]],
) -> Sequence[RepositoryKey]:
    """Return the names under which *folders* may hold a push's repository, today's first.

    Former names are those that were seen, and that GitHub leads from to the repository now; who
    has the others is noted. Raises GoneError where today's was seen of another repository, and
    GitHub says so too (a late push or a Re-run may tell an old name), and PromotionError where
    GitHub can't be asked.
    """
    told, number = repository_key(pushed.repository_url), pushed.repository_id
    if told is None:
        raise PromotionError(f"{pushed.repository_url} names no repository")
    today = repository_key(f"https://{told.host}/{access.repository}") or told
    urls = {repository_key(folder.url) for folder in folders}
    with transaction() as tx:
        known, holder = repository_names.seen_as(tx, number, today)
    if holder not in (None, number):
        access.require_itself()
    former = [key for key in dict.fromkeys((told, *known)) if key != today]
    leads = {
        key: access.leads_to(key.full_name)
        for key in former
        if key in urls and key.host == today.host
    }
    elsewhere = {key: found for key, found in leads.items() if found != number}
    for key, found in elsewhere.items():
        log.warning("name.leads_elsewhere", repository=key.full_name, now=found)
    with transaction() as tx:
        repository_names.note(tx, number, today, elsewhere)
    return [today, *(key for key, found in leads.items() if found == number)]


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

    def confirm(
        self, former: Mapping[RepositoryKey, int], served: Mapping[int, Included]
    ) -> dict[RepositoryKey, int]:
        """Return to which of the repositories *served* these former names lead now.

        What leads elsewhere is forgotten; where GitHub can't be asked, the name leads nowhere yet.
        """
        found: dict[RepositoryKey, int] = {}
        for key, number in former.items():
            if number not in served or key.host != self._app.host:
                continue
            try:
                leads_to = self._leads_to(key, served[number])
            except PromotionError as exc:
                log.warning("name.not_confirmed", repository=key.full_name, error=str(exc))
                continue
            if leads_to != number:
                log.warning("name.leads_elsewhere", repository=key.full_name, now=leads_to)
                with self._engine.begin() as tx:
                    repository_names.give(tx, key, leads_to if leads_to in served else None)
            if leads_to is not None and leads_to in served:
                found[key] = leads_to
        return found

    def _leads_to(self, key: RepositoryKey, known: Included) -> int | None:
        acting = self._app.acting(TokenRequest(known.installation_id, "metadata", "read"))
        try:
            return acting.repository(key.full_name).id
        except ApiError as exc:
            if exc.status in BLOCKED:
                return None
            raise

    def _may_ask(self, key: RepositoryKey) -> bool:
        here = key.host == self._app.host and is_full_name(key.full_name)
        return here and self._now() >= self._not_before.get(key, 0.0)

    def _ask(self, key: RepositoryKey, served: Collection[int]) -> Repository | None:
        try:
            installation = self._app.installation_id(key.full_name)
            if installation not in served:
                return None
            acting = self._app.acting(TokenRequest(installation, "metadata", "read"))
            return acting.repository(key.full_name)
        except PromotionError as exc:
            if not isinstance(exc, ApiError) or exc.status != 404:
                log.warning("name.not_found", repository=key.full_name, error=str(exc))
            return None

    def _remember(self, key: RepositoryKey, repository: Repository) -> None:
        log.info("name.learnt", was=key.full_name, repository=repository.full_name)
        with self._engine.begin() as tx:
            repository_names.remember(tx, repository.id, key)
            today = repository_key(repository.url)
            if today is not None:  # last: it counts as the newest
                repository_names.remember(tx, repository.id, today)
