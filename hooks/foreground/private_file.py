"""Write a file readable by its owner only: atomically, and never through a link."""

# ruff: noqa: PTH105, PTH108

from __future__ import annotations

import contextlib
import os


def write_whole(path: str, text: str, draft_name: str = "") -> None:
    """Replace the file at *path* with *text*. May raise OSError."""
    draft = f"{path}.{draft_name or os.getpid()}.draft"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(draft)  # of a process that was killed, or a link that somebody planted
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        os.replace(draft, path)
    except OSError:
        os.unlink(draft)
        raise
