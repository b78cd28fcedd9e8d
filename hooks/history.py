"""Which of the promotions that this machine remembers is asked about, and how it ended."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path

from hooks.exit_code import ExitCode
from hooks.git import Git
from hooks.result import Result, State, repository_name
from hooks.results import Results
from promotion.clock import Clock
from promotion.errors import PromotionError

PAUSE_SECONDS = 0.2
QUEUED_SECONDS = 30.0  # an older note is one that nobody took up


def repository_here(environ: Mapping[str, str]) -> str | None:
    """Return the name of the repository that we stand in, or None where that means nothing."""
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
    """Return what is remembered of one repository (None: of all), newest first."""
    return [each for each in results.all() if repository in (None, each.repository)]


def newest(results: Results, repository: str | None) -> Result | None:
    """Return the last promotion of one repository, or of all."""
    return next(iter(those_of(results, repository)), None)


def wait_for_newest(
    results: Results, repository: str | None, seconds: float, clock: Clock
) -> Result | None:
    """Return the last promotion when it has ended, or as it is when the time is over."""
    deadline = clock.time() + seconds
    while True:
        results.settle()
        coming = just_queued(results)
        result = newest(results, repository)
        ended = not coming and (result is None or result.state.ended)
        if ended or clock.time() >= deadline:
            return result
        clock.sleep(PAUSE_SECONDS)


def just_queued(results: Results) -> bool:
    """Whether the hook has left a note, just now, whose promotion is not remembered yet."""
    youngest = time.time() - QUEUED_SECONDS
    notes = (results.directory.parent / "intents").glob("*")
    with contextlib.suppress(FileNotFoundError):  # taken up while we looked
        return any(note.stat().st_mtime > youngest for note in notes)
    return True


def exit_code_of(result: Result) -> ExitCode:
    """Return the exit code that stands for a remembered promotion."""
    if result.state is State.DONE:
        return ExitCode.DONE
    return ExitCode.CONFIGURATION if result.state is State.NEEDS_LOGIN else ExitCode.FAILED
