"""`brickpush` in a process of its own, which may die in it as of a power cut.

Processes are forked from one that has imported everything: a start costs a fifth of the time.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.warm"])


@dataclass(frozen=True)
class Point:
    """Where a process dies: at the n-th call or commit, before or after its effect."""

    kind: str  # call | commit
    number: int
    when: str  # before | after


class Forked:
    """A run of `brickpush`, with what the tests use of a subprocess.Popen."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        log: Path,
        environ: Mapping[str, str],
        point: Point | None = None,
    ):
        heard, said = FORKS.Pipe(duplex=False)
        self._process = FORKS.Process(
            target=_run,
            args=(list(arguments), str(cwd), str(log), dict(environ), point, said),
            daemon=True,
        )
        self._process.start()
        self.pid = self._process.pid
        said.close()
        # Open until the end: whoever prints to nobody is ended.
        self.stdout = os.fdopen(os.dup(heard.fileno()), encoding="utf-8")
        heard.close()

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired("brickpush", timeout)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _run(arguments, cwd, log, environ, point, said):
    """Become `brickpush`."""
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(cwd)
    os.dup2(said.fileno(), 1)
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
    threading.Thread(target=_end_with_the_tests, daemon=True).start()
    if point is not None:
        _arm(point)
    from github_app.__main__ import main

    code = main(arguments)
    sys.stdout.flush()
    os._exit(code)


def _end_with_the_tests() -> None:
    """End once nobody listens any more: the tests were killed."""
    heard = select.poll()
    heard.register(1, 0)  # to be told of errors only
    heard.poll()
    os._exit(1)


def _arm(point: Point) -> None:
    from requests.adapters import HTTPAdapter
    from sqlalchemy.engine.default import DefaultDialect

    # Where each passes through: every call of every library here, every commit of ours and DBOS's.
    places = {"call": (HTTPAdapter, "send"), "commit": (DefaultDialect, "do_commit")}
    owner, name = places[point.kind]
    setattr(owner, name, _dying(getattr(owner, name), point))


def _dying(passed: Callable, point: Point) -> Callable:
    """Return *passed*, which ends the process at its n-th use."""
    uses = itertools.count(1)

    def counted(*arguments, **named):
        number = next(uses)
        if number == point.number and point.when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = passed(*arguments, **named)
        if number == point.number:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    return counted
