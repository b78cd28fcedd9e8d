"""Reload the webhook secrets when the settings file changes, for rotations without a restart."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import overload

import structlog

from github_app.config.secrets import webhook_secrets
from github_app.config.settings import load_settings
from promotion.errors import ConfigError

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

CHECK_SECONDS = 1.0  # between two checks of the file

Stamp = tuple[int, int, int]  # modification time, inode and size


class LiveSecrets(Sequence[str]):
    """The current secrets; reloads them when the file has changed, keeps the old on errors."""

    def __init__(
        self,
        config: Path | None,
        environ: Mapping[str, str],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._environ = environ
        self._now = now
        self._lock = threading.Lock()
        self._stamp = _stamp(config)
        self._checked_at = now()
        self._secrets = self._read()  # at the start, an error stops the service

    def __iter__(self) -> Iterator[str]:
        return iter(self._current())

    def __len__(self) -> int:
        return len(self._current())

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...
    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        return self._current()[place]

    def _current(self) -> tuple[str, ...]:
        with self._lock:
            now = self._now()
            if now - self._checked_at >= CHECK_SECONDS:
                self._checked_at = now
                self._reload_if_changed()
            return self._secrets

    def _reload_if_changed(self) -> None:
        stamp = _stamp(self._config)
        if stamp == self._stamp:
            return
        try:
            self._secrets = self._read()
        except ConfigError as exc:
            log.warning("webhook_secrets.reload_failed", error=str(exc))
        else:
            log.info("webhook_secrets.reloaded", count=len(self._secrets))
        self._stamp = stamp

    def _read(self) -> tuple[str, ...]:
        return webhook_secrets(load_settings(self._config, self._environ).github)


def _stamp(path: Path | None) -> Stamp | None:
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ino, found.st_size) if found is not None else None
