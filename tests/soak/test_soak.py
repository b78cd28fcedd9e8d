"""Hours of work in minutes: many pushes, faults everywhere and kills, and nothing may be lost."""

from __future__ import annotations

import collections
import contextlib
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from soak_load import Load, Size, Supervisor, settle

from sandbox.sandbox import Options, open_sandbox

GROWTH_MEGABYTES = 20.0
SAY_SECONDS = 30.0
DAY_SECONDS = 24 * 3600
KEEP_SECONDS = 900.0  # so that hours of retention pass within the run
KEEP_PAYLOADS_SECONDS = 120.0
MARGIN_SECONDS = 30.0

SHORT = Size(
    pushes=40, repositories=4, folders=16, kill_seconds=2, quiet_pushes=10, settle_seconds=60
)
LONG = Size(
    pushes=10_000,
    repositories=50,
    folders=500,
    kill_seconds=10,
    quiet_pushes=2_000,
    settle_seconds=900,
)


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        yield opened


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(SHORT, id="short"),
        pytest.param(LONG, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(0)]),
    ],
)
def test_nothing_is_lost_and_nothing_untrue_is_told(sandbox, tmp_path, size, say, tell):
    load = Load(sandbox, tmp_path / "clones", size)
    supervisor = Supervisor(
        sandbox,
        {
            "BRICKPUSH_RECONCILE_SECONDS": "30",
            "BRICKPUSH_RETENTION__DAYS": str(KEEP_SECONDS / DAY_SECONDS),
            "BRICKPUSH_RETENTION__PAYLOAD_DAYS": str(KEEP_PAYLOADS_SECONDS / DAY_SECONDS),
        },
    )
    supervisor.start()

    with progress(tell, load, supervisor), ThreadPoolExecutor(1) as killer:
        load.break_things()
        killing = killer.submit(supervisor.kill_every, size.kill_seconds)
        load.push_all(size.pushes - size.quiet_pushes)
        supervisor.rest()
        killing.result()
        memory = watched(supervisor, lambda: load.push_all(size.quiet_pushes))
        faults = load.mend()
        seconds = settle(load, seconds=size.settle_seconds)
        rows = rows_of(sandbox, supervisor.started_at)
        supervisor.close()

    pushes = sum(len(commits) for commits in load.pushed.values())
    behind, untold, untrue = load.behind(), load.untold(), load.witness.untrue
    growth = memory[-1] - memory[len(memory) // 4]
    say(
        f"{pushes} pushes, {size.repositories} repositories, {size.folders} Git folders, "
        f"{faults} faults, {supervisor.kills} kills; {len(behind)} Git folders behind, "
        f"{len(untold)} pushes untold, {load.made_twice()} check runs made twice, "
        f"{load.witness.successes} successes, "
        f"{len(untrue)} untrue; settled {seconds:.0f} s after the last push; memory {growth:+.1f} MB, "
        f"{memory[-1]:.0f} MB at the end; {dict(rows)}"
    )
    assert behind == []
    assert collections.Counter(each.partition(": ")[2] for each in untold) == {}
    assert untrue == []
    assert load.witness.successes > 0
    assert supervisor.kills > 0
    assert faults > 0
    assert growth < GROWTH_MEGABYTES
    assert rows["too old"] == 0


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


def rows_of(sandbox, started_at):
    """Return how many rows of each table there are, and the size of the file in megabytes.

    "too old" are those that the last start should have forgotten.
    """
    path = sandbox.directory / "brickpush.sqlite"
    counts = collections.Counter({"megabytes": path.stat().st_size // 1_000_000})
    with sqlite3.connect(path) as reader:
        for table in ("deliveries", "outcomes", "branches", "late_checks", "workflow_status"):
            [counts[table]] = reader.execute(f"select count(*) from {table}").fetchone()
        payloads = "select count(*) from deliveries where payload is not null"
        [counts["payloads"]] = reader.execute(payloads).fetchone()
        before = started_at - MARGIN_SECONDS
        old = (f"{payloads} and received_at < ?", (before - KEEP_PAYLOADS_SECONDS,))
        [counts["too old"]] = reader.execute(*old).fetchone()
        for table, column in (("deliveries", "received_at"), ("outcomes", "at"), ("reports", "at")):
            old = f"select count(*) from {table} where {column} < ?"
            counts["too old"] += reader.execute(old, (before - KEEP_SECONDS,)).fetchone()[0]
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
                f"{load.witness.successes} successes"
            )

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
