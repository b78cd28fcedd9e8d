"""Run `brickpush`, and die in it as a power cut does: at the n-th call, or at the n-th commit.

Arguments: call or commit, n, before or after its effect; then those of `brickpush`.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable

from requests.adapters import HTTPAdapter
from sqlalchemy.engine.default import DefaultDialect

from github_app.__main__ import main

# Where each passes through: every call of every library here, every commit of ours and DBOS's.
PLACES = {"call": (HTTPAdapter, "send"), "commit": (DefaultDialect, "do_commit")}


def dying(passed: Callable, *, at: int, before: bool) -> Callable:
    """Return *passed*, which ends the process at its n-th use."""
    uses = itertools.count(1)

    def counted(*arguments, **named):
        number = next(uses)
        if before and number == at:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = passed(*arguments, **named)
        if number == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    return counted


if __name__ == "__main__":
    kind, number, when, *arguments = sys.argv[1:]
    owner, name = PLACES[kind]
    setattr(owner, name, dying(getattr(owner, name), at=int(number), before=when == "before"))
    raise SystemExit(main(arguments))
