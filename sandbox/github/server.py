"""The stand-in GitHub: everything behind one object, with levers for tests."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from sandbox.github import git
from sandbox.github.app_auth import register_app
from sandbox.github.check_runs import CheckRun, CheckRuns
from sandbox.github.deliveries import Deliveries, Delivery, Hook
from sandbox.github.installations import Accounts, Installation, Installations
from sandbox.github.repositories import Hosted, Repositories, Repository
from sandbox.github.site import Site
from sandbox.github.state import State
from sandbox.github.tokens import IssuedToken, Tokens

HOOK_ID = 510_001


class GitHub:
    """GitHub at *url*: the web site and git there, REST below `/api/v3` as on GHES."""

    def __init__(
        self, directory: Path, *, url: str, clock: Callable[[], float] = time.time
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        app = register_app(directory)
        hook = Hook(id=HOOK_ID, app_id=app.id, secret=secrets.token_hex(20))
        self._state = State(
            url=url,
            clock=clock,
            app=app,
            hook=hook,
            accounts=Accounts(),
            repositories=Repositories(directory / "repositories", url, clock),
            installations=Installations(clock),
            tokens=Tokens(app.id, clock),
            check_runs=CheckRuns(),
            deliveries=Deliveries(hook, clock),
        )
        self.url = url
        self.api_url = f"{url}/api/v3"
        self.app_id = app.id
        self.app_slug = app.slug
        self.client_id = app.client_id
        self.private_key_path = app.private_key_path
        self.asgi = Site(self._state)

    @property
    def hook_url(self) -> str | None:
        """Where webhooks go; without it they are only logged, as failed."""
        return self._state.hook.url

    @hook_url.setter
    def hook_url(self, url: str | None) -> None:
        self._state.hook.url = url

    @property
    def webhook_secret(self) -> str:
        """What webhooks are signed with."""
        return self._state.hook.secret

    @webhook_secret.setter
    def webhook_secret(self, secret: str) -> None:
        self._state.hook.secret = secret

    @property
    def app_permissions(self) -> dict[str, str]:
        """What the App may do wherever it is installed; a test may change it."""
        return self._state.app.permissions

    @app_permissions.setter
    def app_permissions(self, permissions: dict[str, str]) -> None:
        self._state.app.permissions = permissions

    @property
    def check_runs(self) -> list[CheckRun]:
        """Every check run as it is now, oldest first."""
        return self._state.check_runs.all()

    @property
    def deliveries(self) -> list[Delivery]:
        """Every finished attempt to deliver a webhook, oldest first."""
        return self._state.deliveries.log()

    @property
    def issued_tokens(self) -> list[IssuedToken]:
        """Every installation token ever issued, oldest first."""
        return self._state.tokens.issued()

    @property
    def requests(self) -> list[tuple[str, str, int]]:
        """Method, path and status of every request answered, oldest first."""
        return self._state.requests.copy()

    def add_organization(self, login: str) -> int:
        """Add an organization with the App on all its repositories; return the installation."""
        account = self._state.accounts.add(login, type="Organization")
        return self._state.installations.add(account).id

    def add_repository(
        self, full_name: str, *, private: bool = True, default_branch: str = "main"
    ) -> Repository:
        """Add a repository with one commit; an owner not seen before has no installation."""
        self._state.accounts.add(full_name.partition("/")[0], type="User")
        hosted = self._state.repositories.add(
            full_name, private=private, default_branch=default_branch
        )
        return hosted.repository

    def repository(self, full_name: str) -> Repository:
        """Return the repository of that name."""
        return self._hosted(full_name).repository

    def commit(
        self, full_name: str, branch: str, files: Mapping[str, str | None], message: str
    ) -> str:
        """Commit on the server, as if before the story began: no webhook is sent."""
        return self._state.repositories.commit(self._hosted(full_name), branch, files, message)

    def tag(self, full_name: str, name: str, revision: str) -> None:
        """Set a lightweight tag, as if before the story began: no webhook is sent."""
        git.run(self.repository(full_name).path, "tag", name, revision)

    def head(self, full_name: str, branch: str) -> str | None:
        """Return the commit that the branch is at."""
        return self._hosted(full_name).branch_head(branch)

    def user_token(self, login: str = "octocat") -> str:
        """Return a new token of a user who may read and push everything."""
        return self._state.tokens.issue_to_user(self._state.accounts.add(login, type="User"))

    def expire_tokens(self) -> None:
        """Let the hour of every installation token be over."""
        self._state.tokens.expire()

    def suspend(self, installation_id: int) -> None:
        """Suspend an installation: no tokens, no events."""
        self._installation(installation_id).suspended_at = self._state.clock()

    def unsuspend(self, installation_id: int) -> None:
        """End a suspension."""
        self._installation(installation_id).suspended_at = None

    def remove_repository_from_installation(self, installation_id: int, full_name: str) -> None:
        """Take one repository away from an installation."""
        repository_id = self.repository(full_name).id
        self._installation(installation_id).removed_repository_ids.add(repository_id)

    def close(self) -> None:
        """Stop delivering webhooks."""
        self._state.deliveries.close()

    def _hosted(self, full_name: str) -> Hosted:
        hosted = self._state.repositories.find(full_name)
        if hosted is None:
            raise KeyError(full_name)
        return hosted

    def _installation(self, installation_id: int) -> Installation:
        installation = self._state.installations.find(installation_id)
        if installation is None:
            raise KeyError(installation_id)
        return installation
