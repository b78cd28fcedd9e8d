"""What one installation of the App may do for one push: tokens, ancestry, tags, reports."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import structlog

from github_app.github import GitHubApp
from github_app.github_tokens import (
    InstallationGoneError,
    InstallationToken,
    NotIncludedError,
    Wanted,
)
from github_app.hints import GoneError
from github_app.installation import Installation
from promotion.ancestry import Ancestry
from promotion.clock import Clock
from promotion.errors import ApiError, PromotionError
from promotion.git_credential import GitToken

log = structlog.get_logger(__name__)

GIT_USERNAME = "x-access-token"
MOST_REPOSITORIES = 500  # GitHub's limit for one token
# Who hands a token to Databricks replaces it when it has twelve minutes left.
FRESH_SECONDS = 20 * 60.0

# A new token may be unknown to a part of GitHub for a moment; git would then say "not found".
# The pauses are those that GitHub's support gives (github.com/akuity/kargo/issues/6630).
PROBE_PAUSES = (0.0, 1.0, 3.0, 10.0, 30.0)

# So long a commit that was just pushed may be unknown to a part of GitHub.
LAG_PAUSES = (1.0, 2.0, 3.0)
BLOCKED = (404, 451)  # how GitHub says that a name leads to nothing that the App may see

Result = TypeVar("Result")


class InstallationAccess:
    """What one push needs of one installation; a `TokenSource`."""

    def __init__(
        self,
        app: GitHubApp,
        installation_id: int,
        repository: str,
        clock: Clock,
        repository_id: int | None = None,
    ) -> None:
        """With *repository_id* no other repository that got the name since is taken for it."""
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
        """Return a token that reads the contents of just these repositories, once GitHub knows it.

        A repository that the installation does not include is left out, but for the pushed one.
        """
        others = self._others(repositories)
        for pause in PROBE_PAUSES:
            self._clock.sleep(pause)
            token = self._anew(lambda: self._contents_token(others))
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
        """Return how *head* stands to *commit*; a head that is not known is asked for again."""
        for pause in LAG_PAUSES:
            if (found := self.compare(head, commit)) is not Ancestry.FOREIGN:
                return found
            self._clock.sleep(pause)
        return self.compare(head, commit)

    def compare(self, head: str, commit: str) -> Ancestry:
        """Return how *head* stands to *commit* by one answer; UNKNOWN where GitHub can't say."""
        repository = self._repository
        try:
            return self._read(lambda it: it.contains(repository, head=head, commit=commit))
        except PromotionError as exc:
            log.warning("github.compare_failed", error=str(exc))
            return Ancestry.UNKNOWN

    def tags(self) -> Mapping[str, str]:
        """Return the pushed repository's tags with their commits."""
        return self._read(lambda it: it.tags(self._repository))

    def branch_head(self, branch: str) -> str | None:
        """Return the commit that a branch of the repository is at, or None."""
        return self._read(lambda it: it.branch_head(self._repository, branch))

    def leads_to(self, full_name: str) -> int | None:
        """Return the id of the repository that GitHub leads to from a name, today's or a former.

        None where the App sees none there.
        """
        wanted = self._wanted("metadata", "read", None)
        try:
            return self._anew(lambda: self._app.acting(wanted).repository(full_name)).id
        except ApiError as exc:
            if exc.status in BLOCKED:
                return None
            raise

    def require_itself(self) -> None:
        """Raise GoneError where the repository's name is another's now.

        Raises another PromotionError where it shows nothing, for now or for ever.
        """
        found = self.leads_to(self._repository)
        if found is None:
            raise PromotionError(
                f"GitHub shows no {self._repository} to the App: check that the installation "
                "includes the repository"
            )
        if self._repository_id not in (None, found):
            raise _taken(self._repository)

    def write(self, permission: str, work: Callable[[Installation], Result]) -> Result:
        """Do *work* with a token that may write this one thing in the pushed repository."""
        return self._anew(lambda: work(self._acting(permission, "write")))

    def _read(self, work: Callable[[Installation], Result]) -> Result:
        return self._anew(lambda: work(self._acting("contents", "read")))

    def _acting(self, permission: str, level: str) -> Installation:
        return self._app.acting(self._wanted(permission, level, [self._repository]))

    def _anew(self, do: Callable[[], Result]) -> Result:
        """*do* it; once more where the App was installed anew or the repository moved meanwhile."""
        known = self._installation_id, self._repository
        try:
            return do()
        except (InstallationGoneError, NotIncludedError) as exc:
            self._find_again(known, exc)
        return do()

    def _find_again(self, known: tuple[int, str], refused: PromotionError) -> None:
        """Ask GitHub what *known* is today: the installation's id, and the repository's name."""
        with self._lock:
            if (self._installation_id, self._repository) != known:  # another thread has asked
                return
            try:
                found = self._app.find(self._repository)
            except ApiError as exc:
                if exc.status != 404:
                    raise
                raise _nowhere(self._repository, refused) from exc
            if self._repository_id not in (None, found.repository.id):
                raise _taken(self._repository) from refused
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

    def _others(self, repositories: frozenset[str]) -> list[str]:
        """Return those of *repositories* that the installation includes, but for the pushed one."""
        own = self._repository.casefold()
        if repositories <= {own}:
            return []
        every = self._anew(self._every)
        names = [name for name in every if name.casefold() in repositories]
        return sorted(name for name in names if name.casefold() != own)[: MOST_REPOSITORIES - 1]

    def _every(self) -> list[str]:
        return list(self._app.acting(self._wanted("metadata", "read", None)).repositories())

    def _wanted(self, permission: str, level: str, names: Iterable[str] | None) -> Wanted:
        repositories = None if names is None else frozenset(names)
        return Wanted(self._installation_id, permission, level, repositories)


def _taken(repository: str) -> GoneError:
    return GoneError(
        f"{repository} is the name of another repository now; what was pushed is promoted once a "
        "comparison finds under which name it goes on"
    )


def _nowhere(repository: str, refused: PromotionError) -> PromotionError:
    """Return what *refused* means where the App is installed on no such repository."""
    if isinstance(refused, NotIncludedError):
        return refused
    return InstallationGoneError(
        f"the App is not installed on {repository} any more: install it again"
    )
