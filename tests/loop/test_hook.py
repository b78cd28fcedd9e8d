"""The local hook against the whole sandbox: a real push, and the developer's own Git folders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import certifi
import pytest
from running import Developer, wait_until

from sandbox import world
from sandbox.sandbox import open_sandbox

ROOT = Path(__file__).parents[2]
CONFIG = f"""\
repos:
  - repo: {ROOT}
    rev: REVISION
    hooks:
      - id: promote-after-push
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with open_sandbox(tmp_path_factory.mktemp("sandbox")) as opened:
        yield opened


@pytest.fixture
def developer(sandbox, tmp_path):
    developer = Developer(sandbox, tmp_path / "clone")
    place = sandbox.places[0]
    # The sandbox's authority beside the usual ones: hook environments come from a registry.
    usual = Path(os.environ.get("REQUESTS_CA_BUNDLE") or certifi.where())
    bundle = tmp_path / "authorities.pem"
    bundle.write_text(usual.read_text() + sandbox.certificate.ca_path.read_text())
    developer.environ.update(
        PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        DATABRICKS_HOST=place.workspace.url,
        DATABRICKS_TOKEN=place.token,
        REQUESTS_CA_BUNDLE=str(bundle),
        BRICKPUSH_STATE_DIR=str(tmp_path / "state"),
        XDG_CONFIG_HOME=str(tmp_path / "config"),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )
    developer.environ.pop("CI", None)
    return developer


def run(developer, *command, code=0):
    ran = subprocess.run(
        command,
        cwd=developer.directory,
        env=developer.environ,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def followers_at(sandbox, sha):
    folders = sandbox.workspace("dev").folders()
    return sum(folder.head_commit_id == sha for folder in folders)


def following():
    return sum(
        (seed.workspace, seed.repository, seed.branch) == ("dev", world.MAIN, "main")
        for seed in world.seeds()
    )


def test_a_push_moves_the_developers_git_folders_without_pre_commit(sandbox, developer):
    run(developer, "git", "promote", "install")
    sha = developer.commit()

    said = run(developer, "git", "push")
    wait_until(lambda: followers_at(sandbox, sha) == following(), what="the Git folders")
    waited = run(developer, "git", "promote", "wait")

    assert f"promotion of main@{sha[:7]} queued" in said
    assert f"at {sha[:7]}" in waited


@pytest.mark.slow
@pytest.mark.parametrize("program", ["pre-commit", "prek"])
def test_five_pasted_lines_and_one_push_move_the_git_folders(sandbox, developer, program):
    revision = subprocess.check_output(("git", "-C", str(ROOT), "rev-parse", "HEAD"), text=True)
    path = developer.directory / ".pre-commit-config.yaml"
    path.write_text(CONFIG.replace("REVISION", revision.strip()))
    run(developer, program, "install", "--hook-type", "pre-push")
    developer.git("add", ".pre-commit-config.yaml")
    sha = developer.commit()

    said = run(developer, "git", "push")
    wait_until(lambda: followers_at(sandbox, sha) == following(), what="the Git folders")

    assert f"promotion of main@{sha[:7]} queued" in said
