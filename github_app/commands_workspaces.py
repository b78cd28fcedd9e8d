"""`brickpush plan` and `brickpush folders`: look at Git folders, make one, remove one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from github_app.opening import Opened, settings_of
from promotion.discovery import Survey, survey
from promotion.errors import ConfigError, PromotionError
from promotion.failures import in_words
from promotion.git_folder import GitFolder
from promotion.plan import Decision, Mapped, plan
from promotion.printable import printable
from promotion.push import HEADS, ZERO_SHA, Push
from promotion.rules import deciding_rule
from promotion.workspace import Workspace

config_option = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The service's settings. [default: brickpush.toml, where there is one]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


@click.command("plan")
@config_option
@click.option("--repository", required=True, metavar="OWNER/NAME", help="The repository.")
@click.option("--branch", required=True, help="The branch.")
@json_option
def plan_command(config: Path | None, repository: str, branch: str, as_json: bool) -> None:
    """Say what a push to a branch would move, and why not the rest. Touches nothing."""
    opened = Opened.from_settings(settings_of(config))
    key = opened.key(repository)
    head = opened.access(key).branch_head(branch)
    if head is None:
        raise ConfigError(f"{key.full_name} has no branch {branch!r} on GitHub: push it first")
    push = Push(key.full_name, f"{HEADS}{branch}", ZERO_SHA, head)
    rows = []
    for workspace in opened.workspaces:
        seen = _survey(workspace)
        decisions = plan(push, Mapped([key], workspace.rules), seen.folders)
        rows += [_planned(workspace.name, decision) for decision in decisions]
        rows += [_blind(workspace.name, spot.path, spot.reason) for spot in seen.blind_spots]
    _show(rows, as_json)


def _planned(workspace: str, decision: Decision) -> dict[str, str]:
    return {
        "workspace": workspace,
        "git folder": decision.folder.path,
        "at": (decision.folder.head_commit_id or "")[:7],
        "": "moves" if decision.moves else "stays",
        "why": decision.reason,
    }


def _blind(workspace: str, path: str, reason: str) -> dict[str, str]:
    return {"workspace": workspace, "git folder": path, "at": "", "": "not seen", "why": reason}


@click.group()
def folders() -> None:
    """The Git folders of the workspaces."""


@folders.command("list")
@config_option
@click.option("--workspace", help="Just this one.")
@json_option
def list_folders(config: Path | None, workspace: str | None, as_json: bool) -> None:
    """List the Git folders with what each follows."""
    opened = Opened.from_settings(settings_of(config), workspace)
    rows = []
    for each in opened.workspaces:
        seen = _survey(each)
        rows += [_listed(each, folder) for folder in seen.folders]
        rows += [_not_seen(each, spot.path, spot.reason) for spot in seen.blind_spots]
    _show(rows, as_json)


def _listed(workspace: Workspace, folder: GitFolder) -> dict[str, str]:
    return {
        "workspace": workspace.name,
        "git folder": folder.path,
        "repository": folder.url or "",
        "at": (folder.head_commit_id or "")[:7],
        "follows": _follows(workspace, folder),
    }


def _not_seen(workspace: Workspace, path: str, reason: str) -> dict[str, str]:
    row = {"workspace": workspace.name, "git folder": path, "repository": "", "at": ""}
    return {**row, "follows": f"not seen: {reason}"}


def _follows(workspace: Workspace, folder: GitFolder) -> str:
    rule = deciding_rule(folder.path, workspace.rules)
    if not folder.manageable:
        return "nothing: the principal may not manage it"
    if rule.follow != "branch":
        return f"{rule.follow} ({rule.name})"
    return folder.branch or "nothing: it is on a tag or a commit"


@folders.command("add")
@config_option
@click.option("--workspace", required=True, help="Where to make it.")
@click.option("--repository", required=True, metavar="OWNER/NAME", help="What to clone.")
@click.option("--branch", required=True, help="The branch that it follows.")
@click.option("--sparse", multiple=True, metavar="PATTERN", help="Check out only this. Repeatable.")
@click.option("--provider", help="gitHub or gitHubEnterprise. [default: by the GitHub address]")
@click.argument("path")
def add_folder(
    config: Path | None,
    workspace: str,
    repository: str,
    branch: str,
    sparse: Sequence[str],
    provider: str | None,
    path: str,
) -> None:
    """Make a Git folder at PATH for a repository and branch, with the directories above it."""
    opened = Opened.from_settings(settings_of(config), workspace)
    key, [target] = opened.key(repository), opened.workspaces
    provider = provider or ("gitHub" if key.host == "github.com" else "gitHubEnterprise")
    access = opened.access(key)
    databricks, slot = target.databricks, target.slot(provider)
    with slot.held_by(access.holder):
        if opened.settings.workspaces[workspace].git_credential == "app":
            slot.ensure(
                databricks,
                access,
                provider=provider,
                repository=key.full_name,
                others=frozenset(),
            )
        databricks.make_directories(path.rpartition("/")[0])
        made = databricks.create_git_folder(
            path, url=opened.url(key), provider=provider, sparse_patterns=sparse
        )
        if made.branch != branch:
            databricks.update_git_folder(made.id, branch=branch)
    now = databricks.get_git_folder(made.id) or replace(made, branch=branch)
    click.echo(f"{now.path} follows {now.branch} of {key.full_name}, at {now.head_commit_id}")


@folders.command("remove")
@config_option
@click.option("--workspace", required=True, help="Where it is.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.argument("path")
def remove_folder(config: Path | None, workspace: str, yes: bool, path: str) -> None:
    """Remove the Git folder at PATH, with everything in it that was not pushed."""
    [target] = Opened.from_settings(settings_of(config), workspace).workspaces
    found = [folder for folder in _survey(target).folders if folder.path == path]
    if not found:
        raise ConfigError(f"{workspace} has no Git folder {path}: see `brickpush folders list`")
    if not yes:
        click.confirm(f"Remove {path}, and what was not pushed from it?", abort=True)
    target.databricks.delete_git_folder(found[0].id)
    click.echo(f"{path} is removed")


def _survey(workspace: Workspace) -> Survey:
    try:
        return survey(workspace.databricks, workspace.roots)
    except PromotionError as exc:
        reason, next_step = in_words(exc)
        raise PromotionError(f"{workspace.name}: {reason}; {next_step}") from exc


def _show(rows: Sequence[dict[str, str]], as_json: bool) -> None:
    """Print a table, or JSON; a pipe gets lines as long as they need to be."""
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
