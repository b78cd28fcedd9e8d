"""Keep a service from writing its database: a full disk, or somebody who holds the lock."""

from __future__ import annotations

import contextlib
import resource
import sqlite3
import subprocess
import sys

HOLDER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
held.execute("begin exclusive")
print("held", flush=True)
sys.stdin.read()
"""


def database_of(scene):
    return scene.sandbox.directory / "brickpush.sqlite"


@contextlib.contextmanager
def full_disk(scene):
    """Let the service write nothing more to any file, its log included."""
    pid = scene.service.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def locked_database(scene):
    """Hold the database's write lock in another process."""
    command = (sys.executable, "-c", HOLDER, str(database_of(scene)))
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        yield
        holder.stdin.close()


def are_stored(scene, guids):
    with contextlib.closing(sqlite3.connect(database_of(scene))) as reader:
        stored = {row[0] for row in reader.execute("select guid from deliveries")}
    return set(guids) <= stored
