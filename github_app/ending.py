"""End the process in time, whatever hangs: what still runs has its state in the database."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

# Of the ten that SIGTERM gives, two are the server's.
STOP_SECONDS = 6.0  # for what runs to end
LEAVE_SECONDS = 7.5  # for everything


def leave(code: int = 0) -> None:
    """End now. The interpreter's own end would wait for every call that is under way."""
    os._exit(code)


def leave_on_signals() -> None:
    """Leave at any signal until something is served: nothing is to be brought to an end yet.

    As a container's first process we would not even be told of it without a handler. A thread
    hears it, since the main one may be waiting in SQLite, which lets no handler run.
    """
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: leave())

    def listen() -> None:
        os.read(told, 1)
        leave()

    threading.Thread(target=listen, name="signals", daemon=True).start()


@contextlib.contextmanager
def ending(stop: Callable[[], object]) -> Iterator[None]:
    """Once the block has served its time, give *stop* LEAVE_SECONDS, and leave the process.

    One more SIGTERM changes nothing, as supervisors may send several; one more Ctrl-C is somebody
    who does not want to wait. Where nothing could be served the error goes on to the caller.
    """
    signal.set_wakeup_fd(-1)  # from here on the server hears the signals
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
