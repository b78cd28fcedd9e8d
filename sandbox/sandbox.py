"""The whole sandbox: GitHub, Entra and two Databricks workspaces, each on a loopback port."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import world
from sandbox.certificates import Certificate, make_certificate
from sandbox.databricks.workspace import Workspace
from sandbox.entra.server import Entra, Principal
from sandbox.faults import Faults
from sandbox.github.server import GitHub
from sandbox.serving import Listener

WORKSPACES = ("dev", "prod")
ADMIN = "admin@octo.example"


@dataclass(frozen=True)
class Options:
    """How a sandbox differs from the usual one."""

    hook: str | None = None  # where GitHub sends webhooks
    http: bool = False  # plain http for GitHub and the workspaces; Entra stays https
    empty: bool = False  # no Git folders and no stored Git credentials
    latency_ms: int = 0  # added to every answer
    no_app: bool = False  # no GitHub App is registered yet: `brickpush setup` can be rehearsed


@dataclass(frozen=True)
class Place:
    """One workspace, and its principals."""

    workspace: Workspace
    principal: Principal
    token: str  # a personal access token of an admin


@dataclass(frozen=True)
class Sandbox:
    """What runs, and how to reach it."""

    directory: Path
    github: GitHub
    github_faults: Faults
    entra: Entra
    places: tuple[Place, ...]
    user_token: str
    installation_id: int | None  # None where there was no App at the start
    certificate: Certificate
    config_path: Path
    listeners: Mapping[str, Listener]  # "github", "entra", and the workspaces by name

    @property
    def workspaces(self) -> tuple[Workspace, ...]:
        return tuple(place.workspace for place in self.places)

    def workspace(self, name: str) -> Workspace:
        return next(each for each in self.workspaces if each.name == name)

    def describe(self) -> dict[str, Any]:
        """Return what another program needs to use the sandbox, including the sandbox's secrets.

        Values that only an App has are None without one.
        """
        return {
            "github": self._describe_github(),
            "workspaces": [self._describe_place(place) for place in self.places],
            "ca_path": str(self.certificate.ca_path),
            "config_path": str(self.config_path) if self.github.apps else None,
        }

    def _describe_github(self) -> dict[str, Any]:
        github = self.github
        return {
            "url": github.url,
            "api_url": github.api_url,
            "app_id": github.app_id if github.apps else None,
            "client_id": github.client_id if github.apps else None,
            "private_key_path": str(github.private_key_path) if github.apps else None,
            "webhook_secret": github.webhook_secret if github.apps else None,
            "installation_id": self.installation_id,
            "repository": world.MAIN,
            "repository_url": github.repository(world.MAIN).clone_url,
            "user_token": self.user_token,
        }

    def _describe_place(self, place: Place) -> dict[str, str]:
        return {
            "name": place.workspace.name,
            "host": place.workspace.url,
            "token": place.token,
            "authority": self.entra.authority(place.principal.tenant_id),
            "tenant_id": place.principal.tenant_id,
            "client_id": place.principal.client_id,
            "client_secret": place.principal.client_secret,
        }


@contextlib.contextmanager
def open_sandbox(directory: Path, options: Options | None = None) -> Iterator[Sandbox]:
    """Start a sandbox in *directory*, which is created if missing; stop it at the end."""
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        yield _Builder(directory, options or Options(), stack).build()


class _Builder:
    """Puts a sandbox together, one stand-in after the other."""

    def __init__(self, directory: Path, options: Options, stack: contextlib.ExitStack) -> None:
        self._directory = directory
        self._options = options
        self._stack = stack
        self._certificate = make_certificate(directory)
        self._no_authorities = directory / "no-authorities"
        self._no_authorities.mkdir(exist_ok=True)
        self._listeners: dict[str, Listener] = {}

    def build(self) -> Sandbox:
        github, github_faults = self._github()
        installation_id = self._installation(github)
        user_token = github.user_token()
        _fill_github(github)
        entra = self._entra()
        tenant_id = entra.add_tenant()
        places = tuple(self._place(name, entra, tenant_id) for name in WORKSPACES)
        if not self._options.empty:
            _fill_workspaces(github, places, user_token)
        sandbox = Sandbox(
            directory=self._directory,
            github=github,
            github_faults=github_faults,
            entra=entra,
            places=places,
            user_token=user_token,
            installation_id=installation_id,
            certificate=self._certificate,
            config_path=self._directory / "brickpush.toml",
            listeners=self._listeners,
        )
        if github.apps:
            write_config(sandbox)
        else:
            write_client_secrets(sandbox)
        self._stack.callback(self._leave)
        return sandbox

    def _leave(self) -> None:
        """Have all listeners stop at once: one after the other takes longer."""
        for listener in self._listeners.values():
            listener.leave()

    def _installation(self, github: GitHub) -> int | None:
        """Add the organization, with the App on it where there is one."""
        if github.apps:
            return github.add_organization(world.ORGANIZATION)
        github.add_account(world.ORGANIZATION)
        return None

    def _listener(self, name: str, *, https: bool) -> Listener:
        listener = self._listeners[name] = Listener(self._certificate if https else None)
        self._stack.callback(listener.close)
        return listener

    def _github(self) -> tuple[GitHub, Faults]:
        listener, faults = self._listener("github", https=not self._options.http), Faults()
        faults.latency_seconds = self._options.latency_ms / 1000
        has_app = not self._options.no_app
        github = GitHub(self._directory / "github", url=listener.url, has_app=has_app)
        self._stack.callback(github.close)
        if has_app:
            github.hook_url = self._options.hook
        listener.serve(faults.wrap(github.asgi))
        return github, faults

    def _entra(self) -> Entra:
        listener = self._listener("entra", https=True)  # MSAL supports nothing else
        entra = Entra(url=listener.url)
        entra.faults.latency_seconds = self._options.latency_ms / 1000
        listener.serve(entra.asgi)
        return entra

    def _place(self, name: str, entra: Entra, tenant_id: str) -> Place:
        listener = self._listener(name, https=not self._options.http)
        workspace = Workspace(
            self._directory / name,
            name=name,
            url=listener.url,
            entra=entra,
            git_environ={
                "GIT_SSL_CAINFO": str(self._certificate.ca_path),
                # An empty directory spares git the system's authorities, 50 ms for each call.
                "GIT_SSL_CAPATH": str(self._no_authorities),
            },
        )
        workspace.faults.latency_seconds = self._options.latency_ms / 1000
        listener.serve(workspace.asgi)
        principal = entra.add_principal(tenant_id)
        workspace.add_service_principal(principal.client_id)
        for root in ("/Repos", "/Users", "/Shared"):
            workspace.grant(principal.client_id, root)
        return Place(workspace, principal, workspace.add_user(ADMIN))


def _fill_github(github: GitHub) -> None:
    for full_name in world.REPOSITORIES:
        github.add_repository(full_name)
        files = {"README.md": f"# {full_name}\n", world.EDITED_FILE: "rows = 1\n"}
        github.commit(full_name, "main", files, "Add the daily job")
    for branch in world.BRANCHES[1:]:
        github.commit(world.MAIN, branch, {"BRANCH": f"{branch}\n"}, f"Begin {branch}")
    github.tag(world.MAIN, world.TAG, "main")


def _fill_workspaces(github: GitHub, places: tuple[Place, ...], user_token: str) -> None:
    by_name: Mapping[str, Workspace] = {place.workspace.name: place.workspace for place in places}
    for place in places:
        for identity in (place.principal.client_id, ADMIN):
            place.workspace.store_git_credential(identity, "gitHub", "octocat", user_token)

    def make(numbered: tuple[int, world.Seed]) -> None:
        number, seed = numbered
        repository = github.repository(seed.repository)
        by_name[seed.workspace].add_git_folder(
            seed.path,
            world.spelled(repository.clone_url, number),
            branch=seed.branch,
            source=repository.path,
            git_cli=seed.git_cli,
            tag=seed.tag,
        )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make, enumerate(world.seeds())))
    by_name["dev"].write_file(world.DIRTY, world.EDITED_FILE, "rows = 1000  # a quick try\n")


def write_config(sandbox: Sandbox) -> None:
    """Write a `brickpush.toml` that runs the service against this sandbox."""
    directory, github = sandbox.directory, sandbox.github
    _write_secret(directory / "webhook.secret", github.webhook_secret)
    write_client_secrets(sandbox)
    lines = [
        f'database_url = "sqlite:///{directory / "brickpush.sqlite"}"',
        f'ca_path = "{sandbox.certificate.ca_path}"',
        "",
        "[github]",
        f"app_id = {github.app_id}",
        f'private_key_path = "{github.private_key_path}"',
        'webhook_secret_paths = ["webhook.secret"]',
        f'url = "{github.url}"',
    ]
    for place in sandbox.places:
        name, principal = place.workspace.name, place.principal
        lines += [
            "",
            f"[workspaces.{name}]",
            f'host = "{place.workspace.url}"',
            "",
            f"[workspaces.{name}.entra]",
            f'tenant_id = "{principal.tenant_id}"',
            f'client_id = "{principal.client_id}"',
            f'client_secret_path = "{name}.secret"',
            f'authority_host = "{sandbox.entra.url}"',
        ]
    sandbox.config_path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_client_secrets(sandbox: Sandbox) -> None:
    """Write each workspace's client secret into a file, as `brickpush.toml` names it."""
    for place in sandbox.places:
        path = sandbox.directory / f"{place.workspace.name}.secret"
        _write_secret(path, place.principal.client_secret)


def _write_secret(path: Path, secret: str) -> None:
    path.touch(mode=0o600)
    path.write_text(secret, encoding="utf-8")
