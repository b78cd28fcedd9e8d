"""Web and worker processes of the service on one PostgreSQL database, with a fake promotion."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "tests" / "github_app" / "killed_service.py"


@dataclass(frozen=True)
class Line:
    """What a promotion said: started, acted or promoted."""

    word: str
    commit: str
    at: float
    pid: int


class Process:
    """One process of the service."""

    def __init__(self, url, log, role, seconds):
        with log.with_suffix(".errors").open("ab") as errors:
            self._process = subprocess.Popen(
                (sys.executable, "-W", "error", PROGRAM, url, log, str(seconds), role),
                cwd=ROOT,
                env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.role, self.pid = role, self._process.pid

    def wait_ready(self):
        self._address = urlsplit(self._process.stdout.readline().strip())
        assert self._address.port, f"the {self.role} did not start"

    @property
    def exit_code(self):
        return self._process.poll()

    def send(self, number):
        self._process.send_signal(number)

    def end(self, number=signal.SIGKILL):
        self._process.send_signal(number)
        self._process.wait(20)
        self.close()

    def close(self):
        self._process.stdout.close()

    def request(self, method, path, body=None, headers=None):
        """Return the status; 0 where nobody answers."""
        connection = http.client.HTTPConnection(
            self._address.hostname, self._address.port, timeout=15
        )
        with contextlib.closing(connection):
            try:
                connection.request(method, path, body, headers or {})
                return connection.getresponse().status
            except (OSError, http.client.HTTPException):
                return 0


class Cluster:
    """Two web and two worker processes; what ended is started again by `heal`."""

    def __init__(self, url, log, *, seconds=2.0):
        self.url, self._log, self._seconds = url, log, seconds
        self.webs, self.workers = [], []

    def heal(self):
        """Bring the cluster to full strength, as a supervisor does."""
        for role, members in (("web", self.webs), ("worker", self.workers)):
            for ended in [each for each in members if each.exit_code is not None]:
                ended.close()
                members.remove(ended)
            fresh = [self._start(role) for _ in range(2 - len(members))]
            for process in fresh:
                process.wait_ready()
            members.extend(fresh)

    def _start(self, role):
        return Process(self.url, self._log, role, self._seconds)

    def end(self):
        for process in (*self.webs, *self.workers):
            if process.exit_code is None:
                process.end()
            process.close()

    @contextlib.contextmanager
    def supervised(self):
        """Start what ends again, until the block is left."""
        over = threading.Event()

        def supervise():
            while not over.wait(0.2):
                self.heal()

        thread = threading.Thread(target=supervise)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(60)

    def lines(self, word, commit=None):
        text = self._log.read_text() if self._log.exists() else ""
        lines = [
            Line(w, c, float(at), int(pid)) for w, c, at, pid in map(str.split, text.splitlines())
        ]
        return [line for line in lines if line.word == word and commit in (None, line.commit)]

    def worker_of(self, commit):
        """Return the process that promotes *commit*, once one does."""
        pids = {line.pid for line in self.lines("started", commit)}
        return next((each for each in self.workers if each.pid in pids), None)

    def post(self, body, headers, *, to=0):
        webs = list(self.webs)  # one may just have ended
        return (
            webs[to % len(webs)].request("POST", "/webhooks/github", body, headers) if webs else 0
        )

    def rows(self, statement):
        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
            return connection.execute(statement).fetchall()

    def settled(self):
        """Say whether nothing is pending; False while the database is away."""
        try:
            return self.rows("select count(*) from branches where newest > promoted") == [(0,)]
        except psycopg.OperationalError:
            return False
