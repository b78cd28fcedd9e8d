"""The state of the stand-in GitHub, and who may see which part of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.github.state.apps import App, Apps
from sandbox.github.state.check_runs import CheckRuns
from sandbox.github.state.deployments import Deployments
from sandbox.github.state.installations import Account, Accounts, Installation, Installations
from sandbox.github.state.limits import Limits
from sandbox.github.state.replicas import Replicas
from sandbox.github.state.repositories import Hosted, Repositories
from sandbox.github.state.statuses import Statuses
from sandbox.github.state.tokens import IssuedToken, Tokens, grants

Principal = IssuedToken | Account  # an App on an installation, or a user


@dataclass
class Clock:
    """GitHub's own clock: that of the machine, and as wrong as a test says."""

    base: Callable[[], float]
    skew: float = 0.0  # seconds that GitHub is ahead

    def __call__(self) -> float:
        return self.base() + self.skew


@dataclass
class Switches:
    """How this GitHub differs from the usual one."""

    allow_local_hooks: bool = True  # a manifest's webhook may be on this machine
    check_suites_on_push: bool = True  # as sent to every App with `checks: write`
    check_run_events: bool = False  # created and completed, also unsubscribed


@dataclass
class State:
    """The stores behind the git, REST, web and webhook sides."""

    url: str
    clock: Clock
    apps: Apps
    accounts: Accounts
    repositories: Repositories
    installations: Installations
    tokens: Tokens
    check_runs: CheckRuns
    statuses: Statuses
    deployments: Deployments
    limits: Limits
    replicas: Replicas = field(default_factory=Replicas)
    switches: Switches = field(default_factory=Switches)
    signed_in: str = "octocat"  # the user in front of the web pages
    requests: list[tuple[str, str, int]] = field(default_factory=list)

    def suspended(self, principal: Principal | None) -> bool:
        """Say whether *principal* is an App on an installation that is suspended."""
        if not isinstance(principal, IssuedToken):
            return False
        installation = self.installations.find(principal.installation_id)
        return installation is not None and installation.suspended_at is not None

    def identify(self, secret: str) -> Principal | None:
        """Return the owner of *secret*; None once the App was uninstalled."""
        principal = self.tokens.find(secret)
        if isinstance(principal, IssuedToken):
            known = self.installations.find(principal.installation_id) is not None
            return principal if known else None
        return principal

    def reaches(self, principal: Principal | None, hosted: Hosted) -> bool:
        """Say whether *principal* may know of the repository at all."""
        if isinstance(principal, Account) or not hosted.repository.private:
            return True
        return principal is not None and self.belongs(principal, hosted)

    def belongs(self, token: IssuedToken, hosted: Hosted) -> bool:
        """Say whether the repository is in the token's set."""
        installation = self.installations.find(token.installation_id)
        if installation is None or not installation.reaches(hosted.repository):
            return False
        return token.repository_ids is None or hosted.repository.id in token.repository_ids

    def allows(
        self, principal: Principal | None, hosted: Hosted, permission: str, level: str
    ) -> bool:
        """Say whether *principal* has at least *level* of the permission on the repository."""
        if isinstance(principal, Account):
            return True
        if level == "read" and not hosted.repository.private:
            return True
        if principal is None or not self.belongs(principal, hosted):
            return False
        return grants(principal.permissions, permission, level)

    def owner(self, hosted: Hosted) -> Account:
        """Return the account that the repository belongs to."""
        found = self.accounts.find(hosted.repository.owner)
        assert found is not None, "add_repository makes the owner's account"
        return found

    def publisher(self, app: App) -> Account:
        """Return the account that the App is registered under."""
        return self.accounts.add(app.owner, type="Organization")

    def app_of(self, installation: Installation | IssuedToken) -> App:
        """Return the App of an installation or of its token."""
        found = self.apps.find(installation.app_id)
        assert found is not None, "no App is ever removed"
        return found

    def actor(self, principal: Principal | None) -> Account:
        """Return the account in whose name *principal* acts: a user's own, or an App's bot."""
        if isinstance(principal, Account):
            return principal
        assert principal is not None, "nobody writes without credentials"
        return self.bot(self.app_of(principal))

    def bot(self, app: App) -> Account:
        """Return the account that acts when the App does."""
        return self.accounts.add(f"{app.slug}[bot]", type="Bot")

    def user(self) -> Account:
        """Return the user in front of the web pages."""
        return self.accounts.add(self.signed_in, type="User")
