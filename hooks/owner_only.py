"""Write a file for its owner only: whole or not at all, and never through somebody's link."""

# ruff: noqa: PTH105, PTH108

from __future__ import annotations

import contextlib
import os


def write_whole(path: str, text: str, draft_name: str = "") -> None:
    """Put *text* in place of what is at *path*. May raise OSError."""
    draft = f"{path}.{draft_name or os.getpid()}.draft"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(draft)  # of a process that was killed, or a link that waits for us
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        os.replace(draft, path)
    except OSError:
        os.unlink(draft)
        raise
