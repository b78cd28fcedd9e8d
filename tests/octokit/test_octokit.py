"""GitHub's own JavaScript clients run unchanged against the stand-in GitHub."""

from __future__ import annotations

import hashlib
import json
import os
import queue
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.certificates import make_certificate
from sandbox.github.server import GitHub
from sandbox.serving import Listener

HERE = Path(__file__).parent
NODE, NPM = shutil.which("node"), shutil.which("npm")
pytestmark = pytest.mark.skipif(NODE is None or NPM is None, reason="node and npm are not here")


@dataclass(frozen=True)
class Node:
    """Runs the scripts of this folder beside the packages that they import."""

    directory: Path
    ca_path: Path

    def __call__(self, script: str, given: dict[str, object]) -> dict[str, object]:
        shutil.copy(HERE / script, self.directory)
        ran = subprocess.run(
            (NODE, script),
            cwd=self.directory,
            env={"PATH": os.environ["PATH"], "NODE_EXTRA_CA_CERTS": str(self.ca_path)},
            input=json.dumps(given),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the packages once, however many processes run the tests."""
    version = hashlib.sha256((HERE / "package.json").read_bytes()).hexdigest()[:12]
    directory = tmp_path_factory.getbasetemp().parent / f"octokit-{version}"
    directory.mkdir(exist_ok=True)
    with FileLock(directory / "lock"):
        if not (directory / "installed").exists():
            for name in ("package.json", ".npmrc"):
                shutil.copy(HERE / name, directory)
            install = (NPM, "install", "--no-audit", "--no-fund", "--silent")
            subprocess.run(install, cwd=directory, check=True, timeout=110)
            (directory / "installed").touch()
    return directory


@pytest.fixture
def inbox() -> Iterator[queue.Queue[tuple[dict[str, str], str]]]:
    return queue.Queue()


@pytest.fixture
def github(tmp_path: Path, inbox) -> Iterator[GitHub]:
    """A GitHub over https whose App is installed, and whose webhooks arrive in the inbox."""

    async def receive(request: Request) -> Response:
        inbox.put((dict(request.headers), (await request.body()).decode()))
        return Response(status_code=202)

    certificate = make_certificate(tmp_path)
    hook, listener = Listener(None), Listener(certificate)
    hook.serve(Starlette(routes=[Route("/", receive, methods=["POST"])]))
    github = GitHub(tmp_path / "github", url=listener.url)
    listener.serve(github.asgi)
    github.add_repository("octo-org/etl")
    github.hook_url = f"{hook.url}/"
    github.add_installation("octo-org")
    inbox.get(timeout=20)
    yield github
    github.close()
    listener.close()
    hook.close()


@pytest.fixture
def node(packages: Path, tmp_path: Path) -> Node:
    return Node(packages, tmp_path / "ca.pem")


def asked(github):
    return {
        "api_url": github.api_url,
        "app_id": github.app_id,
        "private_key_path": str(github.private_key_path),
        "repository": "octo-org/etl",
    }


def test_the_client_does_all_that_an_app_does(github, node):
    told = node("as_the_app.mjs", asked(github))

    assert told == {
        "slug": github.app_slug,
        "narrowed": [
            ["etl"],
            {"checks": "write", "contents": "read", "metadata": "read"},
            "selected",
        ],
        "full_name": "octo-org/etl",
        "check_run": ["octokit", "completed", "success"],
        "deliveries": [["installation", "created", "OK"]],
        "warnings": 0,
    }
    [run] = github.check_runs
    assert (run.name, run.conclusion, run.summary) == ("octokit", "success", "All is well.")


@pytest.mark.parametrize("seconds", [-1000, 1000])
def test_the_client_gets_over_a_clock_that_is_wrong(github, node, seconds):
    github.clock_skew = seconds

    told = node("as_the_app.mjs", asked(github))

    assert told["check_run"] == ["octokit", "completed", "success"]
    assert told["warnings"] > 0


def test_the_client_waits_for_a_token_that_is_too_fresh(github, node):
    github.lag_fresh_tokens(uses=1)

    told = node("as_the_app.mjs", asked(github))

    assert told["full_name"] == "octo-org/etl"
    assert told["warnings"] == 1
    assert ("GET", "/api/v3/repos/octo-org/etl", 401) in github.requests


def test_the_client_verifies_a_webhook(github, node, inbox):
    github.add_repository("octo-org/größe")
    github.rename_repository("octo-org/größe", "groesse")
    headers, body = inbox.get(timeout=20)

    told = node(
        "verify_webhook.mjs",
        {
            "secret": github.webhook_secret,
            "signature": headers["x-hub-signature-256"],
            "body": body,
        },
    )

    assert told == {"good": True, "changed": False, "other_secret": False}
