"""One promotion at a time for each repository, remote and ref of this machine."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hooks.clock import Clock
from hooks.lock import Lock

POLL_SECONDS = 0.05


def flight_lock(directory: Path, url: str, ref: str) -> Lock:
    """Return the lock of a ref; the kernel frees it when its holder dies."""
    name = hashlib.sha256(f"{url}\n{ref}".encode("utf-8", "surrogateescape")).hexdigest()[:24]
    return Lock(directory / "flights" / f"{name}.lock")


def wait_for(lock: Lock, clock: Clock, until: float) -> bool:
    """Take a lock as soon as it is free, and tell whether that was before *until*."""
    while not lock.acquire():
        if clock.time() >= until:
            return False
        clock.sleep(POLL_SECONDS)
    return True
