"""Run git in a clean environment. Secrets travel in the environment, never in an argument."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

# Databricks gives an operation about this long.
TIMEOUT_SECONDS = 600
SETTINGS = {
    "advice.detachedHead": "false",
    "core.fsync": "none",
    "core.hooksPath": "/dev/null",
    "credential.helper": "",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "user.email": "somebody@octo.example",
    "user.name": "Somebody",
}


class GitError(Exception):
    """git ended with an error; its message is in *stderr*."""

    def __init__(self, arguments: Sequence[str], stderr: str) -> None:
        super().__init__(f"git {' '.join(arguments)}: {stderr.strip()}")
        self.stderr = stderr


class Git:
    """git, as one workspace runs it."""

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        self._environ = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "LC_ALL": "C",
            "GIT_ASKPASS": "",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            **environ,
        }

    def run(
        self, directory: Path, *arguments: str, settings: Mapping[str, str] | None = None
    ) -> str:
        """Return what git prints; raise GitError when it fails."""
        ended = subprocess.run(
            ("git", *arguments),
            cwd=directory,
            env=self._environ | configuration(SETTINGS | dict(settings or {})),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        if ended.returncode:
            raise GitError(arguments, ended.stderr)
        return ended.stdout

    def succeeds(self, directory: Path, *arguments: str) -> bool:
        """Return whether git ends without an error."""
        try:
            self.run(directory, *arguments)
        except GitError:
            return False
        return True


def configuration(settings: Mapping[str, str]) -> dict[str, str]:
    """Return *settings* as environment variables that git reads its configuration from."""
    environ = {"GIT_CONFIG_COUNT": str(len(settings))}
    for place, (name, value) in enumerate(settings.items()):
        environ[f"GIT_CONFIG_KEY_{place}"] = name
        environ[f"GIT_CONFIG_VALUE_{place}"] = value
    return environ


def authorization(url: str, username: str | None, token: str) -> dict[str, str]:
    """Return the setting that signs in to the host of *url*, and to no other."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/"
    pair = base64.b64encode(f"{username or 'x-access-token'}:{token}".encode()).decode()
    return {f"http.{origin}.extraHeader": f"Authorization: Basic {pair}"}
