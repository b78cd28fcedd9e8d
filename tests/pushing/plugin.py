"""This checkout as a plugin of pre-commit and prek, by `rev` from a git URL."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock
from pushing.machine import Machine
from pushing.programs import git

CONFIG = """\
default_install_hook_types: [pre-push]
repos:
  - repo: file://{plugin}
    rev: v0.1.0
    hooks:
      - id: promote-after-push
"""
ROOT = Path(__file__).parents[2]
PACKAGED = (
    ".pre-commit-hooks.yaml",
    "LICENSE",
    "README.md",
    "brickpush",
    "github_app",
    "hooks",
    "promotion",
    "app-manifest.json",
    "pyproject.toml",
)
AUTHOR = ("-c", "user.name=dev", "-c", "user.email=dev@octo.org")


def a_plugin(directory: Path) -> Path:
    """Make *directory* a repository with this checkout as version 0.1.0, unless it is one."""
    with FileLock(directory.with_suffix(".lock")):
        if not directory.exists():
            for name in PACKAGED:
                _copy(ROOT / name, directory / name)
            git(directory, "init", "--quiet")
            git(directory, "add", "--all")
            git(directory, *AUTHOR, "commit", "--quiet", "-m", "a version")
            git(directory, "tag", "v0.1.0")
    return directory


def install(machine: Machine, runner: str, plugin: Path, config: str = CONFIG) -> None:
    """Install the hook by a runner; the first call builds the hook's environment for all."""
    (machine.clone / ".pre-commit-config.yaml").write_text(config.format(plugin=plugin))
    machine.git("add", ".pre-commit-config.yaml")
    machine.commit("configure the hook")
    machine.git("push", "--quiet")
    caches = plugin.parent
    machine.environ |= {
        "PRE_COMMIT_HOME": str(caches / "pre-commit"),
        "PREK_HOME": str(caches / "prek"),
    }
    with FileLock(caches / f"{runner}.lock"):
        subprocess.run(
            (Path(sys.executable).with_name(runner), "install", "--install-hooks"),
            cwd=machine.clone,
            env={**os.environ, **machine.environ},  # it may need the caller's certificates
            check=True,
            stdout=subprocess.DEVNULL,
        )


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)
