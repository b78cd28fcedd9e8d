"""The lock on a credential slot, and the record of the credential that is stored in it."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from promotion.errors import PromotionError


class SlotError(PromotionError):
    """The slot can't be locked now: somebody else holds it, or its holder is not known."""

    def __init__(self, reason: str, *, next_step: str) -> None:
        super().__init__(reason)
        self.next_step = next_step


@dataclass(frozen=True)
class Stored:
    """A credential that Databricks has accepted; never the token itself."""

    holder: str
    repositories: frozenset[str]  # those that it opens
    expires_at: float  # wall clock, seconds
    number: int  # increases with every credential that is stored


@dataclass(frozen=True)
class Patience:
    """How long to wait for a slot, and whom to notify of the wait."""

    seconds: float = math.inf
    on_wait: Callable[[str], None] = lambda _holder: None  # called once, with the present holder


FOREVER = Patience()


class Waiting:
    """One caller's wait for a slot."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._ends = time.monotonic() + patience.seconds
        self._notified = False

    @property
    def left(self) -> float | None:
        """Seconds until the wait times out, as `Condition.wait` takes them; None: never."""
        return None if math.isinf(self._ends) else max(0.0, self._ends - time.monotonic())

    def keep_waiting(self, holder: str) -> None:
        """Report that *holder* still has the slot; raise SlotError when the wait has timed out."""
        if not self._notified:
            self._notified = True
            self._patience.on_wait(holder)
        if time.monotonic() >= self._ends:
            raise SlotError(
                f"promotions with the token of {holder} use the principal's Git credential, and "
                f"did not end within {self._patience.seconds:g} s",
                next_step="run this again when they have ended, or wait longer with --wait",
            )


class CredentialLock(Protocol):
    """The lock that all users of a principal's slot share, in one process or in several.

    It also records which credential is stored, so that nobody replaces one that still serves.
    """

    def held_by(self, holder: str, patience: Patience = FOREVER) -> AbstractContextManager[None]:
        """Hold the slot together with the same holder's other promotions; first in, first out."""
        ...

    def storing(self) -> AbstractContextManager[None]:
        """Exclude all others from storing a credential."""
        ...

    def stored(self) -> Stored | None:
        """Return the credential that is known to be stored; None where that is not known."""
        ...

    def unknown(self) -> None:
        """Discard the record: the credential is about to be replaced, or was refused."""

    def store(self, holder: str, repositories: frozenset[str], expires_at: float) -> Stored:
        """Record what is stored now, under a new number."""
        ...


CredentialLocks = Callable[[str], CredentialLock]  # called with the provider


class OneProcess:
    """The credential lock of a slot that only this process uses."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()
        self._holder: str | None = None
        self._count = 0
        self._storing = threading.Lock()
        self._stored: Stored | None = None
        self._number = 0

    def held_by(self, holder: str, patience: Patience = FOREVER) -> AbstractContextManager[None]:
        """Wait for the slot in order of arrival, and hold it."""
        return self.held_after(Waiting(patience), holder)

    @contextlib.contextmanager
    def held_after(self, waiting: Waiting, holder: str) -> Iterator[None]:
        """Hold the slot after a wait that may have begun already."""
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                while self._waiting[0] is not ticket or self._holder not in (None, holder):
                    waiting.keep_waiting(self._holder or holder)
                    self._changed.wait(waiting.left)
                self._holder, self._count = holder, self._count + 1
            finally:  # also after a time-out: a ticket left behind would block all others
                self._waiting.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._count -= 1
                if self._count == 0:
                    self._holder = None
                self._changed.notify_all()

    def storing(self) -> AbstractContextManager[None]:
        """Exclude the other threads from storing a credential."""
        return _exclusive(self._storing)

    def stored(self) -> Stored | None:
        """Return what this process stored last, unless the record was discarded."""
        return self._stored

    def unknown(self) -> None:
        """Discard the record of what is stored."""
        self._stored = None

    def store(self, holder: str, repositories: frozenset[str], expires_at: float) -> Stored:
        """Record what is stored now."""
        self._number += 1
        self._stored = Stored(holder, repositories, expires_at, self._number)
        return self._stored


@contextlib.contextmanager
def _exclusive(lock: threading.Lock) -> Iterator[None]:
    with lock:
        yield


def in_one_process(_provider: str) -> CredentialLock:
    """Return a credential lock for a process that shares its principal with no other."""
    return OneProcess()
