"""`brickpush plan` and `brickpush folders`: show, create and remove Git folders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from github_app.cli.context import (
    CommandContext,
    databricks_errors,
    github_errors,
    patience_of,
    settings_of,
)
from github_app.cli.new_folder import NewFolder
from github_app.cli.plan import Planned, names_of, planned, read
from github_app.github.access import InstallationAccess
from github_app.worker.credential_locks import command_slots
from promotion.credential_lock import Patience
from promotion.errors import ConfigError, PromotionError
from promotion.model import HEADS, ZERO_SHA, GitFolder, Push
from promotion.plan import Decision
from promotion.rules import deciding_rule
from promotion.safe_text import printable
from promotion.workspace import Workspace


def plan(config: Path | None, *, repository: str, branch: str, as_json: bool) -> int:
    """Show what a push would move; return 1 if a workspace could not be read, else 0."""
    command = CommandContext.from_settings(settings_of(config))
    found = command.find(command.key(repository))
    access, name = command.access(found), found.repository.full_name
    with github_errors():
        head = access.branch_head(branch)
    if head is None:
        raise ConfigError(f"{name} has no branch {branch!r} on GitHub: push it first")
    seen = [(workspace, read(workspace)) for workspace in command.workspaces]
    urls = {folder.url for _, each in seen if not isinstance(each, str) for folder in each.folders}
    with github_errors():
        known = names_of(command.app, access, found, command.settings.database_url, urls)
    for note in known.notes:
        click.echo(f"brickpush: {printable(note)}", err=True)
    push = Push(name, f"{HEADS}{branch}", ZERO_SHA, head)
    plans = [planned(workspace, each, push, known) for workspace, each in seen]
    _show([row for each in plans for row in _rows(each)], as_json)
    return 1 if any(each.problem for each in plans) else 0


def _rows(planned: Planned) -> list[dict[str, str]]:
    name = planned.workspace
    if planned.problem:
        return [_row(name, "", "not readable", planned.problem)]
    decided = [
        _row(name, each.folder.path, _word(each), each.reason, each.folder.head_commit_id)
        for each in planned.decisions
    ]
    return decided + [_row(name, path, "not readable", why) for path, why in planned.not_readable]


def _row(workspace: str, path: str, word: str, why: str, at: str | None = None) -> dict[str, str]:
    return {"workspace": workspace, "git folder": path, "at": (at or "")[:7], "": word, "why": why}


def _word(decision: Decision) -> str:
    if decision.moves:
        return "moves"
    return "blocked" if decision.blocked else "unchanged"


def list_folders(config: Path | None, *, workspace: str | None, as_json: bool) -> int:
    """List the Git folders; return 1 if a workspace could not be read, else 0."""
    command = CommandContext.from_settings(settings_of(config), workspace)
    rows, readable = [], True
    for each in command.workspaces:
        seen = read(each)
        if isinstance(seen, str):
            rows.append(_not_listed(each, "", f"not readable: {seen}"))
            readable = False
            continue
        rows += [_listed(each, folder) for folder in seen.folders]
        rows += [_not_listed(each, s.path, f"not readable: {s.reason}") for s in seen.unreadable]
    _show(rows, as_json)
    return 0 if readable else 1


def _listed(workspace: Workspace, folder: GitFolder) -> dict[str, str]:
    return {
        "workspace": workspace.name,
        "git folder": folder.path,
        "repository": folder.url or "",
        "at": (folder.head_commit_id or "")[:7],
        "follows": _follows(workspace, folder),
    }


def _not_listed(workspace: Workspace, path: str, why: str) -> dict[str, str]:
    row = {"workspace": workspace.name, "git folder": path, "repository": "", "at": ""}
    return {**row, "follows": why}


def _follows(workspace: Workspace, folder: GitFolder) -> str:
    rule = deciding_rule(folder.path, workspace.rules)
    if not folder.manageable:
        return "nothing: the principal may not manage it"
    if rule.follow != "branch":
        return f"{rule.follow} ({rule.name})"
    return folder.branch or "nothing: it is on a tag or a commit"


@dataclass(frozen=True)
class WantedFolder:
    """The Git folder that `brickpush folders add` is asked for."""

    path: str
    workspace: str
    repository: str
    branch: str
    sparse: Sequence[str]
    provider: str | None


def add_folder(config: Path | None, wanted: WantedFolder, *, wait: float) -> None:
    """Create the Git folder, or complete one that an earlier try left."""
    if not wanted.path.startswith("/"):
        raise ConfigError(f"{wanted.path!r} is not a workspace path: give it like /Repos/team/etl")
    settings = settings_of(config)
    with command_slots(settings) as slots:
        command = CommandContext.from_settings(settings, wanted.workspace, slots)
        [target] = command.workspaces
        key = command.key(wanted.repository)
        found = command.find(key)
        access, name = command.access(found), found.repository.full_name
        with github_errors():
            head = access.branch_head(wanted.branch)
        if head is None:
            raise ConfigError(f"{name} has no branch {wanted.branch!r} on GitHub: push it first")
        provider = wanted.provider or ("gitHub" if key.host == "github.com" else "gitHubEnterprise")
        new = NewFolder(
            wanted.path.rstrip("/"), command.url(name), provider, wanted.branch, wanted.sparse
        )
        sets_credential = settings.workspaces[wanted.workspace].git_credential == "app"
        with databricks_errors(wanted.workspace):
            tokens = access if sets_credential else None
            now = _make(target, new, tokens, name.casefold(), patience_of(wait))
    click.echo(f"{now.path} follows {now.branch} of {name}, at {now.head_commit_id}")


def _make(
    workspace: Workspace,
    new: NewFolder,
    tokens: InstallationAccess | None,
    repository: str,
    patience: Patience,
) -> GitFolder:
    """Create the Git folder; with *tokens*, set the App's Git credential first."""
    databricks = workspace.databricks
    if tokens is None:
        return new.make(databricks)
    slot = workspace.slot(new.provider)
    with slot.held_by(tokens.holder, patience):
        slot.ensure(
            databricks,
            tokens,
            provider=new.provider,
            repository=repository,
            others=frozenset(),
        )
        return new.make(databricks)


def remove_folder(config: Path | None, *, workspace: str, path: str, yes: bool) -> None:
    """Remove the Git folder, after a question unless *yes*."""
    [target] = CommandContext.from_settings(settings_of(config), workspace).workspaces
    seen = read(target)
    if isinstance(seen, str):
        raise PromotionError(f"{workspace}: {seen}")
    found = [folder for folder in seen.folders if folder.path == path]
    if not found:
        raise ConfigError(f"{workspace} has no Git folder {path}: see `brickpush folders list`")
    if not yes:
        click.confirm(f"Remove {path} and everything in it that was not pushed?", abort=True)
    with databricks_errors(workspace):
        target.databricks.delete_git_folder(found[0].id)
    click.echo(f"{path} is removed")


def _show(rows: Sequence[dict[str, str]], as_json: bool) -> None:
    """Print a table or JSON; lines are not wrapped unless stdout is a terminal."""
    if as_json:
        click.echo(json.dumps([{key or "decision": row[key] for key in row} for row in rows]))
        return
    if not rows:
        click.echo("no Git folder")
        return
    console = Console(highlight=False)
    table = Table(box=None, padding=(0, 1))
    for title in rows[0]:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*map(printable, row.values()))
    console.print(table, soft_wrap=not console.is_terminal, markup=False)
