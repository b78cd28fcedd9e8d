"""Try one change of the source: does a test notice it?"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mutants.copies import Copy

MOST_SECONDS = 150.0  # of tests for one change, as they were measured
START_SECONDS = 60.0  # for pytest to begin and end on a busy machine
SLOWER = 4.0  # times slower than when it was measured: it hangs
EACH_SECONDS = 60  # for one test


@dataclass(frozen=True)
class Verdict:
    """How the tests took a change; *by* is empty where none noticed it."""

    by: str
    tests: int
    seconds: float


@dataclass(frozen=True)
class Ran:
    """One run of pytest."""

    code: int | None  # None: it was ended because it took too long
    failed: list[str]


def in_order(path: str, tests: set[str], seconds: dict[str, float]) -> list[str]:
    """Return the tests to run: files named after the module first, then the fastest.

    A file's tests stay together, for what they share is made once.
    """
    by_file: dict[str, list[str]] = {}
    for test in sorted(tests, key=lambda name: (seconds[name], name)):
        by_file.setdefault(test.partition("::")[0], []).append(test)
    stem = Path(path).stem

    def place(file: str) -> tuple[bool, float, str]:
        own = by_file[file]
        return stem not in Path(file).stem, sum(seconds[test] for test in own) / len(own), file

    chosen, total = [], 0.0
    for file in sorted(by_file, key=place):
        for test in by_file[file]:
            if not chosen or total + seconds[test] <= MOST_SECONDS:
                chosen.append(test)
                total += seconds[test]
    return chosen


def run(copy: Copy, tests: list[str], *options: str, limit: float) -> Ran:
    """Run *tests* in *copy*, one after the other in this order."""
    copy.clear()
    ended, wanted = copy.directory / "ended.json", copy.directory / "wanted.json"
    ended.unlink(missing_ok=True)
    wanted.write_text(json.dumps(tests))
    arguments = copy.directory / "arguments"
    arguments.write_text("\n".join(tests))
    with (copy.directory / "trial.log").open("wb") as log:
        process = subprocess.Popen(
            (
                *(copy.python, "-m", "pytest", "-q", "-p", "reporting", "-p", "no:cacheprovider"),
                *("--timeout", str(EACH_SECONDS), "--basetemp", copy.temporary / "base"),
                *(*options, f"@{arguments}"),
            ),
            cwd=copy.tree,
            env=copy.environment(MUTANTS_DIRECTORY=str(copy.directory)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        code = _ended(process, limit)
    how = json.loads(ended.read_text()) if ended.exists() else {}
    return Ran(code, [name for name, each in how.items() if each["failed"]])


def _ended(process: subprocess.Popen, limit: float) -> int | None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(limit)
    process.send_signal(signal.SIGINT)  # so that fixtures end what they started
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return None


@contextlib.contextmanager
def changed(copy: Copy, path: str, content: str) -> Iterator[None]:
    """Have *content* in a file of the copy for a while."""
    file = copy.tree / path
    original = file.read_bytes()
    try:
        _write(file, content.encode())
        yield
    finally:
        _write(file, original)


def _write(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    # Compiled code is told apart by seconds and size only.
    for compiled in file.parent.glob(f"__pycache__/{file.stem}.*.pyc"):
        compiled.unlink()


def tried(copy: Copy, path: str, content: str, tests: list[str], seconds: float) -> Verdict:
    """Return whether one of *tests*, which took *seconds*, fails with *content* in *path*.

    It has to fail twice, so that a test that fails now and then is not taken for an attentive one.
    """
    began, count, left = time.monotonic(), len(tests), list(tests)
    with changed(copy, path, content):
        by = ""
        while left and not by:
            limit = START_SECONDS + SLOWER * seconds
            ran = run(copy, left, "-x", limit=limit)
            by = _noticed(copy, ran, limit)
            # Where the second try went well, on with what follows.
            left = left[left.index(ran.failed[0]) + 1 :] if ran.failed and not by else []
    return Verdict(by, count, time.monotonic() - began)


def _noticed(copy: Copy, ran: Ran, limit: float) -> str:
    if ran.code is None:
        return "time-out"
    if ran.code in (0, 5):
        return ""
    if ran.code != 1 or not ran.failed or "(collection)" in ran.failed[0]:
        return "pytest, which can't begin"
    again = run(copy, [ran.failed[0]], limit=limit)
    return "" if again.code == 0 else ran.failed[0]
