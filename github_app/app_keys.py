"""Read the App's private keys: one, or several while one is being replaced."""

from __future__ import annotations

from pathlib import Path

from github_app.secret_files import read_secret
from github_app.settings import GitHubSettings


def key_paths(github: GitHubSettings) -> list[Path]:
    """Return the files with the App's keys, in the order in which the keys are tried. Pure."""
    first = [] if github.private_key_path is None else [github.private_key_path]
    return [*first, *github.private_key_paths]


def private_keys(github: GitHubSettings) -> list[str]:
    """Return every private key that the settings name, in their order; none is an error."""
    name = "github.private_key_path"
    keys = [
        read_secret("github.private_key_paths", None, each) for each in github.private_key_paths
    ]
    if github.private_key is not None or github.private_key_path is not None or not keys:
        keys.insert(0, read_secret(name, github.private_key, github.private_key_path))
    return keys
