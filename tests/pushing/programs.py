"""Run git, and wait for what happens elsewhere."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

DEADLINE_SECONDS = 20.0


def wait_until(condition: Callable[[], object], what: str = "what was waited for") -> None:
    """Return once *condition* holds; fail the test when it never does."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.01)


def git(directory: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> str:
    """Run git and return what it prints."""
    ended = subprocess.run(
        ("git", *arguments), cwd=directory, env=environ, capture_output=True, text=True, check=True
    )
    return ended.stdout.strip()
