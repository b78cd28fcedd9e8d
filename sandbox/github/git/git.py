"""Run git in a bare repository: always a tuple of arguments and a clean environment."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

AUTHOR = "Mona Lisa Octocat"
EMAIL = "mona@github.example"


class GitError(Exception):
    """git ended with an error; *stderr* is what it said."""

    def __init__(self, arguments: tuple[str, ...], stderr: str) -> None:
        super().__init__(f"git {' '.join(arguments)}: {stderr.strip()}")
        self.stderr = stderr


def environment(home: Path) -> dict[str, str]:
    """Return all that git may know of the machine: no user, system or repository settings."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": AUTHOR,
        "GIT_AUTHOR_EMAIL": EMAIL,
        "GIT_COMMITTER_NAME": AUTHOR,
        "GIT_COMMITTER_EMAIL": EMAIL,
    }


def run(repository: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Run git in the bare *repository* and return what it printed."""
    finished = subprocess.run(
        ("git", f"--git-dir={repository}", *arguments),
        input=stdin,
        capture_output=True,
        env=environment(repository.parent),
        check=False,
    )
    if finished.returncode != 0:
        raise GitError(arguments, finished.stderr.decode(errors="replace"))
    return finished.stdout


@functools.cache
def http_backend() -> str:
    """Return the path of git's own CGI program."""
    found = subprocess.run(("git", "--exec-path"), capture_output=True, text=True, check=True)
    return str(Path(found.stdout.strip()) / "git-http-backend")
