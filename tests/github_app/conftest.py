from __future__ import annotations

import hashlib
import hmac
import json
import threading

import pytest
from lone_github import app, clock, faults, github, open_app  # noqa: F401 - fixtures
from migrated import sqlite_with_tables
from postgres import postgres, postgres_url  # noqa: F401 - fixtures

from github_app.runtime.metrics import Metrics
from github_app.storage import database
from github_app.webhooks.delivery import Delivery, parse_push
from github_app.webhooks.inbox import Intake
from github_app.worker.engine import Engine
from github_app.worker.lease import OnlyWorker
from github_app.worker.postgres_lease import RowLease

SECRET = "It's a Secret to Everybody"
REPOSITORY = {
    "id": 7,
    "full_name": "octo-org/etl",
    "html_url": "https://github.com/octo-org/etl",
    "default_branch": "main",
}


def sha_of(number):
    return f"{number:040x}"


def push_body(number=2, *, branch="main", **changes):
    payload = {
        "ref": f"refs/heads/{branch}",
        "before": sha_of(number - 1),
        "after": sha_of(number),
        "forced": False,
        "repository": REPOSITORY,
        "installation": {"id": 11},
        "pusher": {"name": "octocat"},
    }
    return json.dumps({**payload, **changes}).encode()


@pytest.fixture
def a_body():
    """Return a function that builds the body of a push event."""
    return push_body


@pytest.fixture
def a_delivery():
    """Return a function that builds a parsed push, number 2 unless told otherwise."""

    def build(number=2, *, guid=None, branch="main", **changes):
        body = push_body(number, branch=branch, **changes)
        return Delivery(guid or f"{branch}-{number}", "push", None, body, push=parse_push(body))

    return build


@pytest.fixture
def signed():
    """Return a function that gives a body's headers as GitHub sends them."""

    def headers(body, *, event="push", guid="a-guid", content_type="application/json", **changes):
        digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        given = {
            "Content-Type": content_type,
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": guid,
            "X-Hub-Signature-256": f"sha256={digest}",
            **changes,
        }
        return {name: value for name, value in given.items() if value is not None}

    return headers


@pytest.fixture
def backend(request):
    """What a test runs on: SQLite, or what its parameters say."""
    return getattr(request, "param", "sqlite")


@pytest.fixture
def database_url(tmp_path, backend, request):
    """An empty database with all its tables."""
    if backend == "postgresql":
        return request.getfixturevalue("postgres_url")
    return sqlite_with_tables(tmp_path / "brickpush.sqlite")


@pytest.fixture
def tables(database_url):
    engine = database.open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def intake(database_url):
    intake = Intake(database_url, metrics=Metrics())
    intake.start()
    yield intake
    intake.stop()


def lease_of_a_test(database_url):
    """A lease whose loss does not end the process of the tests."""
    if database_url.startswith("sqlite"):
        return OnlyWorker()
    return RowLease(database_url, ttl=30.0, on_lost=lambda: None)


class Worker:
    """An engine in this process, and what it promoted."""

    def __init__(self, database_url, tables, promote):
        self.promoted = []
        self._lock = threading.Lock()
        self._promote = promote
        self.engine = Engine(
            database_url=database_url,
            engine=tables,
            promote=self._record,
            metrics=Metrics(),
            lease=lease_of_a_test(database_url),
            retry_seconds=(0.05, 0.05),
        )

    def _record(self, pushed):
        self._promote(pushed)
        with self._lock:
            self.promoted.append(pushed)

    def commits(self, branch="main"):
        with self._lock:
            return [pushed.push.after for pushed in self.promoted if pushed.push.branch == branch]


@pytest.fixture
def start_worker(database_url, tables):
    """Return a function that starts a worker which calls *promote* for every round."""
    started = []

    def start(promote=lambda _pushed: None):
        worker = Worker(database_url, tables, promote)
        worker.engine.start()
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.engine.stop(5)
