"""The webhook secrets as the settings name them now: a running service follows a rotation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import overload

import structlog

from github_app.secret_files import webhook_secrets
from github_app.settings import load_settings
from promotion.errors import ConfigError

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0  # between two looks at the file

Stamp = tuple[int, int, int]  # when and how the file last changed


class LiveSecrets(Sequence[str]):
    """Reads the secrets again when the settings file has changed; keeps what it had on errors."""

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
        self._looked_at = now()
        self._secrets = self._read()  # at the start, an error stops the service

    def __iter__(self) -> Iterator[str]:
        return iter(self._now_valid())

    def __len__(self) -> int:
        return len(self._now_valid())

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...
    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        return self._now_valid()[place]

    def _now_valid(self) -> tuple[str, ...]:
        with self._lock:
            now = self._now()
            if now - self._looked_at >= LOOK_SECONDS:
                self._looked_at = now
                self._look()
            return self._secrets

    def _look(self) -> None:
        stamp = _stamp(self._config)
        if stamp == self._stamp:
            return
        try:
            self._secrets = self._read()
        except ConfigError as exc:
            log.warning("webhook_secrets.unchanged", error=str(exc))
        else:
            log.info("webhook_secrets.read", count=len(self._secrets))
        self._stamp = stamp

    def _read(self) -> tuple[str, ...]:
        return webhook_secrets(load_settings(self._config, self._environ).github)


def _stamp(path: Path | None) -> Stamp | None:
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ino, found.st_size) if found is not None else None
