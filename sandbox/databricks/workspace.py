"""A stand-in workspace: what tests and demonstrations put into it, do to it and look at."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from starlette.types import ASGIApp

from sandbox.databricks.api.credentials import CredentialsApi
from sandbox.databricks.api.door import Door
from sandbox.databricks.api.pulls import Pulls
from sandbox.databricks.api.repos import ReposApi
from sandbox.databricks.api.routes import application
from sandbox.databricks.api.templates import Templates, Wanted
from sandbox.databricks.api.workspace import WorkspaceApi
from sandbox.databricks.calls import Caller
from sandbox.databricks.errors import GitAnswers
from sandbox.databricks.git.clone import Clone
from sandbox.databricks.git.git import Git
from sandbox.databricks.state import paths
from sandbox.databricks.state.changes import Changes, FolderChange, Replicas, What
from sandbox.databricks.state.credentials import GitCredentials
from sandbox.databricks.state.people import People
from sandbox.databricks.state.principals import Principal, Principals
from sandbox.databricks.state.records import (
    Behaviour,
    FolderSnapshot,
    Latency,
    PullRecord,
    RequestRecord,
)
from sandbox.databricks.state.tree import GitFolder, Tree
from sandbox.entra.server import Entra
from sandbox.faults import Faults

# Databricks' own application, which a browser would sign in to.
SIGN_IN_CLIENT = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"


class Workspace(People):
    """One Azure Databricks workspace on a loopback port."""

    asgi: ASGIApp

    def __init__(
        self,
        directory: Path,
        *,
        name: str,
        url: str,
        entra: Entra,
        git_environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
        page_size: int = 20,
    ) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self.behaviour = Behaviour()
        self.git_answers = GitAnswers()
        self.faults = Faults()
        self.latency = Latency()
        self.replicas = Replicas()
        self.requests: list[RequestRecord] = []
        self._entra = entra
        self._clones, self._tree = directory / "git-folders", Tree(name)
        self._changes = Changes(name)
        for each in (self._clones, directory / "home", directory / "templates"):
            each.mkdir(parents=True, exist_ok=True)
        self._git = Git(directory / "home", git_environ or {})
        self._templates = Templates(self._git, directory / "templates")
        self._principals = Principals()
        self._credentials = GitCredentials(self.behaviour)
        self._pulls = Pulls(self._credentials, self.git_answers, clock)
        self.asgi = self._application(page_size)

    def _application(self, page_size: int) -> ASGIApp:
        repos = ReposApi(
            tree=self._tree,
            principals=self._principals,
            pulls=self._pulls,
            behaviour=self.behaviour,
            changes=self._changes,
            replicas=self.replicas,
            git=self._git,
            clones=self._clones,
            page_size=page_size,
        )
        api = application(
            repos=repos,
            credentials=CredentialsApi(self._credentials, self._principals),
            workspace=WorkspaceApi(self._tree, self._principals, self.behaviour),
            org_id=str(self._tree.new_id()),
            sign_in_url=self._sign_in_url,
        )
        return Door(
            self.faults.wrap(api),
            requests=self.requests,
            identify=self._identify,
            latency=lambda: self.latency,
        )

    def watch_git_folders(self, watcher: Callable[[FolderChange], None]) -> None:
        """Notify *watcher* of every change of a Git folder, as soon as it is made."""
        self._changes.watchers.append(watcher)

    @property
    def pulls(self) -> list[PullRecord]:
        """Every Git operation that went to a remote, in the order of their endings."""
        return self._pulls.records

    def add_service_principal(self, client_id: str, *, admin: bool = False) -> None:
        """Let a service principal of Entra into the workspace."""
        self._principals.add(client_id, admin=admin, is_user=False)

    def add_user(self, name: str, *, admin: bool = True) -> str:
        """Add a user with a home folder and return a personal access token."""
        self._principals.add(name, admin=admin, is_user=True)
        self._tree.make_directory(f"/Users/{name}")
        self._principals.grant(name, f"/Users/{name}", "CAN_MANAGE")
        return self._principals.add_token(name)

    def grant(self, principal: str, path: str, level: str = "CAN_MANAGE") -> None:
        """Give a principal a level on *path* and all beneath it."""
        self._principals.grant(principal, path, level)

    def principal_id(self, principal: str) -> int:
        """Return the numeric id by which the API knows a principal."""
        return self._known(principal).id

    def add_directory(self, path: str) -> None:
        """Make a directory and those above it."""
        self._tree.make_directory(paths.normalise(path))

    def add_notebook(self, path: str) -> None:
        """Put a notebook somewhere outside the Git folders."""
        self._tree.add_notebook(paths.normalise(path))

    def add_git_folder(
        self,
        path: str,
        url: str,
        *,
        branch: str = "main",
        source: Path,
        at: str | None = None,
        git_cli: bool = False,
        provider: str | None = "gitHub",
        tag: str | None = None,
    ) -> int:
        """Make a clone of the bare repository *source* whose remote is *url*; return its id.

        *at* is the full id of an older commit to stand on. An empty *url* makes a folder that
        has no remote.
        """
        path, folder_id = paths.normalise(path), self._tree.new_id()
        if self._tree.taken(path):
            raise ValueError(f"{path} exists")
        clone = Clone(self._git, self._clones / str(folder_id))
        wanted = Wanted(source, branch, at=at, tag=tag)
        self._templates.copy(wanted, clone.directory, url=url)
        folder = GitFolder(folder_id, path, url, provider, clone, git_cli=git_cli, source=source)
        with self._changes.of(folder, What.CREATED, by="person"):
            self._tree.add(folder)
        return folder_id

    def store_git_credential(self, principal: str, provider: str, username: str, token: str) -> int:
        """Store a Git credential as the principal would; return its id."""
        body = {"git_provider": provider, "git_username": username}
        body["personal_access_token"] = token
        return self._credentials.create(self._known(principal), body).id

    def folder(self, path: str) -> FolderSnapshot:
        """Return the Git folder at *path* as it is now."""
        return self._folder(path).snapshot()

    def folder_of_id(self, folder_id: int) -> FolderSnapshot | None:
        """Return the Git folder with that id as it is now, wherever it is; None: it is gone."""
        found = self._tree.folder(folder_id)
        return None if found is None else found.snapshot()

    def clone_of(self, folder_id: int) -> Path:
        """Return where the clone of a Git folder is on disk."""
        return self._clones / str(folder_id)

    def folders(self) -> list[FolderSnapshot]:
        """Return all Git folders as they are now."""
        return [folder.snapshot() for folder in self._tree.folders()]

    def directory_of(self, path: str) -> Path:
        """Return where the clone of a Git folder is on disk."""
        return self._folder(path).clone.directory

    def read_file(self, path: str, name: str) -> str:
        """Return a file of a Git folder."""
        return (self.directory_of(path) / name).read_text(encoding="utf-8")

    def _known(self, name: str) -> Principal:
        found = self._principals.by_name(name)
        if found is None:
            raise KeyError(name)
        return found

    def _identify(self, authorization: str) -> Caller:
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer" or not token:
            return Caller()
        if user := self._principals.by_token(token):
            return Caller(user, user.name, bearer=True)
        client_id = self._entra.identify(token)
        principal = self._principals.by_name(client_id) if client_id else None
        return Caller(principal, client_id, bearer=True)

    def _sign_in_url(self) -> str:
        """Return where a browser would be sent; clients read the tenant from it."""
        principal = self._principals.first_service_principal()
        tenant_id = self._entra.tenant_of(principal.name) if principal else None
        authority = self._entra.authority(tenant_id or "common")
        return f"{authority}/oauth2/authorize?client_id={SIGN_IN_CLIENT}&response_type=code"
