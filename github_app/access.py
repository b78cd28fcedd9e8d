"""What one installation of the App may do for one push: tokens, ancestry, tags."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import structlog

from github_app.github import GitHubApp, Installation, InstallationToken
from promotion.clock import Clock
from promotion.errors import PromotionError
from promotion.git_credential import GitToken

log = structlog.get_logger(__name__)

GIT_USERNAME = "x-access-token"
MOST_REPOSITORIES = 500  # GitHub's limit for one token

# A new token may be unknown to a part of GitHub for a moment; git would then say "not found".
# The pauses are those that GitHub's support gives (github.com/akuity/kargo/issues/6630).
PROBE_PAUSES = (0.0, 1.0, 3.0, 10.0, 30.0)


class InstallationAccess:
    """Tokens of one installation, for what one push needs; a `TokenSource`."""

    def __init__(self, app: GitHubApp, installation_id: int, repository: str, clock: Clock) -> None:
        self._app = app
        self._installation_id = installation_id
        self._repository = repository
        self._clock = clock
        self._lock = threading.Lock()
        self._reader: Installation | None = None
        self._checks: Installation | None = None

    @property
    def checks(self) -> Installation:
        """The calls that write check runs."""
        with self._lock:
            if self._checks is None:
                token = self._mint("checks", "write", [self._repository])
                self._checks = self._app.installation(token)
            return self._checks

    @property
    def holder(self) -> str:
        return f"installation {self._installation_id}"

    def mint(self, repositories: frozenset[str]) -> GitToken:
        """Return a token that reads the contents of just these repositories, once GitHub knows it.

        A repository that the installation does not include is left out, but for the pushed one.
        """
        names = self._installed(repositories)
        token = self._mint("contents", "read", names)
        reader = self._app.installation(token)
        for pause in PROBE_PAUSES:
            self._clock.sleep(pause)
            if reader.sees(self._repository):
                return GitToken(GIT_USERNAME, token.token, token.expires_at.timestamp())
        raise PromotionError(
            f"GitHub does not show {self._repository} to the App's new token: "
            "check that the installation includes the repository"
        )

    def contains(self, head: str, commit: str) -> bool | None:
        """Return whether *head* is *commit* or a descendant; None where GitHub can't say."""
        try:
            return self._read().contains(self._repository, head=head, commit=commit)
        except PromotionError as exc:
            log.warning("github.compare_failed", error=str(exc))
            return None

    def tags(self) -> Mapping[str, str]:
        """Return the pushed repository's tags with their commits."""
        return self._read().tags(self._repository)

    def branch_head(self, branch: str) -> str | None:
        """Return the commit that a branch of the repository is at, or None."""
        return self._read().branch_head(self._repository, branch)

    def _read(self) -> Installation:
        with self._lock:
            if self._reader is None:
                token = self._mint("contents", "read", [self._repository])
                self._reader = self._app.installation(token)
            return self._reader

    def _installed(self, repositories: frozenset[str]) -> list[str]:
        """Return those of *repositories* that the installation includes, the pushed one first."""
        own = self._repository.casefold()
        if repositories <= {own}:
            return [self._repository]
        everything = self._app.installation(self._mint("metadata", "read", None))
        names = [name for name in everything.repositories() if name.casefold() in repositories]
        others = sorted(name for name in names if name.casefold() != own)
        return [self._repository, *others][:MOST_REPOSITORIES]

    def _mint(
        self, permission: str, level: str, repositories: Sequence[str] | None
    ) -> InstallationToken:
        return self._app.mint_token(
            self._installation_id,
            repositories=repositories,
            permissions={permission: level},
        )
