"""Plan a push in every workspace with the rules of a promotion. Read-only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from github_app.github.app import GitHubApp
from github_app.github.installation import Included
from github_app.github.tokens import TokenRequest
from github_app.storage import repository_names
from github_app.storage.database import open_engine
from github_app.worker.former_names import Leads
from promotion.discovery import Scan, scan
from promotion.errors import PromotionError
from promotion.failures import in_words
from promotion.model import Push
from promotion.plan import Decision, PlanInput, plan
from promotion.repository_url import RepositoryKey, repository_key
from promotion.workspace import Workspace

MOST_ASKED = 50  # names looked up at GitHub
CONNECT_SECONDS = 5.0


@dataclass(frozen=True)
class Planned:
    """The effect of a push in one workspace."""

    workspace: str
    decisions: Sequence[Decision] = ()
    not_readable: Sequence[tuple[str, str]] = ()  # path and reason
    problem: str = ""  # why nothing could be read


@dataclass(frozen=True)
class Names:
    """The names under which Git folders may hold a repository."""

    keys: Sequence[RepositoryKey]  # the current one first
    notes: Sequence[str] = ()  # what could not be looked up


def read(workspace: Workspace) -> Scan | str:
    """Scan a workspace; return the reason if nothing is readable."""
    try:
        seen = scan(workspace.databricks, workspace.roots)
    except PromotionError as exc:
        reason, next_step = in_words(exc)
        return f"{reason}; {next_step}"
    unreadable = {each.path: each.reason for each in seen.unreadable}
    if not seen.folders and all(root in unreadable for root in workspace.roots):
        return "; ".join(f"{root}: {unreadable[root]}" for root in workspace.roots)
    return seen


def planned(workspace: Workspace, seen: Scan | str, push: Push, known: Names) -> Planned:
    """Return the effect of a push in a workspace with this scan. Pure."""
    if isinstance(seen, str):
        return Planned(workspace.name, problem=seen)
    decisions = plan(push, PlanInput(known.keys, workspace.rules), seen.folders)
    not_readable = [(each.path, each.reason) for each in seen.unreadable]
    return Planned(workspace.name, decisions, not_readable)


def names_of(
    app: GitHubApp,
    access: Leads,
    included: Included,
    database_url: str,
    urls: Iterable[str | None],
) -> Names:
    """Return a repository's current name, and the names in *urls* that resolve to it.

    The service's database knows names of other repositories; GitHub resolves the rest. A former
    name is valid only as long as GitHub redirects from it.
    """
    current = repository_key(included.repository.url)
    if current is None:
        raise PromotionError(f"{included.repository.url} is not a repository")
    number, notes = included.repository.id, []
    stored: Mapping[RepositoryKey, int] = {}
    try:
        stored = stored_names(database_url)
    except sa.exc.SQLAlchemyError as exc:
        words = str(getattr(exc, "orig", exc)).strip().partition("\n")[0]
        notes.append(f"the service's database can't be read, so only GitHub is asked: {words}")
    keys = (repository_key(url) for url in urls)
    asked = {key for key in keys if key is not None and key.host == current.host} - {current}
    asked = {key for key in asked if stored.get(key, number) == number}
    if asked - stored.keys():
        asked -= _of_others(app, included)
    ordered = sorted(
        asked, key=lambda key: (key not in stored, key.owner != current.owner, str(key))
    )
    if left := ordered[MOST_ASKED:]:
        first = ", ".join(key.full_name for key in left[:3])
        notes.append(f"GitHub was not asked about {len(left)} names of Git folders: {first} ...")
    found = [key for key in ordered[:MOST_ASKED] if _leads_to(access, key, number, notes)]
    return Names([current, *found], notes)


def _leads_to(access: Leads, key: RepositoryKey, number: int, notes: list[str]) -> bool:
    """Ask GitHub whether a name resolves to the repository with this id."""
    try:
        return access.leads_to(key.full_name) == number
    except PromotionError as exc:
        notes.append(f"GitHub could not be asked which repository {key.full_name} is: {exc}")
        return False


def _of_others(app: GitHubApp, included: Included) -> set[RepositoryKey]:
    """Return current names of the installation's other repositories, which are not former ones."""
    acting = app.acting(TokenRequest(included.installation_id, "metadata", "read"))
    others = [each for each in acting.list_repositories() if each.id != included.repository.id]
    return {key for each in others if (key := repository_key(each.url)) is not None}


def stored_names(database_url: str) -> Mapping[RepositoryKey, int]:
    """Return every name that the service has stored, with its repository. Read-only.

    Raises SQLAlchemyError if the database can't be read.
    """
    url = sa.make_url(database_url)
    if url.get_backend_name() != "sqlite":
        engine = open_engine(database_url, lock_wait_seconds=CONNECT_SECONDS)
        options = {"postgresql_readonly": True}
    elif not Path(str(url.database)).exists():
        return {}  # the service has never run here
    else:
        source, options = f"{Path(str(url.database)).absolute().as_uri()}?mode=ro", {}
        engine = sa.create_engine(
            "sqlite://", creator=lambda: sqlite3.connect(source, uri=True), poolclass=sa.NullPool
        )
    try:
        with engine.connect().execution_options(**options) as reader:
            return repository_names.by_name(reader)
    finally:
        engine.dispose()
