"""One push with nothing but git and Python, for every system that developers have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pushing.machine import AUTHORS
from pushing.programs import git, wait_until

from hooks.results.model import State
from hooks.results.store import Results


def test_a_push_leaves_a_process_behind_that_proves_it_and_records_the_end(tmp_path):
    remote, clone, state = (tmp_path / name for name in ("remote.git", "clone", "state"))
    environ = {name: os.environ[name] for name in os.environ if name != "CI"}
    environ |= {**AUTHORS, "BRICKPUSH_STATE_DIR": str(state), "HOME": str(tmp_path)}
    git(tmp_path, "init", "--quiet", "--bare", str(remote), environ=environ)
    git(tmp_path, "init", "--quiet", "-b", "main", str(clone), environ=environ)
    git(clone, "remote", "add", "origin", remote.as_uri(), environ=environ)
    git(clone, "commit", "--quiet", "--allow-empty", "-m", "first", environ=environ)
    sha = git(clone, "rev-parse", "HEAD", environ=environ)
    hook = clone / ".git" / "hooks" / "pre-push"
    python = Path(sys.executable).as_posix()
    hook.write_text(f'#!/bin/sh\nexec "{python}" -I -m brickpush promote-after-push "$@"\n')
    hook.chmod(0o755)

    pushed = subprocess.run(
        ("git", "push", "origin", "main"), cwd=clone, env=environ, capture_output=True, text=True
    )

    assert pushed.returncode == 0, pushed.stderr
    assert f"promotion of main@{sha[:7]} queued" in pushed.stdout + pushed.stderr
    results = Results(state)
    wait_until(lambda: results.latest() and results.latest().state.ended, "an end")
    result = results.latest()
    # The push arrived; but a directory is no repository on GitHub, or nobody is signed in.
    assert result.state in (State.FAILED, State.NEEDS_LOGIN), result
    assert result.after == sha
