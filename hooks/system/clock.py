"""The clocks of the detached process: wall time also counts while the machine is suspended."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time, running time, and sleep."""

    def time(self) -> float: ...  # seconds since 1970
    def running(self) -> float: ...  # stands still while the machine is suspended
    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own clocks."""

    def time(self) -> float:
        return time.time()

    def running(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
