"""Hours of work in minutes: many pushes, faults everywhere and kills, and nothing may be lost."""

from __future__ import annotations

import collections
import contextlib
import os
import sqlite3
import threading
import time

import pytest
from running import wait_until
from soak_load import Load, Size, Supervisor
from verdicts import in_words

from sandbox.sandbox import Options, open_sandbox

GROWTH_MEGABYTES = 20.0
SAY_SECONDS = 30.0
DAY_SECONDS = 24 * 3600
PUSHES = int(os.environ.get("BRICKPUSH_SOAK_PUSHES", "10000"))  # fewer, for a first look

SHORT = Size(
    pushes=40,
    repositories=4,
    more_folders=0,
    kill_seconds=2,
    quiet_pushes=10,
    settle_seconds=60,
    keep_seconds=30,
    keep_payloads_seconds=5,
)
LONG = Size(
    pushes=PUSHES,
    repositories=max(5, PUSHES // 200),
    more_folders=2,
    kill_seconds=10,
    quiet_pushes=PUSHES // 5,
    settle_seconds=900,
    keep_seconds=900,  # so that hours of retention pass within the run
    keep_payloads_seconds=120,
)


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        yield opened


@pytest.fixture
def load(sandbox, tmp_path, request):
    return Load(sandbox, tmp_path / "clones", request.param)


@pytest.fixture
def supervisor(sandbox, load):
    """A service that runs, and keeps for less than 90 and 7 days."""
    size = load.size
    supervisor = Supervisor(
        sandbox,
        {
            "BRICKPUSH_RECONCILE_SECONDS": "15",
            "BRICKPUSH_RETENTION__DAYS": str(size.keep_seconds / DAY_SECONDS),
            "BRICKPUSH_RETENTION__PAYLOAD_DAYS": str(size.keep_payloads_seconds / DAY_SECONDS),
        },
    )
    supervisor.start()
    yield supervisor
    supervisor.close()


@pytest.mark.first
@pytest.mark.parametrize(
    "load",
    [
        pytest.param(SHORT, id="short"),
        pytest.param(LONG, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(0)]),
    ],
    indirect=True,
)
def test_nothing_is_lost_and_nothing_untrue_is_told(sandbox, load, supervisor, say, tell):
    with progress(tell, load, supervisor):
        load.break_things()
        with kills(supervisor, load.size.kill_seconds):
            load.push_all(load.size.pushes - load.size.quiet_pushes)
        memory = watched(supervisor, lambda: load.push_all(load.size.quiet_pushes))
        struck = load.mend()
        seconds, faults = load.settle()
    assert not faults, f"{in_words(faults)}\n{load.told(faults)}"
    kept, forgotten = retention(sandbox, load.size, supervisor)

    growth = memory[-1] - memory[len(memory) // 4]
    say(
        f"{load.pushes} pushes, {load.size.repositories} repositories, {load.folders} Git folders, "
        f"{struck} faults, {supervisor.kills} kills; {in_words(faults)}; "
        f"{load.witness.successes} successes; settled {seconds:.0f} s after the last push; "
        f"memory {growth:+.1f} MB, {memory[-1]:.0f} MB at the end; "
        f"{forgotten} rows forgotten, kept {dict(kept)}"
    )
    assert load.witness.successes > 0
    assert supervisor.kills > 0
    assert struck > 0
    assert growth < GROWTH_MEGABYTES
    assert forgotten > 0


@contextlib.contextmanager
def kills(supervisor, seconds):
    """Kill the service every so many seconds meanwhile."""
    killing = threading.Thread(target=supervisor.kill_every, args=(seconds,))
    killing.start()
    try:
        yield
    finally:
        supervisor.rest()
        killing.join()


def watched(supervisor, work):
    """Do *work*; return the service's memory at each moment of it, in megabytes."""
    seen, ended = [supervisor.memory()], threading.Event()

    def look():
        while not ended.wait(1.0):
            seen.append(supervisor.memory())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        work()
    finally:
        ended.set()
        thread.join()
    return [*seen, supervisor.memory()]


def retention(sandbox, size, supervisor):
    """Start the service again, which has to forget what is old by now.

    Returns how many rows of each table are kept, and how many were forgotten by this start.
    """
    path = sandbox.directory / "brickpush.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as reader:
        [oldest] = reader.execute("select min(received_at) from deliveries").fetchone()
        wait_until(
            lambda: time.time() > oldest + size.keep_seconds,
            seconds=size.keep_seconds + 10,
            what="the end of the time for which a delivery is kept",
        )
        before = time.time()
        old = too_old(reader, size, before)
        supervisor.kill()
        wait_until(
            lambda: too_old(reader, size, before) == 0,
            what=f"a start that forgets {old} rows",
        )
        return rows(reader, path), old


def too_old(reader, size, now):
    """Return how many rows there are that nobody should keep any more."""
    payloads = "select count(*) from deliveries where payload is not null and received_at < ?"
    [count] = reader.execute(payloads, (now - size.keep_payloads_seconds,)).fetchone()
    for table, column in (("deliveries", "received_at"), ("outcomes", "at"), ("reports", "at")):
        query = f"select count(*) from {table} where {column} < ?"
        count += reader.execute(query, (now - size.keep_seconds,)).fetchone()[0]
    return count


def rows(reader, path):
    """Return how many rows each table has, and the size of the file in megabytes."""
    counts = collections.Counter({"megabytes": path.stat().st_size // 1_000_000})
    for table in ("deliveries", "outcomes", "branches", "outbox_items", "workflow_status"):
        [counts[table]] = reader.execute(f"select count(*) from {table}").fetchone()
    return counts


@contextlib.contextmanager
def progress(tell, load, supervisor):
    """Tell every half minute how far the run is."""
    started, ended = time.monotonic(), threading.Event()

    def look():
        while not ended.wait(SAY_SECONDS):
            tell(
                f"{time.monotonic() - started:.0f} s: {load.left()} pushes left, "
                f"{supervisor.kills} kills, {supervisor.memory():.0f} MB, "
                f"{load.witness.successes} successes; so far {in_words(load.witness.faults)}"
            )

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
