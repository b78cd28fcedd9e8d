"""What one installation of the App may do for one push: tokens, ancestry, tags, reports."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import structlog

from github_app.github import GitHubApp
from github_app.github_tokens import InstallationGoneError, InstallationToken, Wanted
from github_app.installation import Installation
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

Result = TypeVar("Result")


class InstallationAccess:
    """What one push needs of one installation; a `TokenSource`."""

    def __init__(self, app: GitHubApp, installation_id: int, repository: str, clock: Clock) -> None:
        self._app = app
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
        names = self._installed(repositories)
        for pause in PROBE_PAUSES:
            self._clock.sleep(pause)
            token = self._contents_token(names)
            if self._app.installation(token).sees(self._repository):
                return GitToken(GIT_USERNAME, token.token, self._app.expires_at(token))
            if not self._app.tokens.is_young(token):
                self._app.tokens.forget(token)
        raise PromotionError(
            f"GitHub does not show {self._repository} to the App's new token: "
            "check that the installation includes the repository"
        )

    def _contents_token(self, names: Iterable[str]) -> InstallationToken:
        wanted = self._wanted("contents", "read", names)
        try:
            return self._app.tokens.get(wanted, least_seconds=FRESH_SECONDS)
        except InstallationGoneError:
            self._find_again(wanted.installation_id)
        wanted = self._wanted("contents", "read", names)
        return self._app.tokens.get(wanted, least_seconds=FRESH_SECONDS)

    def contains(self, head: str, commit: str) -> bool | None:
        """Return whether *head* is *commit* or a descendant; None where GitHub can't say."""
        repository = self._repository
        try:
            return self._read(lambda it: it.contains(repository, head=head, commit=commit))
        except PromotionError as exc:
            log.warning("github.compare_failed", error=str(exc))
            return None

    def tags(self) -> Mapping[str, str]:
        """Return the pushed repository's tags with their commits."""
        return self._read(lambda it: it.tags(self._repository))

    def branch_head(self, branch: str) -> str | None:
        """Return the commit that a branch of the repository is at, or None."""
        return self._read(lambda it: it.branch_head(self._repository, branch))

    def write(self, permission: str, work: Callable[[Installation], Result]) -> Result:
        """Do *work* with a token that may write this one thing in the pushed repository."""
        return self._with(work, permission, "write", [self._repository])

    def _read(self, work: Callable[[Installation], Result]) -> Result:
        return self._with(work, "contents", "read", [self._repository])

    def _with(
        self,
        work: Callable[[Installation], Result],
        permission: str,
        level: str,
        names: Iterable[str] | None,
    ) -> Result:
        """Do *work*; once more where the App was installed anew, under another id."""
        wanted = self._wanted(permission, level, names)
        try:
            return work(self._app.acting(wanted))
        except InstallationGoneError:
            self._find_again(wanted.installation_id)
        return work(self._app.acting(self._wanted(permission, level, names)))

    def _find_again(self, gone: int) -> None:
        """Ask GitHub which installation the repository belongs to now."""
        with self._lock:
            if self._installation_id != gone:  # another thread has asked
                return
            try:
                self._installation_id = self._app.installation_id(self._repository)
            except ApiError as exc:
                if exc.status != 404:
                    raise
                raise InstallationGoneError(
                    f"the App is not installed on {self._repository} any more: install it again"
                ) from exc
            log.warning("github.installed_anew", gone=gone, installation=self._installation_id)

    def _installed(self, repositories: frozenset[str]) -> list[str]:
        """Return those of *repositories* that the installation includes, the pushed one first."""
        own = self._repository.casefold()
        if repositories <= {own}:
            return [self._repository]
        every = self._with(lambda it: list(it.repositories()), "metadata", "read", None)
        names = [name for name in every if name.casefold() in repositories]
        others = sorted(name for name in names if name.casefold() != own)
        return [self._repository, *others][:MOST_REPOSITORIES]

    def _wanted(self, permission: str, level: str, names: Iterable[str] | None) -> Wanted:
        repositories = None if names is None else frozenset(names)
        return Wanted(self._installation_id, permission, level, repositories)
