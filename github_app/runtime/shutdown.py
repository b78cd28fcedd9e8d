"""Shut down within a time limit; the state of what still runs is in the database."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

# Supervisors kill ten seconds after SIGTERM; the HTTP server takes up to two of them.
STOP_SECONDS = 6.0  # for running work to end
EXIT_SECONDS = 7.5  # for the whole shutdown


def exit_now(code: int = 0) -> None:
    """Exit now. A normal exit would wait for every running call."""
    os._exit(code)


def exit_on_signals() -> None:
    """Exit at SIGTERM or SIGINT until the service listens: there is nothing to shut down yet.

    Without a handler, the first process of a container ignores these signals. A thread waits for
    them, since the main thread may block in SQLite, where Python runs no handler.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: exit_now())

    def listen() -> None:
        os.read(reader, 1)
        exit_now()

    threading.Thread(target=listen, name="signals", daemon=True).start()


@contextlib.contextmanager
def shutdown(stop: Callable[[], object]) -> Iterator[None]:
    """After the block, call *stop* and exit the process, within EXIT_SECONDS.

    Further SIGTERMs are ignored, as supervisors may send several. A second Ctrl-C exits at once.
    An error in the block, such as a port in use, is raised again after *stop*.
    """
    signal.set_wakeup_fd(-1)  # from here on the server handles the signals
    try:
        yield
    except BaseException:
        _exit_late(1)
        stop()
        raise
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, lambda *_: exit_now())
    _exit_late(0)
    stop()
    exit_now()


def _exit_late(code: int) -> None:
    timer = threading.Timer(EXIT_SECONDS, exit_now, (code,))
    timer.daemon = True
    timer.start()
