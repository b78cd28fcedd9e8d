"""All that the stand-in GitHub knows, and who may see what of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.github import push_events
from sandbox.github.app_auth import App
from sandbox.github.check_runs import CheckRuns
from sandbox.github.deliveries import Deliveries, Hook
from sandbox.github.installations import Account, Accounts, Installations
from sandbox.github.refs import compare_refs
from sandbox.github.repositories import Hosted, Repositories
from sandbox.github.tokens import IssuedToken, Tokens, grants

Principal = IssuedToken | Account  # the App on an installation, or a user


@dataclass
class State:
    """The stores behind the git, REST and webhook sides."""

    url: str
    clock: Callable[[], float]
    app: App
    hook: Hook
    accounts: Accounts
    repositories: Repositories
    installations: Installations
    tokens: Tokens
    check_runs: CheckRuns
    deliveries: Deliveries
    requests: list[tuple[str, str, int]] = field(default_factory=list)

    def suspended(self, principal: Principal | None) -> bool:
        """Say whether *principal* is the App on an installation that is suspended."""
        if not isinstance(principal, IssuedToken):
            return False
        installation = self.installations.find(principal.installation_id)
        return installation is None or installation.suspended_at is not None

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

    def publisher(self) -> Account:
        """Return the account that the App is registered under."""
        return self.accounts.add("brickpush", type="Organization")

    def bot(self) -> Account:
        """Return the account that acts when the App does."""
        return self.accounts.add(f"{self.app.slug}[bot]", type="Bot")

    def announce_push(self, hosted: Hosted, refs_before: dict[str, str], pusher: Account) -> None:
        """Queue a push event for every ref that is not what it was."""
        changes = compare_refs(refs_before, hosted.refs())
        if changes:
            hosted.pushed_at = self.clock()
        installation = self.installations.on_repository(hosted.repository)
        if installation is None or installation.suspended_at is not None:
            return
        for change in push_events.announced(changes):
            event = push_events.payload(
                self.url, hosted, change, refs_before, pusher=pusher, installation=installation
            )
            self.deliveries.send(
                "push",
                event,
                installation_id=installation.id,
                repository_id=hosted.repository.id,
            )
