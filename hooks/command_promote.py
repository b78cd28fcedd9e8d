"""`git promote` itself: find the commit, sign in, promote or preview, show, remember."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from hooks.conclusion import conclude, only_blocked
from hooks.exit_code import ExitCode
from hooks.git import Git
from hooks.job_summary import run_as_json, write_job_summary
from hooks.known_secrets import shown
from hooks.local_promotion import Entrances, enter, preview, promote_everywhere
from hooks.notify import notify
from hooks.own_variables import own_variables
from hooks.presentation import open_console, show_run, summary, symbol
from hooks.progress_display import progress_display
from hooks.pushed_commit import UNKNOWN, PushedCommit, commit_of_clone, commit_of_url
from hooks.result import Result, repository_name, without_password, workspace_as_json
from hooks.results import Results, new_key, state_directory
from hooks.run import Run
from hooks.scouting import Scouted, scout
from hooks.settings import load_settings
from promotion.push import Push


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line; "" where it was not."""

    url: str
    branch: str
    workspace: str
    dry_run: bool
    as_json: bool


def promote(request: Request, environ: Mapping[str, str]) -> ExitCode:
    """Carry out the request and show how it ended; raises PromotionError before it begins."""
    started, environ = time.time(), own_variables(environ)
    settings = load_settings(environ)
    git = Git(Path.cwd(), environ)
    if request.url:
        pushed = commit_of_url(request.url, request.branch, git, environ)
    else:
        pushed = commit_of_clone(git, request.branch)
    _say(pushed.note)
    entrances = enter(environ, request.workspace)
    _introduce(entrances, pushed)
    if request.dry_run:
        push = pushed.push()
        run = preview(entrances, push, pushed.repository)
    else:
        push, run = _carry_out(entrances, pushed, git)
        _remember(run, pushed, push, started, environ)
    _show(run, push, request, environ)
    if settings.notify and not request.dry_run:
        notify(f"{push.repository} {pushed.branch}", summary(run), environ)
    return exit_code(run, push)


def exit_code(run: Run, push: Push) -> ExitCode:
    """Return the exit code of a run: what kept us out counts more than what failed inside."""
    if run.problem:
        return ExitCode.CONFIGURATION
    return ExitCode.FAILED if run.failed or only_blocked(run, push) else ExitCode.DONE


def _carry_out(entrances: Entrances, pushed: PushedCommit, git: Git) -> tuple[Push, Run]:
    with progress_display(sys.stderr, f"Promoting {pushed.branch}") as progress:
        push, scouted = pushed.push(), Scouted()
        if pushed.after == UNKNOWN:
            scouted = scout(entrances, push, pushed.repository.keys)
            push = pushed.push(scouted.head)
        run = promote_everywhere(
            entrances,
            push,
            pushed.repository,
            contains=git.ancestry,
            progress=progress,
            tried=scouted.tried,
        )
        return push, run


def _introduce(entrances: Entrances, pushed: PushedCommit) -> None:
    """Say at once what is promoted, and as whom: it may take minutes until there is more."""
    at = f" at {pushed.after[:7]}" if pushed.after else ""
    _say(f"{pushed.key.full_name}: {pushed.branch}{at}")
    for entrance in entrances.open:
        _say(f"{entrance.workspace.name}: as {entrance.identity}")


def _say(words: str) -> None:
    if words:
        console = open_console(sys.stderr)
        console.print(f"{symbol(console, '->')} {shown(words)}", style="dim", soft_wrap=True)


def _show(run: Run, push: Push, request: Request, environ: Mapping[str, str]) -> None:
    if request.as_json:
        click.echo(json.dumps(run_as_json(run, push, preview=request.dry_run), indent=2))
    else:
        show_run(open_console(sys.stdout), run, preview=request.dry_run)
    if path := environ.get("GITHUB_STEP_SUMMARY"):
        try:
            write_job_summary(Path(path), run, push, preview=request.dry_run)
        except OSError as exc:
            _say(f"the job summary can't be written: {exc.strerror}")


def _remember(
    run: Run, pushed: PushedCommit, push: Push, started: float, environ: Mapping[str, str]
) -> None:
    """Let `git promote status` tell of it; a machine without a place for that does without."""
    state, message, next_step = conclude(run, push)
    result = Result(
        key=new_key(),
        repository=repository_name(pushed.url),
        remote=without_password(pushed.remote),
        url=without_password(pushed.url),
        ref=push.ref,
        after=push.after,
        state=state,
        started_at=started,
        ended_at=time.time(),
        workspaces=[workspace_as_json(report) for report in run.reports],
        message=message,
        next_step=next_step,
        identity=run.identity,
    )
    try:
        Results(state_directory(environ)).write(result)
    except OSError as exc:
        _say(f"`git promote status` will not know of this: {exc.strerror or exc}")
