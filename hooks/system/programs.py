"""Run programs of the developer's machine other than git: az, databricks, a notifier."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from promotion.safe_text import redact

SECONDS = 30.0


@dataclass(frozen=True)
class Ended:
    """How a program ended; *words* is its redacted error output, for a person."""

    code: int
    output: str
    words: str


def find_program(name: str, environ: Mapping[str, str]) -> str | None:
    """Return the full path of a program, never one from the current directory.

    The current directory may be a repository with files of somebody else.
    """
    entries = environ.get("PATH", "").split(os.pathsep)
    directories = [entry for entry in entries if Path(entry).is_absolute()]
    found = shutil.which(name, path=os.pathsep.join(directories)) if directories else None
    if found is None or Path(found).parent not in map(Path, directories):
        return None
    return found


def run_program(
    arguments: Sequence[str], environ: Mapping[str, str], directory: Path, seconds: float = SECONDS
) -> Ended:
    """Run a program in *directory* without any input, and return how it ended."""
    try:
        ended = subprocess.run(
            tuple(arguments),
            cwd=directory,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Ended(-1, "", f"it did not end within {seconds:.0f} s")
    except OSError as exc:
        return Ended(-1, "", exc.strerror or type(exc).__name__)
    words = redact(" ".join(ended.stderr.split()))[:300]
    return Ended(ended.returncode, ended.stdout, words)
