"""A worker that freezes in the middle of a real promotion, is replaced, and wakes."""

from __future__ import annotations

import contextlib
import signal
import time

import psycopg
import pytest
from app_world import FAST, checks, push
from postgres import postgres, postgres_url  # noqa: F401 - fixtures
from running import Service, wait_until

from github_app.webhooks.lifecycle import RECONCILE
from github_app.worker.postgres_lease import EXIT_CODE
from sandbox import world
from sandbox.sandbox import Options, open_sandbox

PATH = "/Repos/ada/etl"
RECORDS = (
    "outcomes",
    "reports",
    "branches",
    "outbox_items",
    "repository_names",
    "credential_slots",
)
HELD_UP_SECONDS = 1.0  # by which a call that is sent at once has long arrived


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        repository = opened.github.repository(world.MAIN)
        opened.workspace("dev").add_git_folder(PATH, repository.clone_url, source=repository.path)
        text = opened.config_path.read_text()
        opened.config_path.write_text(text.partition("[workspaces.prod]")[0])
        yield opened


@pytest.fixture
def start(sandbox, postgres_url):  # noqa: F811 - a fixture
    """Return a function that starts a process of the service on PostgreSQL."""
    with contextlib.ExitStack() as stack:

        def begin(name, role="all"):
            service = Service(
                sandbox.config_path,
                sandbox.directory / f"{name}.log",
                role=role,
                BRICKPUSH_DATABASE_URL=postgres_url,
                BRICKPUSH_LEASE_SECONDS="4",
                **FAST,
            )
            stack.callback(service.close)
            return service

        yield begin


@pytest.fixture
def database(postgres_url):  # noqa: F811 - a fixture
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


def records(database):
    """Return what the promotions have left in the database."""
    return {name: database.execute(f"select * from {name}").fetchall() for name in RECORDS}


def settled(database):
    """Say whether nothing is pending, and every comparison that was asked for has ended."""
    pushed = "select count(*) from branches where newest > promoted or running is not null"
    compared = (
        "select count(*) from schedule where work = %s and done_at >= asked_at and done_at > 0"
    )
    return database.execute(pushed).fetchone() == (0,) and database.execute(
        compared, [RECONCILE]
    ).fetchone() == (1,)


def changes(sandbox):
    """Return every call that changes something elsewhere, of whomever."""
    made = [(method, path) for method, path, _ in sandbox.github.requests]
    made += [(request.method, request.path) for w in sandbox.workspaces for request in w.requests]
    return [call for call in made if call[0] not in ("GET", "HEAD")]


def worker_at_rest(sandbox, start, database):
    """Start a worker, and wait until it has promoted once and compared all at its start."""
    service = start("first")
    wait_until(lambda: settled(database), what="the first comparison")
    promoted(sandbox, database, push(sandbox, service))
    return service


def promoted(sandbox, database, sha):
    """Wait for all that a promotion does."""
    dev = sandbox.workspace("dev")
    wait_until(lambda: dev.folder(PATH).head_commit_id == sha, what="the update")
    wait_until(
        lambda: [run.status for run in checks(sandbox, sha).values()] == ["completed"],
        what="the check run",
    )
    wait_until(lambda: settled(database), what="the end of promotions and comparisons")


def updates(sandbox):
    found = [path for method, path in changes(sandbox) if method == "PATCH"]
    return [path for path in found if "/api/2.0/repos/" in path]


@contextlib.contextmanager
def renewals_held_up(database):
    """Have no lease be renewed while the block runs: a worker that wakes does not notice at once."""
    with database.transaction():
        database.execute("lock table workers in share mode")
        yield


def replaced(sandbox, start, database, frozen, sha):
    """Freeze a worker, have another do its promotion, and return what is there then."""
    frozen.process.send_signal(signal.SIGSTOP)
    start("second", role="worker")
    promoted(sandbox, database, sha)
    return records(database), changes(sandbox)


def woken(sandbox, database, frozen):
    """Wake a worker that has no lease any more; return how it ended, and what is there then."""
    with renewals_held_up(database):
        frozen.process.send_signal(signal.SIGCONT)
        time.sleep(HELD_UP_SECONDS)
    ended = frozen.process.wait(30)
    return ended, records(database), changes(sandbox)


@pytest.mark.slow
def test_a_worker_that_wakes_before_an_update_sends_nothing_that_changes_anything(
    sandbox, start, database
):
    dev = sandbox.workspace("dev")
    first = worker_at_rest(sandbox, start, database)
    late = dev.faults.add(method="GET", path="/api/2.0/repos/*", status="late", seconds=1.0)
    sha, sent = push(sandbox, first), len(updates(sandbox))
    wait_until(lambda: late.hits, what="the look before the update")

    before = replaced(sandbox, start, database, first, sha)
    ended, *after = woken(sandbox, database, first)

    assert len(updates(sandbox)) == sent + 1  # the other worker's
    assert tuple(after) == before
    assert ended == EXIT_CODE


def test_a_worker_that_wakes_after_an_update_records_nothing(sandbox, start, database):
    dev = sandbox.workspace("dev")
    first = worker_at_rest(sandbox, start, database)
    sent = len(updates(sandbox))
    with contextlib.ExitStack() as busy:
        busy.enter_context(dev._folder(PATH).busy)
        sha = push(sandbox, first)
        wait_until(lambda: len(updates(sandbox)) > sent, what="the update")
        late = dev.faults.add(method="GET", path="/api/2.0/repos/*", status="late", seconds=1.0)
    wait_until(lambda: late.hits, what="the look after the update")

    before = replaced(sandbox, start, database, first, sha)
    ended, *after = woken(sandbox, database, first)

    assert tuple(after) == before
    assert ended == EXIT_CODE
