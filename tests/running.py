"""Start the service as an operator does, push as a developer does, and wait for what follows."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from forked import Forked, Point
from migrated import sqlite_with_tables

DEADLINE = 60.0  # seconds until a wait is a failure
MOVED_CLOCK = Path(__file__).with_name("moved_clock.py")
AS_INSTALLED = ("-m", "brickpush")


def wait_until(condition, *, seconds=DEADLINE, every=0.02, what="the condition"):
    """Return the first true value of *condition*; fail when it does not come.

    It is asked *every* so many seconds: seldom, where it takes long itself.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(every)
    raise AssertionError(f"{what} did not come within {seconds:g} s")


def environment(**changes):
    """Return this process's environment without what a developer's machine may have set."""
    hidden = ("BRICKPUSH_", "DATABRICKS_", "ARM_", "AZURE_", "GIT_", "REQUESTS_CA_", "CURL_CA_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return {**kept, **changes}


def configured(settings):
    """Return the environment in which git has *settings*."""
    environ = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings.items()):
        environ |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return environ


class Service:
    """`brickpush serve` in a process of its own; *ahead*, the machine's clock is wrong.

    *program* is what runs in its place, by a Python of its own; it may die at *point*, and then
    has no url where it never listened.
    """

    def __init__(
        self,
        config: Path,
        log: Path,
        *,
        role: str = "all",
        ahead: float = 0,
        program: Sequence[str] = (),
        point: Point | None = None,
        listens: bool = True,
        **environ,
    ):
        self.directory, self.log = config.parent, log
        self._may_die = point is not None
        arguments = ("serve", "--config", str(config), "--port", "0", "--role", role)
        program = (str(MOVED_CLOCK), str(ahead)) if ahead else program
        where = {"cwd": self.directory, "log": log, "environ": environment(**environ)}
        if program:
            self.process = _started((*program, *arguments), **where)
        else:
            self.process = Forked(arguments, point=point, **where)
        if listens:
            self.wait_until_it_listens()

    def wait_until_it_listens(self) -> None:
        line = self.process.stdout.readline()
        self.url = line.split()[-1] if line.startswith("brickpush: listening on ") else None
        if self.url is None and not self._may_die:
            self.close()
            raise AssertionError(self.log.read_text())

    @property
    def hook(self) -> str:
        return f"{self.url}/webhooks/github"

    def kill(self):
        """End it as a power cut does."""
        self.process.kill()
        self.close()

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=15)
        finally:
            self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def _started(arguments: Sequence[str], *, cwd: Path, log: Path, environ) -> subprocess.Popen:
    with log.open("a") as errors:
        return subprocess.Popen(
            (sys.executable, "-I", *arguments),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environ,
            cwd=cwd,
        )


@contextlib.contextmanager
def running_service(sandbox, **options):
    """Run the service against *sandbox*, and send GitHub's webhooks to it.

    Its tables are there already: that a start makes them is shown where that is what is tested.
    """
    tables = sandbox.directory / "brickpush.sqlite"
    if "BRICKPUSH_DATABASE_URL" not in options and not tables.exists():
        sqlite_with_tables(tables)
    service = Service(sandbox.config_path, sandbox.directory / "service.log", **options)
    sandbox.github.hook_url = service.hook
    try:
        yield service
    finally:
        service.close()


class Developer:
    """Somebody with a clone, who may push."""

    def __init__(self, sandbox, directory: Path, repository: str = "octo-org/etl"):
        self.directory = directory
        basic = base64.b64encode(f"octocat:{sandbox.user_token}".encode()).decode()
        self.environ = environment(
            HOME=str(directory.parent),
            GIT_CONFIG_NOSYSTEM="1",
            GIT_SSL_CAINFO=str(sandbox.certificate.ca_path),
            GIT_SSL_CAPATH=str(directory.parent / "none"),
            GIT_TERMINAL_PROMPT="0",
            GIT_AUTHOR_NAME="Ada",
            GIT_AUTHOR_EMAIL="ada@octo.example",
            GIT_COMMITTER_NAME="Ada",
            GIT_COMMITTER_EMAIL="ada@octo.example",
            **configured(
                {
                    "http.extraHeader": f"Authorization: Basic {basic}",
                    "core.fsync": "none",
                    "maintenance.auto": "false",  # a process after every commit and push
                }
            ),
        )
        url = sandbox.github.repository(repository).clone_url
        subprocess.run(
            ("git", "clone", "-q", url, str(directory)), check=True, env=self.environ, timeout=60
        )

    def git(self, *arguments: str) -> str:
        ran = subprocess.run(
            ("git", "-C", str(self.directory), *arguments),
            check=True,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return ran.stdout.strip()

    def commit(self, name: str = "jobs/new.py", text: str = "") -> str:
        """Commit one file, with a content of its own unless told, and return the commit."""
        path = self.directory / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text or f"rows = {time.time_ns()}\n")
        self.git("add", name)
        self.git("commit", "-q", "-m", f"Change {name}")
        return self.git("rev-parse", "HEAD")

    def push(self, *arguments: str) -> None:
        self.git("push", "-q", *(arguments or ("origin", "HEAD")))
