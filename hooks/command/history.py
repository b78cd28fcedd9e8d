"""Select among the promotions that are recorded on this machine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path

from hooks.command.exit_code import ExitCode
from hooks.results.model import Result, State, repository_name
from hooks.results.store import Results
from hooks.system.git import Git
from promotion.clock import Clock
from promotion.errors import PromotionError

PAUSE_SECONDS = 0.2
QUEUED_SECONDS = 30.0  # an older queued push was never processed


def repository_here(environ: Mapping[str, str]) -> str | None:
    """Return the name of the repository in the current directory, or None without one."""
    git = Git(Path.cwd(), environ)
    try:
        branch = git.current_branch()
        upstream = git.upstream(branch) if branch else None
        remotes = [upstream[0]] if upstream else git.remotes()
        name = "origin" if "origin" in remotes else next(iter(remotes), None)
        url = (git.remote_url(name) or name) if name else None
    except PromotionError:
        return None
    return repository_name(url) if url else None


def those_of(results: Results, repository: str | None) -> list[Result]:
    """Return the recorded promotions of one repository (None: of all), newest first."""
    return [each for each in results.all() if repository in (None, each.repository)]


def newest(results: Results, repository: str | None) -> Result | None:
    """Return the last promotion of one repository, or of all."""
    return next(iter(those_of(results, repository)), None)


def wait_for_newest(
    results: Results, repository: str | None, seconds: float, clock: Clock
) -> Result | None:
    """Return the last promotion when it has ended, or as it is after *seconds*."""
    deadline = clock.time() + seconds
    while True:
        results.settle()
        queued = just_queued(results)
        result = newest(results, repository)
        ended = not queued and (result is None or result.state.ended)
        if ended or clock.time() >= deadline:
            return result
        clock.sleep(PAUSE_SECONDS)


def just_queued(results: Results) -> bool:
    """Return whether the hook has just queued a push whose promotion is not recorded yet."""
    youngest = time.time() - QUEUED_SECONDS
    paths = (results.directory.parent / "queued-pushes").glob("*")
    with contextlib.suppress(FileNotFoundError):  # a worker has taken it meanwhile
        return any(path.stat().st_mtime > youngest for path in paths)
    return True


def exit_code_of(result: Result) -> ExitCode:
    """Return the exit code for a recorded promotion."""
    if result.state is State.DONE:
        return ExitCode.DONE
    return ExitCode.CONFIGURATION if result.state is State.NEEDS_LOGIN else ExitCode.FAILED
