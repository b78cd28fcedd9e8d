"""`git promote` without a sub-command: find the commit, sign in, promote, show, record."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import click

from hooks.command.branch_head import ResolvedHead, resolve_head
from hooks.command.exit_code import ExitCode
from hooks.output.job_summary import run_as_json, write_job_summary
from hooks.output.notify import notify
from hooks.output.progress import progress_display
from hooks.output.terminal import open_console, show_run, summary, symbol
from hooks.pushed.commit import UNKNOWN, PushedCommit, commit_of_clone, commit_of_url
from hooks.results.store import Results, new_key, state_directory
from hooks.results.summary import only_blocked, result_of
from hooks.system.environment_variables import own_variables
from hooks.system.git import Git
from hooks.system.known_secrets import shown
from hooks.workspaces.promote import (
    WorkspaceSessions,
    preview,
    promote_everywhere,
    sign_in_everywhere,
)
from hooks.workspaces.run import Run
from hooks.workspaces.settings import load_settings
from hooks.workspaces.verdict import judged
from promotion.model import Push


@dataclass(frozen=True)
class Request:
    """The options of the command line; "" for one that was not given."""

    url: str
    branch: str
    workspace: str
    dry_run: bool
    as_json: bool


def promote(request: Request, environ: Mapping[str, str]) -> ExitCode:
    """Carry out the request and show the result; raises PromotionError before it begins."""
    started, environ = time.time(), own_variables(environ)
    settings, git = load_settings(environ), Git(Path.cwd(), environ)
    if request.url:
        pushed = commit_of_url(request.url, request.branch, git, environ)
    else:
        pushed = commit_of_clone(git, request.branch)
    sessions = sign_in_everywhere(environ, request.workspace)
    _announce(sessions, pushed)
    push = pushed.push
    if request.dry_run:
        run = preview(sessions, push, pushed.repository.keys)
    else:
        push, run = _carry_out(sessions, pushed, git)
    run = judged(run, push, pushed.repository)
    if not request.dry_run:
        _record(run, pushed, push, started, environ)
    _show(run, push, request, environ)
    if settings.notify and not request.dry_run:
        notify(f"{push.repository} {pushed.branch}", summary(run), environ)
    return exit_code(run, push)


def exit_code(run: Run, push: Push) -> ExitCode:
    """Return the exit code of a run: a failed sign-in outranks a failed Git folder."""
    if run.problem:
        return ExitCode.CONFIGURATION
    return ExitCode.FAILED if run.failed or only_blocked(run, push) else ExitCode.DONE


def _carry_out(sessions: WorkspaceSessions, pushed: PushedCommit, git: Git) -> tuple[Push, Run]:
    push, keys = pushed.push, pushed.repository.keys
    with progress_display(sys.stderr, f"Promoting {pushed.branch}") as progress:
        resolved = ResolvedHead(push.after)
        if push.after == UNKNOWN:
            resolved = resolve_head(sessions, push, keys)
            push = replace(push, after=resolved.head)
        contains, tried = git.ancestry, resolved.tried
        return push, promote_everywhere(
            sessions, push, keys, contains=contains, progress=progress, tried=tried
        )


def _announce(sessions: WorkspaceSessions, pushed: PushedCommit) -> None:
    """Say at once what is promoted, and as whom: the result may take minutes."""
    _say(pushed.note)
    at = f" at {pushed.push.after[:7]}" if pushed.push.after else ""
    _say(f"{pushed.push.repository}: {pushed.branch}{at}")
    for session in sessions.open:
        _say(f"{session.workspace.name}: as {session.identity}")


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


def _record(
    run: Run, pushed: PushedCommit, push: Push, started: float, environ: Mapping[str, str]
) -> None:
    """Record the result for `git promote status`; only say so where that is not possible."""
    where = {"remote": pushed.remote, "url": pushed.url}
    result = result_of(run, push, key=new_key(), started_at=started, **where)
    try:
        Results(state_directory(environ)).write(result)
    except OSError as exc:
        _say(f"`git promote status` will not show this: {exc.strerror or exc}")
