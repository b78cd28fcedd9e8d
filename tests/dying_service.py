"""`brickpush` in a process of its own, which may die in it as a power cut does.

Processes are forked from one that has imported everything: a start costs a fifth of the time.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["github_app.__main__", "github_app.roles"])
END_SECONDS = 15


@dataclass(frozen=True)
class Point:
    """Where a process dies: at the n-th call or commit, before or after its effect."""

    kind: str  # call | commit
    number: int
    when: str  # before | after


class Forked:
    """A run of `brickpush`: what it prints first, and whether it lives."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        log: Path,
        environ: Mapping[str, str],
        point: Point | None = None,
    ):
        heard, said = FORKS.Pipe(duplex=False)
        self._process = FORKS.Process(
            target=_run, args=(list(arguments), str(log), dict(environ), point, said)
        )
        self._process.start()
        said.close()
        with os.fdopen(os.dup(heard.fileno()), encoding="utf-8") as lines:
            self.first_line = lines.readline()  # empty where it died before
        self._heard = heard  # open: whoever prints to nobody is ended

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def dead(self) -> bool:
        return not self._process.is_alive()

    def kill(self) -> None:
        self._process.kill()
        self._process.join(END_SECONDS)
        self._heard.close()
        self._process.close()


def _run(arguments, log, environ, point, said):
    """Become `brickpush`."""
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(Path(log).parent)
    os.dup2(said.fileno(), 1)
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    if point is not None:
        _arm(point)
    from github_app.__main__ import main

    code = main(arguments)
    sys.stdout.flush()
    os._exit(code)


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
