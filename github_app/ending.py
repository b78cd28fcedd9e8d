"""End the process in time, whatever hangs: what still runs has its state in the database."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator

# Of the ten that SIGTERM gives, two are the server's.
STOP_SECONDS = 6.0  # for what runs to end
LEAVE_SECONDS = 7.5  # for everything


def leave(code: int = 0) -> None:
    """End now. The interpreter's own end would wait for every call that is under way."""
    logging.shutdown()
    os._exit(code)


def leave_on_signals() -> None:
    """Until something is served there is nothing to bring to an end.

    As a container's first process we would not even hear a signal without this.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: leave())


@contextlib.contextmanager
def ending(stop: Callable[[], object]) -> Iterator[None]:
    """Once the block has served its time, give *stop* LEAVE_SECONDS, and leave the process.

    One more SIGTERM changes nothing, as supervisors may send several; one more Ctrl-C is somebody
    who does not want to wait. Where nothing could be served the error goes on to the caller.
    """
    try:
        yield
    except BaseException:
        _leave_late(1)
        stop()
        raise
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, lambda *_: leave())
    _leave_late(0)
    stop()
    leave()


def _leave_late(code: int) -> None:
    late = threading.Timer(LEAVE_SECONDS, leave, (code,))
    late.daemon = True
    late.start()
