"""The stand-in GitHub: everything behind one object, with levers for tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from sandbox.github import git, lifecycle
from sandbox.github.apps import App, Apps
from sandbox.github.check_runs import CheckRun, CheckRuns
from sandbox.github.deliveries import Delivery
from sandbox.github.installations import Accounts, Installation, Installations
from sandbox.github.repositories import Hosted, Repositories, Repository
from sandbox.github.site import Site
from sandbox.github.state import Clock, State
from sandbox.github.tokens import IssuedToken, Tokens


class GitHub:
    """GitHub at *url*: the web site and git there, REST below `/api/v3` as on GHES."""

    def __init__(
        self,
        directory: Path,
        *,
        url: str,
        clock: Callable[[], float] = time.time,
        has_app: bool = True,
    ) -> None:
        """Open; with *has_app* the first App is registered before the story begins."""
        directory.mkdir(parents=True, exist_ok=True)
        own_clock = Clock(clock)
        self._state = State(
            url=url,
            clock=own_clock,
            apps=Apps(directory, own_clock),
            accounts=Accounts(),
            repositories=Repositories(directory / "repositories", url, own_clock),
            installations=Installations(own_clock),
            tokens=Tokens(own_clock),
            check_runs=CheckRuns(),
        )
        if has_app:
            self._state.apps.add_first()
        self.url = url
        self.api_url = f"{url}/api/v3"
        self.switches = self._state.switches
        self.asgi = Site(self._state)

    @property
    def apps(self) -> list[App]:
        """Every registered App, oldest first."""
        return self._state.apps.all()

    @property
    def app(self) -> App:
        """The first App; all that follows here and names no App is about it."""
        if not self.apps:
            raise LookupError("no App is registered yet")
        return self.apps[0]

    @property
    def app_id(self) -> int:
        return self.app.id

    @property
    def app_slug(self) -> str:
        return self.app.slug

    @property
    def client_id(self) -> str:
        return self.app.client_id

    @property
    def private_key_path(self) -> Path:
        """Where the newest private key is."""
        if self.app.private_key_path is None:
            raise LookupError(f"{self.app.slug} has no private key yet")
        return self.app.private_key_path

    @property
    def hook_url(self) -> str | None:
        """Where webhooks go; without it they are only logged, as failed."""
        return self.app.hook.url

    @hook_url.setter
    def hook_url(self, url: str | None) -> None:
        self.app.hook.url = url
        self.app.hook.active = True

    @property
    def webhook_secret(self) -> str:
        """What webhooks are signed with."""
        return self.app.hook.secret

    @webhook_secret.setter
    def webhook_secret(self, secret: str) -> None:
        self.app.hook.secret = secret

    @property
    def app_permissions(self) -> dict[str, str]:
        """What the App may do wherever it is installed; a test may change it."""
        return self.app.permissions

    @app_permissions.setter
    def app_permissions(self, permissions: dict[str, str]) -> None:
        self.app.permissions = permissions
        for installation in self._state.installations.of(self.app.id):
            installation.permissions = dict(permissions)

    @property
    def check_runs(self) -> list[CheckRun]:
        """Every check run as it is now, oldest first."""
        return self._state.check_runs.all()

    @property
    def deliveries(self) -> list[Delivery]:
        """Every finished attempt to deliver a webhook, oldest first."""
        return self.app.deliveries.log()

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
        installation = self._state.installations.add(
            account, app_id=self.app.id, permissions=self.app.permissions
        )
        return installation.id

    def add_account(self, login: str, *, type: str = "Organization") -> None:  # noqa: A002 - GitHub's word
        """Add an organization or a user that no App is installed on."""
        self._state.accounts.add(login, type=type)

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
        lifecycle.suspend(self._state, self._installation(installation_id))

    def unsuspend(self, installation_id: int) -> None:
        """End a suspension."""
        lifecycle.unsuspend(self._state, self._installation(installation_id))

    def remove_repository_from_installation(self, installation_id: int, full_name: str) -> None:
        """Take one repository away from an installation."""
        installation = self._installation(installation_id)
        lifecycle.remove_repository(self._state, installation, self._hosted(full_name))

    def close(self) -> None:
        """Stop delivering webhooks."""
        self._state.apps.close()

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
