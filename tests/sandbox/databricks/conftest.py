"""A stand-in workspace on a real socket, with a stand-in GitHub behind its Git folders."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.databricks.workspace import Workspace
from sandbox.entra.server import Entra, Principal
from sandbox.entra.tokens import DATABRICKS
from sandbox.github.server import GitHub
from sandbox.serving import Listener

ADA = "ada@octo.example"


class Api:
    """A client of the workspace's REST API."""

    def __init__(self, url: str, session: requests.Session, token: str) -> None:
        self._url = url
        self._session = session
        self.token = token

    def __call__(
        self, method: str, path: str, /, *, token: str | None = None, timeout: float = 30, **body
    ) -> requests.Response:
        return self._session.request(
            method,
            f"{self._url}{path}",
            headers={"Authorization": f"Bearer {token or self.token}"},
            json=body or None,
            timeout=timeout,
            allow_redirects=False,
        )

    def get(self, path: str, /, *, token: str | None = None, **query: str) -> requests.Response:
        return self._session.get(
            f"{self._url}{path}",
            headers={"Authorization": f"Bearer {token or self.token}"},
            params=query,
            timeout=30,
        )

    def update(self, folder_id: int, **body) -> requests.Response:
        return self("PATCH", f"/api/2.0/repos/{folder_id}", **body)


@dataclass(frozen=True)
class Remote:
    """A repository on GitHub with two commits on its branch main."""

    github: GitHub
    full_name: str
    old: str
    new: str
    token: str  # may read it

    @property
    def url(self) -> str:
        return self.github.repository(self.full_name).clone_url

    @property
    def path(self) -> Path:
        return self.github.repository(self.full_name).path

    def commit(self, branch: str = "main", **files: str) -> str:
        named = {f"{name}.txt": text for name, text in files.items()}
        return self.github.commit(self.full_name, branch, named, "Change")

    def git(self, *arguments: str) -> str:
        ran = subprocess.run(
            ("git", f"--git-dir={self.path}", *arguments),
            capture_output=True,
            text=True,
            check=True,
        )
        return ran.stdout.strip()


@pytest.fixture(scope="session")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHub]:
    listener = Listener(None)
    github = GitHub(tmp_path_factory.mktemp("github"), url=listener.url)
    github.add_organization("octo-org")
    listener.serve(github.asgi)
    yield github
    github.close()
    listener.close()


@pytest.fixture(scope="session")
def names() -> Iterator[int]:
    return itertools.count()


@pytest.fixture
def remote(github: GitHub, names: Iterator[int]) -> Remote:
    full_name = f"octo-org/etl-{next(names)}"
    github.add_repository(full_name)
    old = github.commit(full_name, "main", {"a.txt": "1\n", "b.txt": "1\n"}, "First")
    new = github.commit(full_name, "main", {"a.txt": "2\n"}, "Second")
    return Remote(github, full_name, old, new, github.user_token())


@pytest.fixture(scope="session")
def entra() -> Iterator[Entra]:
    listener = Listener(None)
    entra = Entra(url=listener.url)
    listener.serve(entra.asgi)
    yield entra
    listener.close()


class Address:
    """A port that stays open for all tests, and whose application each test brings."""

    def __init__(self, listener: Listener) -> None:
        self.url = listener.url
        self.app: ASGIApp
        listener.serve(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def address() -> Iterator[Address]:
    listener = Listener(None)
    yield Address(listener)
    listener.close()


@pytest.fixture
def workspace(tmp_path: Path, entra: Entra, address: Address) -> Workspace:
    workspace = Workspace(tmp_path / "dev", name="dev", url=address.url, entra=entra)
    address.app = workspace.asgi
    return workspace


@pytest.fixture
def api(workspace: Workspace) -> Iterator[Api]:
    """The API as the administrator Ada uses it."""
    token = workspace.add_user(ADA)
    with requests.Session() as session:
        yield Api(workspace.url, session, token)


@pytest.fixture
def folder_id(workspace: Workspace, api: Api, remote: Remote) -> int:
    """A Git folder at the first commit, and Ada's credential to update it with."""
    workspace.store_git_credential(ADA, "gitHub", "ada", remote.token)
    return workspace.add_git_folder(
        "/Repos/team/etl", remote.url, source=remote.path, at=remote.old
    )


@pytest.fixture
def principal(workspace: Workspace, entra: Entra) -> tuple[str, str]:
    """A service principal of the workspace, without permissions, and its access token."""
    known = entra.add_principal(entra.add_tenant())
    workspace.add_service_principal(known.client_id)
    return known.client_id, access_token(entra, known)


def access_token(entra: Entra, principal: Principal, resource: str = DATABRICKS) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": principal.client_id,
        "client_secret": principal.client_secret,
        "scope": f"{resource}/.default",
    }
    url = f"{entra.authority(principal.tenant_id)}/oauth2/v2.0/token"
    token: str = requests.post(url, data=form, timeout=30).json()["access_token"]
    return token


@pytest.fixture(scope="session")
def sign_in() -> Callable[..., str]:
    return access_token
