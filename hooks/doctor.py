"""Prove each link from this machine to the Git folders, and say what to do where one breaks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hooks.git_settings import GitSettings
from hooks.identity.candidates import Candidate, candidates
from hooks.identity.clouds import ca_path
from hooks.identity.connection import Connection
from hooks.install import installed
from hooks.pushed_commit import commit_of_clone
from hooks.settings import load_settings, settings_path
from promotion.databricks import Databricks
from promotion.discovery import survey
from promotion.errors import ApiError, PromotionError
from promotion.failures import explain
from promotion.http import Http, open_session
from promotion.repository_url import RepositoryKey, repository_key


@dataclass(frozen=True)
class Check:
    """One link: whether it holds (None: it need not), and what to do where it does not."""

    holds: bool | None
    words: str
    next_step: str = ""


def examine(environ: Mapping[str, str], directory: Path, chosen: str = "") -> Iterator[Check]:
    """Yield every check as it is done; what depends on a broken link is left out."""
    try:
        settings = load_settings(environ)
    except PromotionError as exc:
        yield Check(False, str(exc), "correct the file")
        return
    path = settings_path()
    yield Check(True, f"settings: {path}" if path.exists() else f"settings: no {path}, as is usual")
    key: RepositoryKey | None = None
    git = GitSettings(directory, environ)
    yield from _repository(git)
    with contextlib.suppress(PromotionError):
        key = commit_of_clone(git).key
    try:
        found = candidates(environ, settings, chosen)
    except PromotionError as exc:
        yield Check(False, str(exc))
        return
    for candidate in found:
        yield from _workspace(candidate, environ, key)


def _repository(git: GitSettings) -> Iterator[Check]:
    try:
        major, minor = git.version()
    except PromotionError as exc:
        yield Check(False, str(exc), "install git")
        return
    yield Check(True, f"git: {major}.{minor}")
    if git.top_level() is None:
        yield Check(None, "repository: none here, so --url and --branch are needed")
        return
    try:
        pushed = commit_of_clone(git)
    except PromotionError as exc:
        yield Check(False, f"repository: {exc}")
    else:
        words = f"{pushed.key.full_name}, {pushed.branch} at {pushed.after[:7]}"
        yield Check(True, f"repository: {words}")
    if installed(git):
        yield Check(True, "after a push: promotes by git's own hook")
    else:
        yield Check(None, "after a push: no hook of `git promote install`; pre-commit may have one")


def _workspace(
    candidate: Candidate, environ: Mapping[str, str], key: RepositoryKey | None
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
        yield from _inside(connection, http, key)
    except ApiError as exc:
        failure = explain(exc)
        yield Check(False, f"{name}: {failure.reason}", failure.next_step)
    except PromotionError as exc:
        yield Check(False, f"{name}: {exc}", "check the network between here and the workspace")


def _inside(connection: Connection, http: Http, key: RepositoryKey | None) -> Iterator[Check]:
    name, databricks = connection.name, Databricks(http)
    credentials = databricks.list_git_credentials()
    if credentials:
        told = ", ".join(f"{each.provider} ({each.username})" for each in credentials)
        yield Check(True, f"{name}: stored Git credentials: {told}")
    else:
        step = "add one in Databricks under Settings > Linked accounts, for private repositories"
        yield Check(None, f"{name}: no Git credential is stored", step)
    seen = survey(databricks, connection.roots)
    ours = [folder for folder in seen.folders if key and repository_key(folder.url) == key]
    told = f", {len(ours)} of {key.full_name}" if key else ""
    yield Check(bool(seen.folders) or None, f"{name}: {len(seen.folders)} Git folders{told}")
    for folder in ours:
        if not folder.manageable:
            step = "ask for Can Manage on this Git folder"
            yield Check(False, f"{name}: {folder.path} may not be managed", step)
    for blind in seen.blind_spots:
        yield Check(None, f"{name}: {blind.path} could not be seen: {blind.reason}")
