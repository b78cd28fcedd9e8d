"""A stand-in GitHub on a real socket, and the clients that talk to it: git, REST, a hook."""

from __future__ import annotations

import functools
import os
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sandbox.certificates import Certificate, make_certificate
from sandbox.github.server import GitHub
from sandbox.serving import Listener

DEADLINE = 20  # seconds


@functools.cache
def _private_key(pem: bytes) -> rsa.RSAPrivateKey:
    """Read a key once: the check that comes with reading is slow."""
    key = serialization.load_pem_private_key(pem, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


class Clock:
    """The real time, and as much later as a test says."""

    def __init__(self) -> None:
        self.later = 0.0

    def __call__(self) -> float:
        return time.time() + self.later


class Git:
    """git on a developer's machine: nothing is asked, nothing is configured."""

    def __init__(self, home: Path, certificate: Certificate) -> None:
        self.home = home
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_SSL_CAINFO": str(certificate.ca_path),
            "GIT_SSL_CAPATH": str(home),  # spares reading every certificate of the machine
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.com",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.com",
        }

    def __call__(self, *arguments: str, cwd: Path | None = None) -> str:
        return self.attempt(*arguments, cwd=cwd, check=True).stdout.strip()

    def attempt(
        self, *arguments: str, cwd: Path | None = None, check: bool = False
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ("git", *arguments),
            cwd=cwd or self.home,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=check,
        )

    def commit(self, work: Path, files: dict[str, str], message: str = "Change") -> str:
        for path, content in files.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(content)
        self("add", "--all", cwd=work)
        self("commit", "--quiet", "--message", message, cwd=work)
        return self("rev-parse", "HEAD", cwd=work)


class Rest:
    """A client of GitHub's REST."""

    def __init__(self, github: GitHub, session: requests.Session, ca_path: Path) -> None:
        self._github = github
        self._session = session
        self._ca_path = str(ca_path)

    def jwt(self, **claims: object) -> str:
        now = int(time.time())
        usual = {"iat": now - 60, "exp": now + 300, "iss": self._github.client_id}
        key = _private_key(self._github.private_key_path.read_bytes())
        good = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return jwt.encode(good, key, algorithm="RS256")

    def __call__(
        self, method: str, path: str, *, token: str | None = None, **options: object
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        options["headers"] = {**headers, **options.pop("headers", {})}
        url = path if path.startswith("http") else self._github.api_url + path
        # The certificate is given with each request: the environment would win over the session.
        return self._session.request(method, url, timeout=30, verify=self._ca_path, **options)

    def app(self, method: str, path: str, **options: object) -> requests.Response:
        return self(method, path, token=self.jwt(), **options)

    def token(self, installation_id: int, **narrowed: object) -> str:
        path = f"/app/installations/{installation_id}/access_tokens"
        answer = self.app("POST", path, json=narrowed)
        assert answer.status_code == 201, answer.text
        return answer.json()["token"]


@dataclass
class HookReceiver:
    """Where webhooks arrive; it answers when and as a test says."""

    url: str
    status: int = 202
    gate: threading.Event = field(default_factory=threading.Event)
    inbox: queue.Queue[tuple[dict[str, str], bytes]] = field(default_factory=queue.Queue)

    def receive(self) -> tuple[dict[str, str], bytes]:
        return self.inbox.get(timeout=DEADLINE)


@dataclass(frozen=True)
class Story:
    """A GitHub with an organization and a repository, and a clone of it; pushes make no suites."""

    github: GitHub
    git: Git
    work: Path
    installation_id: int


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def github(tmp_path: Path, certificate: Certificate, clock: Clock) -> Iterator[GitHub]:
    listener = Listener(certificate)
    github = GitHub(tmp_path / "github", url=listener.url, clock=clock)
    listener.serve(github.asgi)
    yield github
    github.close()
    listener.close()


@pytest.fixture
def git(tmp_path: Path, certificate: Certificate) -> Iterator[Git]:
    home = tmp_path / "home"
    home.mkdir()
    yield Git(home, certificate)
    shutil.rmtree(home)  # clones hold a token in their URL


@pytest.fixture
def rest(github: GitHub, certificate: Certificate) -> Iterator[Rest]:
    with requests.Session() as session:
        yield Rest(github, session, certificate.ca_path)


@pytest.fixture
def hook() -> Iterator[HookReceiver]:
    listener = Listener(None)
    receiver = HookReceiver(f"{listener.url}/webhooks/github")
    receiver.gate.set()

    async def endpoint(request: Request) -> Response:
        receiver.inbox.put((dict(request.headers), await request.body()))
        await run_in_threadpool(receiver.gate.wait, DEADLINE)
        return PlainTextResponse("noted", receiver.status)

    listener.serve(Starlette(routes=[Route("/webhooks/github", endpoint, methods=["POST"])]))
    yield receiver
    receiver.gate.set()
    listener.close()


@pytest.fixture
def story(github: GitHub, git: Git) -> Story:
    installation_id = github.add_organization("octo-org")
    github.switches.check_suites_on_push = False
    repository = github.add_repository("octo-org/etl")
    url = repository.clone_url.replace("://", f"://octocat:{github.user_token()}@")
    git("clone", "--quiet", url, "etl")
    return Story(github, git, git.home / "etl", installation_id)


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], bool]], None]:
    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true in time"
            time.sleep(0.01)

    return wait
