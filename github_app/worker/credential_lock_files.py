"""A principal's credential slot among the processes of one machine: lock files beside SQLite.

Who uses the slot holds a file of its own locked, with the holder in its name; who waits to use it
holds the turn locked, so that nobody passes. The kernel frees the locks of a process that dies, so
there is nothing to clean up, and no row to write for a promotion. What is stored is known only to
the process that stored it, for as long as nobody has stored anything since.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

import filelock
import structlog

from promotion.credential_lock import FOREVER, OneProcess, Patience, SlotError, Stored, Waiting

POLL_SECONDS = 0.1
SLOW_SECONDS = 30.0  # until the log says for whom a promotion waits

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class SlotFiles:
    """One slot as one process sees it; a `CredentialLock`."""

    def __init__(self, directory: Path, slot: str) -> None:
        """*directory* is made where it is missing; *slot* is workspace, principal and provider."""
        self._directory = directory
        self._slot = slot
        self._name = hashlib.sha256(slot.encode()).hexdigest()[:16]
        self._process = f"{os.getpid()}-{uuid.uuid4().hex}"
        self._numbers = itertools.count(1)
        self._here = OneProcess()  # who comes first in this process
        self._in_line = threading.Lock()
        self._mark = ""  # of what this process stored last
        self._last: Stored | None = None
        self._number = 0

    @contextlib.contextmanager
    def held_by(self, holder: str, patience: Patience = FOREVER) -> Iterator[None]:
        """Wait for the slot, in this process in order of coming, and hold it."""
        waiting = Waiting(patience)
        with self._here.held_after(waiting, holder):
            use = self._join(waiting, holder)
            try:
                yield
            finally:
                use.release()
                _remove(Path(use.lock_file))

    @contextlib.contextmanager
    def storing(self) -> Iterator[None]:
        """Be the only one who stores a credential, in this process and among all."""
        with self._here.storing():
            lock = self._open(self._path("storing"))
            while not self._take(lock):
                time.sleep(POLL_SECONDS)
            try:
                yield
            finally:
                lock.release()

    def stored(self) -> Stored | None:
        """Return what this process stored last, unless it was forgotten or another stored since."""
        last, mark = self._last, self._mark
        return last if last is not None and self._read_mark() == mark else None

    def unknown(self) -> None:
        """Forget what is stored, for all."""
        self._last = None
        self._write_mark()

    def store(self, holder: str, repositories: frozenset[str], expires_at: float) -> Stored:
        """Note what is stored now; the other processes learn that it is not theirs."""
        self._write_mark()
        self._number += 1
        self._last = Stored(holder, repositories, expires_at, self._number)
        return self._last

    def _join(self, waiting: Waiting, holder: str) -> filelock.BaseFileLock:
        """Wait until no other process uses the slot for another holder, and use it."""
        turn = self._open(self._path("turn"))
        with self._in_line:
            try:
                self._wait(turn, waiting, holder)
                words = quote(holder, safe=" ")
                use = self._open(self._path(f"use.{words}.{self._process}-{next(self._numbers)}"))
                self._take(use)
                return use
            finally:
                turn.release()

    def _wait(self, turn: filelock.BaseFileLock, waiting: Waiting, holder: str) -> None:
        started, told = time.monotonic(), False
        for looks in itertools.count():
            other = self._in_the_way(turn, holder)
            if other is None:
                return
            if looks:  # at the first look it may be somebody who only passes
                waiting.keep_waiting(other)
            if not told and time.monotonic() - started > SLOW_SECONDS:
                told = True
                log.warning("credential_slot.waits", slot=self._slot, used_by=other)
            time.sleep(POLL_SECONDS)

    def _in_the_way(self, turn: filelock.BaseFileLock, holder: str) -> str | None:
        """Return for whom the slot is used or awaited, None where *holder* may use it now.

        The turn is ours from the first free moment, also while we wait: nobody passes us.
        """
        ours = turn.is_locked or self._take(turn)
        others = {other for other in self._others() if other != holder}
        if others:
            return min(others)
        return None if ours else holder

    def _others(self) -> Iterator[str]:
        """Yield for whom other processes use the slot; files of those that died are removed."""
        start = f"{self._name}.use."
        for path in self._directory.glob(f"{start}*"):
            words, _, user = path.name.removeprefix(start).rpartition(".")
            if user.rpartition("-")[0] == self._process:
                continue
            lock = self._open(path)
            if not self._take(lock):
                yield unquote(words)
                continue
            lock.release()
            _remove(path)

    def _take(self, lock: filelock.BaseFileLock) -> bool:
        """Take a lock if it is free, and say whether it was."""
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            lock.acquire(timeout=0)
        except filelock.Timeout:
            return False
        except OSError as exc:
            raise _closed(self._directory, exc) from exc
        return True

    def _open(self, path: Path) -> filelock.BaseFileLock:
        return filelock.FileLock(path, mode=0o600, thread_local=False)

    def _path(self, name: str) -> Path:
        return self._directory / f"{self._name}.{name}"

    def _read_mark(self) -> str:
        try:
            return self._path("stored").read_text(encoding="ascii")
        except (OSError, ValueError):
            return "nobody knows"

    def _write_mark(self) -> None:
        mark, written = uuid.uuid4().hex, self._path("stored.new")
        try:
            descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(mark)
            written.replace(self._path("stored"))
        except OSError as exc:
            raise _closed(self._directory, exc) from exc
        self._mark = mark


def _remove(path: Path) -> None:
    """Remove a file that nobody holds locked; where that fails, who comes next does it."""
    with contextlib.suppress(OSError):
        path.unlink()


def _closed(directory: Path, exc: OSError) -> SlotError:
    return SlotError(
        f"{directory}, where it stands who uses the principal's Git credential, can't be used "
        f"({exc.strerror})",
        next_step="run this as the user that the service runs as, who must be able to write there",
    )
