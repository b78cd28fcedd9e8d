"""A stand-in GitHub, Entra and workspace, shared; a repository and an environment for each test."""

from __future__ import annotations

import base64
import gc
import itertools
import json
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hooks.promote import main
from sandbox.certificates import Certificate, make_certificate
from sandbox.databricks.workspace import Workspace
from sandbox.entra.server import Entra, Principal
from sandbox.github.server import GitHub
from sandbox.serving import Listener

FOREIGN = ("DATABRICKS_", "ARM_", "AZURE_", "GITHUB_", "BRICKPUSH_", "GIT_", "XDG_", "PRE_COMMIT")
NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Stage:
    """The stand-ins, on loopback with a certificate of their own."""

    github: GitHub
    entra: Entra
    workspace: Workspace
    principal: Principal
    certificate: Certificate
    token: str  # a personal access token of a workspace admin


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("stage")
    certificate = make_certificate(directory)
    listeners = [Listener(certificate) for _ in range(3)]
    github = GitHub(directory / "github", url=listeners[0].url)
    entra = Entra(url=listeners[1].url)
    workspace = Workspace(
        directory / "dev",
        name="dev",
        url=listeners[2].url,
        entra=entra,
        git_environ={"GIT_SSL_CAINFO": str(certificate.ca_path)},
    )
    github.add_organization("octo-org")
    principal = entra.add_principal(entra.add_tenant())
    workspace.add_service_principal(principal.client_id)
    workspace.grant(principal.client_id, "/Repos")
    token = workspace.add_user("ada@octo.example")
    for listener, served in zip(listeners, (github, entra, workspace), strict=True):
        listener.serve(served.asgi)
    git_token = github.user_token()
    for owner in (principal.client_id, "ada@octo.example"):
        workspace.store_git_credential(owner, "gitHub", "octocat", git_token)
    yield Stage(github, entra, workspace, principal, certificate, token)
    gc.collect()  # close what clients still hold open, or the listeners would wait for them
    for listener in listeners:
        listener.close()
    github.close()


@dataclass(frozen=True)
class Repository:
    """One repository that only one test uses, and its Git folders under a root of its own."""

    stage: Stage
    name: str
    root: str

    @property
    def url(self) -> str:
        return self.stage.github.repository(self.name).clone_url

    @property
    def head(self) -> str:
        found = self.stage.github.head(self.name, "main")
        assert found is not None
        return found

    def commit(self, branch: str = "main") -> str:
        """Move the branch on; the Git folders stay where they are."""
        files = {"job.py": f"rows = {next(NUMBERS)}\n"}
        return self.stage.github.commit(self.name, branch, files, "Change the job")

    def add_git_folder(self, name: str, **options: object) -> str:
        """Add a Git folder at the branch's present commit, and return its path."""
        path = f"{self.root}/{name}"
        source = self.stage.github.repository(self.name).path
        self.stage.workspace.add_git_folder(path, self.url, source=source, **options)
        return path

    def at(self, path: str) -> str | None:
        """Return where a Git folder is now."""
        return self.stage.workspace.folder(path).head_commit_id


@pytest.fixture
def repository(stage: Stage) -> Repository:
    """A private repository: git has no credentials for it, unless a test gives some."""
    number = next(NUMBERS)
    name = f"octo-org/etl-{os.getpid()}-{number}"
    stage.github.add_repository(name)
    return Repository(stage, name, f"/Repos/team-{number}")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: Stage) -> Path:
    """An empty home directory, an empty current directory, and nothing configured."""
    for name in list(os.environ):
        if name.startswith(FOREIGN):
            monkeypatch.delenv(name)
    directory, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    for each in (directory, elsewhere, tmp_path / "bin"):
        each.mkdir()
    monkeypatch.setenv("HOME", str(directory))
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(directory / name.lower()))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(stage.certificate.ca_path))
    monkeypatch.setenv("GIT_SSL_CAINFO", str(stage.certificate.ca_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(elsewhere)
    return directory


@pytest.fixture
def service_principal(home: Path, monkeypatch: pytest.MonkeyPatch, stage: Stage) -> Path:
    """The four names of the workflows written by hand, and the stand-in's sign-in host."""
    principal = stage.principal
    monkeypatch.setenv("AZURE_SP_TENANT_ID", principal.tenant_id)
    monkeypatch.setenv("AZURE_SP_CLIENT_ID", principal.client_id)
    monkeypatch.setenv("AZURE_SP_CLIENT_SECRET", principal.client_secret)
    host = stage.workspace.url.removeprefix("https://")
    monkeypatch.setenv("AZURE_DATABRICKS_WORKSPACE_INSTANCE_NAME", host)
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", stage.entra.url)
    return home


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    output: str
    progress: str

    @property
    def json(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.output)
        return found


@pytest.fixture
def git_promote(home: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run `git promote` with arguments."""

    def run(*arguments: str) -> Ended:
        capfd.readouterr()
        code = main(arguments)
        told = capfd.readouterr()
        return Ended(int(code), told.out, told.err)

    return run


@pytest.fixture
def program(tmp_path: Path, home: Path) -> Callable[[str, str], Path]:
    """Put a shell script on the PATH under a name; return the file that notes its arguments."""

    def put(name: str, script: str) -> Path:
        path, noted = tmp_path / "bin" / name, tmp_path / f"{name}.arguments"
        path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$PWD" "$@" > {noted}\n{script}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return noted

    return put


@pytest.fixture
def promote_toml(home: Path) -> Callable[[str], None]:
    """Write the user's own settings."""

    def write(text: str) -> None:
        path = home / "config" / "brickpush" / "promote.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return write


@pytest.fixture
def clone(home: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of the repository, which we stand in; git may read and push."""

    token = base64.b64encode(f"octocat:{repository.stage.github.user_token()}".encode()).decode()
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "http.extraHeader")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", f"Authorization: Basic {token}")
    directory = Path.cwd() / "clone"
    git("clone", "--quiet", repository.url, str(directory))
    monkeypatch.chdir(directory)
    git("config", "user.name", "Ada")
    git("config", "user.email", "ada@octo.example")
    return directory


def git(*arguments: str) -> str:
    ran = subprocess.run(("git", *arguments), check=True, capture_output=True, text=True)
    return ran.stdout.strip()
