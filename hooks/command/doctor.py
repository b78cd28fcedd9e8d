"""Check everything between this machine and the Git folders; say how to correct what fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hooks.command.install import GitSettings, installed
from hooks.pushed.commit import PushedCommit, commit_of_clone
from hooks.pushed.repository import in_words
from hooks.system.environment_variables import own_variables
from hooks.workspaces.candidates import Candidate, candidates
from hooks.workspaces.clouds import ca_path
from hooks.workspaces.connection import Connection
from hooks.workspaces.run import Run
from hooks.workspaces.settings import load_settings, settings_path
from hooks.workspaces.verdict import hosts_of, judged
from promotion.databricks import Databricks
from promotion.discovery import scan
from promotion.errors import ApiError, PromotionError
from promotion.failures import explain
from promotion.http import Http, open_session
from promotion.model import GitFolder
from promotion.plan import PlanInput, plan
from promotion.repository_url import RepositoryKey, repository_key
from promotion.workspace import Report


@dataclass(frozen=True)
class Check:
    """The result of one check: True passed, False failed, None a warning; and the next step."""

    holds: bool | None
    words: str
    next_step: str = ""


def examine(environ: Mapping[str, str], directory: Path, chosen: str = "") -> Iterator[Check]:
    """Yield every check as it is done; leave out checks that depend on a failed one."""
    try:
        environ = own_variables(environ)
    except PromotionError as exc:
        yield Check(False, str(exc))
        return
    try:
        settings = load_settings(environ)
    except PromotionError as exc:
        yield Check(False, str(exc), "correct the file")
        return
    path = settings_path()
    yield Check(True, f"settings: {path}" if path.exists() else f"settings: no {path}, as is usual")
    git = GitSettings(directory, environ)
    pushed = _pushed(git)
    yield from _repository(git, pushed)
    try:
        found = candidates(environ, settings, chosen)
    except PromotionError as exc:
        yield Check(False, str(exc))
        return
    keys = pushed.repository.keys if isinstance(pushed, PushedCommit) else ()
    folders: list[GitFolder] = []
    broken = False
    for candidate in found:
        for check in _workspace(candidate, environ, keys, folders):
            broken = broken or check.holds is False
            yield check
    if isinstance(pushed, PushedCommit) and not broken:
        yield from _followed(pushed, folders)


def _pushed(git: GitSettings) -> PushedCommit | PromotionError:
    try:
        return commit_of_clone(git)
    except PromotionError as exc:
        return exc


def _repository(git: GitSettings, pushed: PushedCommit | PromotionError) -> Iterator[Check]:
    try:
        major, minor = git.version()
    except PromotionError as exc:
        yield Check(False, str(exc), "install git")
        return
    yield Check(True, f"git: {major}.{minor}")
    if git.top_level() is None:
        yield Check(None, "repository: none here, so --url and --branch are needed")
        return
    if isinstance(pushed, PromotionError):
        yield Check(False, f"repository: {pushed}")
    else:
        where = in_words(pushed.repository.keys)
        words = f"{pushed.push.repository}, {pushed.branch} at {pushed.push.after[:7]} ({where})"
        yield Check(not pushed.repository.behind or None, f"repository: {words}", pushed.note)
    if installed(git):
        yield Check(True, "after a push: promotes by git's own hook")
    else:
        yield Check(None, "after a push: no hook of `git promote install`; pre-commit may have one")


def _workspace(
    candidate: Candidate,
    environ: Mapping[str, str],
    keys: Sequence[RepositoryKey],
    folders: list[GitFolder],
) -> Iterator[Check]:
    name = candidate.name
    try:
        connection = candidate.sign_in()
        connection.authorization()
    except PromotionError as exc:
        yield Check(False, f"{name}: {exc}")
        return
    yield Check(True, f"{name}: {connection.host} as {connection.identity}")
    http = Http(
        connection.host,
        session=open_session(ca_path(environ)),
        authorization=connection.authorization,
    )
    try:
        yield from _inside(connection, http, keys, folders)
    except ApiError as exc:
        failure = explain(exc)
        yield Check(False, f"{name}: {failure.reason}", failure.next_step)
    except PromotionError as exc:
        yield Check(False, f"{name}: {exc}", "check the network between here and the workspace")


def _inside(
    connection: Connection, http: Http, keys: Sequence[RepositoryKey], folders: list[GitFolder]
) -> Iterator[Check]:
    """Yield the checks of one workspace, and add its Git folders to *folders*."""
    name, databricks = connection.name, Databricks(http)
    credentials = databricks.list_git_credentials()
    if credentials:
        stored = ", ".join(f"{each.provider} ({each.username})" for each in credentials)
        yield Check(True, f"{name}: stored Git credentials: {stored}")
    else:
        step = "add one in Databricks under Settings > Linked accounts, for private repositories"
        yield Check(None, f"{name}: no Git credential is stored", step)
    seen = scan(databricks, connection.roots)
    folders += seen.folders
    ours = [folder for folder in seen.folders if repository_key(folder.url) in keys]
    suffix = f", {len(ours)} of {keys[0].full_name}" if keys else ""
    yield Check(bool(seen.folders) or None, f"{name}: {len(seen.folders)} Git folders{suffix}")
    for folder in ours:
        if not folder.manageable:
            step = "ask for Can Manage on this Git folder"
            yield Check(False, f"{name}: {folder.path} may not be managed", step)
    for each in seen.unreadable:
        yield Check(None, f"{name}: {each.path} could not be read: {each.reason}")


def _followed(pushed: PushedCommit, folders: Sequence[GitFolder]) -> Iterator[Check]:
    """Yield a check where no Git folder of any workspace follows the branch."""
    decisions = tuple(plan(pushed.push, PlanInput(pushed.repository.keys), folders))
    found = Run("", (Report("", "", decisions),), hosts=hosts_of(folders))
    run = judged(found, pushed.push, pushed.repository)
    if run.problem:
        yield Check(False, run.problem, run.next_step)
    elif run.note:
        yield Check(None, run.note)
