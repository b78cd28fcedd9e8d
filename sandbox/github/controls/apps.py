"""Levers for tests: Apps and their installations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from sandbox.github.controls.controls import Controls
from sandbox.github.state.apps import App
from sandbox.github.state.deliveries import Delivery
from sandbox.github.state.disorder import Disorder
from sandbox.github.state.installations import Installation
from sandbox.github.state.manifest import read_manifest
from sandbox.github.web.registration import register
from sandbox.github.webhooks import lifecycle
from sandbox.github.webhooks.announcements import announce_ping


class AppControls(Controls):
    """The registered Apps, and where they are installed; "the App" is the first one."""

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
            installation.permissions = permissions

    @property
    def deliveries(self) -> list[Delivery]:
        """Every finished attempt to deliver a webhook, oldest first."""
        return self.app.deliveries.log()

    def disturb_deliveries(self, disorder: Disorder | None) -> None:
        """Deliver webhooks in such a disorder from now on; None: in order, by one thread."""
        self.app.deliveries.disorder = disorder

    @property
    def delivers(self) -> bool:
        """Whether a delivery is being sent, or waits for it."""
        return not self.app.deliveries.are_idle

    def ping(self) -> None:
        """Send what GitHub sends when a webhook is created."""
        announce_ping(self._state, self.app)

    def register_app(self, manifest: Mapping[str, object], *, owner: str = "octocat") -> App:
        """Register one more App, as the manifest's pages do; it has a first key at once."""
        read = read_manifest(
            json.dumps(manifest), allow_local_hooks=self._state.switches.allow_local_hooks
        )
        app = register(self._state, read, owner)
        self._state.apps.add_key(app)
        return app

    def add_private_key(self) -> Path:
        """Give the App one more key, up to 25, and return its path; the others remain valid."""
        self._state.apps.add_key(self.app)
        return self.private_key_path

    def delete_private_key(self, path: Path) -> None:
        """Take a key from the App: what it signs is refused from now on."""
        self.app.delete_key(path)

    def add_account(self, login: str, *, type: str = "Organization") -> None:  # noqa: A002 - GitHub's word
        """Add an organization or a user that no App is installed on."""
        self._state.accounts.add(login, type=type)

    def add_organization(self, login: str) -> int:
        """Add an organization with the App on all its repositories, as if before the story began.

        No event is sent. Returns the installation.
        """
        account = self._state.accounts.add(login, type="Organization")
        installation = self._state.installations.add(
            account, app_id=self.app.id, permissions=self.app.permissions
        )
        return installation.id

    def add_installation(self, login: str, *, app: App | None = None) -> int:
        """Install the App on all repositories of an account; sends `installation.created`."""
        account = self._state.accounts.add(login, type="Organization")
        return lifecycle.install(self._state, app or self.app, account).id

    def uninstall(self, installation_id: int) -> None:
        """End an installation and its tokens; sends `installation.deleted`."""
        lifecycle.uninstall(self._state, self._installation(installation_id))

    def suspend(self, installation_id: int) -> None:
        """Suspend an installation: no tokens, and no event but `installation.suspend`."""
        lifecycle.suspend(self._state, self._installation(installation_id))

    def unsuspend(self, installation_id: int) -> None:
        """End a suspension; sends `installation.unsuspend`."""
        lifecycle.unsuspend(self._state, self._installation(installation_id))

    def request_permissions(self, permissions: Mapping[str, str]) -> None:
        """Let the App ask for other permissions, which no owner has accepted yet."""
        self.app.permissions = dict(permissions)

    def accept_permissions(self, installation_id: int) -> None:
        """Let an owner accept them; sends `installation.new_permissions_accepted`."""
        lifecycle.accept_permissions(self._state, self._installation(installation_id))

    def add_repository_to_installation(self, installation_id: int, full_name: str) -> None:
        """Select one more repository; sends `installation_repositories.added`."""
        installation = self._installation(installation_id)
        lifecycle.add_repository(self._state, installation, self._hosted(full_name))

    def remove_repository_from_installation(self, installation_id: int, full_name: str) -> None:
        """Take one repository away; sends `installation_repositories.removed`.

        The event names it only if the installation had selected repositories before, not all.
        """
        installation = self._installation(installation_id)
        lifecycle.remove_repository(self._state, installation, self._hosted(full_name))

    def _installation(self, installation_id: int) -> Installation:
        installation = self._state.installations.find(installation_id)
        if installation is None:
            raise KeyError(installation_id)
        return installation
