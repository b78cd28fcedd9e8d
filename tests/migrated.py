"""SQLite databases with all tables, copied from one that was migrated: a copy costs next to nothing."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from github_app.wiring import migrate


def sqlite_with_tables(path: Path) -> str:
    """Write an empty database with all its tables to *path*; return its URL."""
    path.touch(0o600, exist_ok=False)
    path.write_bytes(_template())
    return f"sqlite:///{path}"


@functools.cache
def _template() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "brickpush.sqlite"
        migrate(f"sqlite:///{path}")
        return path.read_bytes()
