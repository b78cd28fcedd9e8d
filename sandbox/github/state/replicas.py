"""Reads that lag behind: some of REST's answers come from a replica that has not caught up.

Writes always go to what is newest, as GitHub's do.
"""

from __future__ import annotations

import collections
import random
import threading
import time
from collections.abc import Hashable
from typing import Generic, TypeVar

REMEMBERED_SECONDS = 60.0  # no replica lags for longer
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Replicas:
    """As of which moment of the monotonic clock a read is answered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._share = self._seconds = 0.0
        self._dice = random.Random(0)
        self._frozen_at: float | None = None
        self._frozen_reads: int | None = None

    def lag(self, *, share: float, seconds: float, seed: int = 0) -> None:
        """Answer that share of the reads from up to *seconds* ago."""
        with self._lock:
            self._share, self._seconds, self._dice = share, seconds, random.Random(seed)

    def freeze(self, reads: int | None = None) -> None:
        """Answer the next *reads*, or all until `catch_up`, as of this moment."""
        with self._lock:
            self._frozen_at, self._frozen_reads = time.monotonic(), reads

    def catch_up(self) -> None:
        """Answer every read from what is newest."""
        with self._lock:
            self._share, self._frozen_at = 0.0, None

    @property
    def are_behind(self) -> bool:
        """Whether a read may be answered from the past."""
        return self._share > 0 or self._frozen_at is not None

    def moment(self) -> float | None:
        """Return as of when one read is answered; None: as things are now."""
        with self._lock:
            if self._frozen_at is not None:
                return self._frozen_moment(self._frozen_at)
            if self._share > 0 and self._dice.random() < self._share:
                return time.monotonic() - self._dice.uniform(0, self._seconds)
        return None

    def _frozen_moment(self, moment: float) -> float:
        if self._frozen_reads is not None:
            self._frozen_reads -= 1
            if self._frozen_reads <= 0:
                self._frozen_at = None
        return moment


class Past(Generic[K, V]):
    """What things were before they were changed."""

    def __init__(self) -> None:
        self._until: dict[K, list[tuple[float, V]]] = {}
        self._notes: collections.deque[tuple[float, K]] = collections.deque()
        self._lock = threading.Lock()

    def note(self, key: K, before: V) -> None:
        """Record what *key* was until now."""
        now = time.monotonic()
        with self._lock:
            self._until.setdefault(key, []).append((now, before))
            self._notes.append((now, key))
            while self._notes[0][0] < now - REMEMBERED_SECONDS:
                _, old = self._notes.popleft()
                del self._until[old][0]

    def at(self, key: K, moment: float | None, now: V) -> V:
        """Return what *key* was at *moment*; *now* is what it is."""
        with self._lock:
            if moment is not None:
                for until, value in self._until.get(key, ()):
                    if until > moment:
                        return value
        return now
