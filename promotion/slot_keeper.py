"""Who may use a credential slot, and what is known of the credential that is stored in it."""

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
    """The slot can't be had now: somebody else uses it, or nobody can say who does."""

    def __init__(self, reason: str, *, next_step: str) -> None:
        super().__init__(reason)
        self.next_step = next_step


@dataclass(frozen=True)
class Stored:
    """A credential that Databricks has taken; never the token itself."""

    holder: str
    repositories: frozenset[str]  # those that it opens
    expires_at: float  # wall clock, seconds
    number: int  # grows with every credential that was stored


@dataclass(frozen=True)
class Patience:
    """How long to wait for a slot, and who hears of it."""

    seconds: float = math.inf
    told: Callable[[str], None] = lambda _holder: None  # once, where there is a wait: for whom


FOREVER = Patience()


class Waiting:
    """One caller's wait for a slot."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._ends = time.monotonic() + patience.seconds
        self._told = False

    @property
    def left(self) -> float | None:
        """Seconds until the wait is over, as `Condition.wait` takes them; None: no end."""
        return None if math.isinf(self._ends) else max(0.0, self._ends - time.monotonic())

    def goes_on(self, holder: str) -> None:
        """Note that *holder* still has the slot; raise SlotError when the patience is over."""
        if not self._told:
            self._told = True
            self._patience.told(holder)
        if time.monotonic() >= self._ends:
            raise SlotError(
                f"promotions with the token of {holder} use the principal's Git credential, and "
                f"did not end within {self._patience.seconds:g} s",
                next_step="run this again when they have ended, or wait longer with --wait",
            )


class SlotKeeper(Protocol):
    """What all who share a principal's slot agree on, in one process or in several."""

    def held_by(self, holder: str, patience: Patience = FOREVER) -> AbstractContextManager[None]:
        """Hold the slot, with the same holder's other promotions; first come, first served."""
        ...

    def storing(self) -> AbstractContextManager[None]:
        """Be the only one who stores a credential."""
        ...

    def stored(self) -> Stored | None:
        """Return what is known to be stored; None where nobody knows."""
        ...

    def unknown(self) -> None:
        """Forget what is stored: it is about to be replaced, or was refused."""

    def store(self, holder: str, repositories: frozenset[str], expires_at: float) -> Stored:
        """Keep what is stored now, under a new number."""
        ...


Keepers = Callable[[str], SlotKeeper]  # of a provider's slot


class OneProcess:
    """The keeper of a slot that nobody uses outside this process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()
        self._holder: str | None = None
        self._count = 0
        self._storing = threading.Lock()
        self._stored: Stored | None = None
        self._number = 0

    def held_by(self, holder: str, patience: Patience = FOREVER) -> AbstractContextManager[None]:
        """Wait for the slot in order of coming, and hold it."""
        return self.held_after(Waiting(patience), holder)

    @contextlib.contextmanager
    def held_after(self, waiting: Waiting, holder: str) -> Iterator[None]:
        """Do the same within a wait that may have begun already."""
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                while self._waiting[0] is not ticket or self._holder not in (None, holder):
                    waiting.goes_on(self._holder or holder)
                    self._changed.wait(waiting.left)
                self._holder, self._count = holder, self._count + 1
            finally:  # also where the patience is over: a ticket left behind shuts others out
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
        """Be the only thread that stores a credential."""
        return _only(self._storing)

    def stored(self) -> Stored | None:
        """Return what this process stored last, unless it was forgotten."""
        return self._stored

    def unknown(self) -> None:
        """Forget what is stored."""
        self._stored = None

    def store(self, holder: str, repositories: frozenset[str], expires_at: float) -> Stored:
        """Keep what is stored now."""
        self._number += 1
        self._stored = Stored(holder, repositories, expires_at, self._number)
        return self._stored


@contextlib.contextmanager
def _only(lock: threading.Lock) -> Iterator[None]:
    with lock:
        yield


def in_one_process(_provider: str) -> SlotKeeper:
    """Return a keeper for a process that shares its principal with no other."""
    return OneProcess()
