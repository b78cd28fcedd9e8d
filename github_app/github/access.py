"""The GitHub calls that one push needs: tokens, ancestry, tags and writes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import structlog

from github_app.github.app import GitHubApp
from github_app.github.confirm import GoneError
from github_app.github.installation import Installation
from github_app.github.tokens import (
    InstallationGoneError,
    InstallationToken,
    NotIncludedError,
    TokenRequest,
)
from promotion.ancestry import Ancestry
from promotion.clock import Clock
from promotion.errors import ApiError, PromotionError
from promotion.git_credential import GitToken

log = structlog.get_logger(__name__)

GIT_USERNAME = "x-access-token"
MOST_REPOSITORIES = 500  # GitHub's limit for one token
# A token handed to Databricks is replaced when it has twelve minutes left.
FRESH_SECONDS = 20 * 60.0

# Parts of GitHub may not know a new token yet; git then reports "not found".
# GitHub's support recommends these pauses (github.com/akuity/kargo/issues/6630).
PROBE_PAUSES = (0.0, 1.0, 3.0, 10.0, 30.0)

# Parts of GitHub may not know a commit that was just pushed yet.
LAG_PAUSES = (1.0, 2.0, 3.0)
BLOCKED = (404, 451)  # the answers for a name that resolves to nothing the App can read

Result = TypeVar("Result")


class InstallationAccess:
    """One push's access to one installation; a `TokenSource`."""

    def __init__(
        self,
        app: GitHubApp,
        installation_id: int,
        repository: str,
        clock: Clock,
        repository_id: int | None = None,
    ) -> None:
        """*repository_id* guards against another repository that has taken over the name."""
        self._app = app
        self._repository_id = repository_id
        self._installation_id = installation_id
        self._repository = repository
        self._clock = clock
        self._lock = threading.Lock()

    @property
    def holder(self) -> str:
        return f"installation {self._installation_id}"

    @property
    def installation_id(self) -> int:
        return self._installation_id

    @property
    def repository(self) -> str:
        """The full name of the pushed repository."""
        return self._repository

    def mint(self, repositories: frozenset[str]) -> GitToken:
        """Return a token that can read only these repositories, once GitHub accepts it.

        Repositories outside the installation are left out, except the pushed one.
        """
        others = self._other_names(repositories)
        for pause in PROBE_PAUSES:
            self._clock.sleep(pause)
            token = self._retry_once(lambda: self._contents_token(others))
            if self._app.installation(token).sees(self._repository):
                return GitToken(GIT_USERNAME, token.token, self._app.expires_at(token))
            if not self._app.tokens.is_young(token):
                self._app.tokens.forget(token)
        raise PromotionError(
            f"GitHub does not show {self._repository} to the App's new token: "
            "check that the installation includes the repository"
        )

    def _contents_token(self, others: Iterable[str]) -> InstallationToken:
        wanted = self._wanted("contents", "read", [self._repository, *others])
        return self._app.tokens.get(wanted, least_seconds=FRESH_SECONDS)

    def contains(self, head: str, commit: str) -> Ancestry:
        """Return whether *head* contains *commit*; retry while GitHub does not know *head*."""
        for pause in LAG_PAUSES:
            if (found := self.compare(head, commit)) is not Ancestry.FOREIGN:
                return found
            self._clock.sleep(pause)
        return self.compare(head, commit)

    def compare(self, head: str, commit: str) -> Ancestry:
        """Return whether *head* contains *commit*, without retries; UNKNOWN after an error."""
        repository = self._repository
        try:
            return self._read(lambda it: it.contains(repository, head=head, commit=commit))
        except PromotionError as exc:
            log.warning("github.compare_failed", error=str(exc))
            return Ancestry.UNKNOWN

    def tags(self) -> Mapping[str, str]:
        """Return the pushed repository's tags and their commits."""
        return self._read(lambda it: it.tags(self._repository))

    def branch_head(self, branch: str) -> str | None:
        """Return the head commit of a branch of the repository, or None."""
        return self._read(lambda it: it.branch_head(self._repository, branch))

    def leads_to(self, full_name: str) -> int | None:
        """Return the id of the repository that a current or former name resolves to.

        None if the App can read no such repository.
        """
        wanted = self._wanted("metadata", "read", None)
        try:
            return self._retry_once(lambda: self._app.acting(wanted).repository(full_name)).id
        except ApiError as exc:
            if exc.status in BLOCKED:
                return None
            raise

    def require_itself(self) -> None:
        """Raise GoneError if the name now belongs to another repository.

        Raises another PromotionError if GitHub shows no repository of that name.
        """
        found = self.leads_to(self._repository)
        if found is None:
            raise PromotionError(
                f"GitHub shows no {self._repository} to the App: check that the installation "
                "includes the repository"
            )
        if self._repository_id not in (None, found):
            raise _name_reused(self._repository)

    def write(self, permission: str, work: Callable[[Installation], Result]) -> Result:
        """Run *work* with a token that has only this write permission on the pushed repository."""
        return self._retry_once(lambda: work(self._acting(permission, "write")))

    def _read(self, work: Callable[[Installation], Result]) -> Result:
        return self._retry_once(lambda: work(self._acting("contents", "read")))

    def _acting(self, permission: str, level: str) -> Installation:
        return self._app.acting(self._wanted(permission, level, [self._repository]))

    def _retry_once(self, do: Callable[[], Result]) -> Result:
        """Run *do*; retry once if the App was reinstalled or the repository moved."""
        known = self._installation_id, self._repository
        try:
            return do()
        except (InstallationGoneError, NotIncludedError) as exc:
            self._refresh(known, exc)
        return do()

    def _refresh(self, known: tuple[int, str], refused: PromotionError) -> None:
        """Look up the current installation id and repository name in place of *known*."""
        with self._lock:
            if (self._installation_id, self._repository) != known:  # another thread was first
                return
            try:
                found = self._app.find(self._repository)
            except ApiError as exc:
                if exc.status != 404:
                    raise
                raise _not_installed(self._repository, refused) from exc
            if self._repository_id not in (None, found.repository.id):
                raise _name_reused(self._repository) from refused
            now = found.installation_id, found.repository.full_name
            if now == known:
                raise refused
            self._installation_id, self._repository = now
        log.warning(
            "github.found_again",
            was=known[1],
            repository=now[1],
            was_installation=known[0],
            installation=now[0],
        )

    def _other_names(self, repositories: frozenset[str]) -> list[str]:
        """Return those of *repositories* that the installation includes, but for the pushed one."""
        own = self._repository.casefold()
        if repositories <= {own}:
            return []
        names = self._retry_once(self._all_names)
        wanted = [name for name in names if name.casefold() in repositories]
        return sorted(name for name in wanted if name.casefold() != own)[: MOST_REPOSITORIES - 1]

    def _all_names(self) -> list[str]:
        return list(self._app.acting(self._wanted("metadata", "read", None)).repositories())

    def _wanted(self, permission: str, level: str, names: Iterable[str] | None) -> TokenRequest:
        repositories = None if names is None else frozenset(names)
        return TokenRequest(self._installation_id, permission, level, repositories)


def _name_reused(repository: str) -> GoneError:
    return GoneError(
        f"{repository} now names another repository; the push is promoted once a comparison with "
        "GitHub finds the new name of the one it was pushed to"
    )


def _not_installed(repository: str, refused: PromotionError) -> PromotionError:
    """Return the error for a repository that the App is not installed on."""
    if isinstance(refused, NotIncludedError):
        return refused
    return InstallationGoneError(
        f"the App is not installed on {repository} any more: install it again"
    )
