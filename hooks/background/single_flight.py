"""Allow one promotion at a time for each repository, remote and ref on this machine."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hooks.results.lock import Lock
from hooks.system.clock import Clock

POLL_SECONDS = 0.05


def flight_lock(directory: Path, url: str, ref: str) -> Lock:
    """Return the lock of a ref; the kernel frees it when its holder dies."""
    name = hashlib.sha256(f"{url}\n{ref}".encode("utf-8", "surrogateescape")).hexdigest()[:24]
    return Lock(directory / "flights" / f"{name}.lock")


def wait_for(lock: Lock, clock: Clock, until: float) -> bool:
    """Acquire a lock as soon as it is free; return False where it is not free by *until*."""
    while not lock.acquire():
        if clock.time() >= until:
            return False
        clock.sleep(POLL_SECONDS)
    return True
