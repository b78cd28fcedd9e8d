"""What a push would move in every workspace, decided as a promotion does; nothing is touched."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from github_app import names
from github_app.database import open_engine
from github_app.former_names import Leads
from github_app.github import GitHubApp
from github_app.github_tokens import Wanted
from github_app.installation import Included
from promotion.discovery import Survey, survey
from promotion.errors import PromotionError
from promotion.failures import in_words
from promotion.plan import Decision, Mapped, plan
from promotion.push import Push
from promotion.repository_url import RepositoryKey, repository_key
from promotion.workspace import Workspace

MOST_ASKED = 50  # names that GitHub is asked about
CONNECT_SECONDS = 5.0


@dataclass(frozen=True)
class Planned:
    """One workspace, with what a push would do there."""

    workspace: str
    decisions: Sequence[Decision] = ()
    not_readable: Sequence[tuple[str, str]] = ()  # path and reason
    problem: str = ""  # why nothing could be read


@dataclass(frozen=True)
class Names:
    """The names under which Git folders may hold a repository."""

    keys: Sequence[RepositoryKey]  # today's first
    notes: Sequence[str] = ()  # what could not be found out


def read(workspace: Workspace) -> Survey | str:
    """Return what is seen of a workspace, or why nothing is."""
    try:
        seen = survey(workspace.databricks, workspace.roots)
    except PromotionError as exc:
        reason, next_step = in_words(exc)
        return f"{reason}; {next_step}"
    blind = {spot.path: spot.reason for spot in seen.blind_spots}
    if not seen.folders and all(root in blind for root in workspace.roots):
        return "; ".join(f"{root}: {blind[root]}" for root in workspace.roots)
    return seen


def planned(workspace: Workspace, seen: Survey | str, push: Push, known: Names) -> Planned:
    """Return what a push would do in a workspace of which this was *seen*. Pure."""
    if isinstance(seen, str):
        return Planned(workspace.name, problem=seen)
    decisions = plan(push, Mapped(known.keys, workspace.rules), seen.folders)
    not_readable = [(spot.path, spot.reason) for spot in seen.blind_spots]
    return Planned(workspace.name, decisions, not_readable)


def names_of(
    app: GitHubApp,
    access: Leads,
    included: Included,
    database_url: str,
    urls: Iterable[str | None],
) -> Names:
    """Return today's name of a repository, and those of *urls* that lead to it.

    The service's database says which names are others', and GitHub what the rest means today: a
    former name is only good for as long as GitHub leads on from it.
    """
    today = repository_key(included.repository.url)
    if today is None:
        raise PromotionError(f"{included.repository.url} names no repository")
    number, notes = included.repository.id, []
    stored: Mapping[RepositoryKey, int] = {}
    try:
        stored = stored_names(database_url)
    except sa.exc.SQLAlchemyError as exc:
        words = str(getattr(exc, "orig", exc)).strip().partition("\n")[0]
        notes.append(f"the service's database can't be read, so only GitHub is asked: {words}")
    keys = (repository_key(url) for url in urls)
    asked = {key for key in keys if key is not None and key.host == today.host} - {today}
    asked = {key for key in asked if stored.get(key, number) == number}
    if asked - stored.keys():
        asked -= _of_others(app, included)
    ordered = sorted(asked, key=lambda key: (key not in stored, key.owner != today.owner, str(key)))
    if left := ordered[MOST_ASKED:]:
        first = ", ".join(key.full_name for key in left[:3])
        notes.append(f"GitHub was not asked about {len(left)} names of Git folders: {first} ...")
    found = [key for key in ordered[:MOST_ASKED] if _leads_to(access, key, number, notes)]
    return Names([today, *found], notes)


def _leads_to(access: Leads, key: RepositoryKey, number: int, notes: list[str]) -> bool:
    """Ask GitHub whether a name leads to the repository with this id."""
    try:
        return access.leads_to(key.full_name) == number
    except PromotionError as exc:
        notes.append(f"GitHub could not be asked where {key.full_name} leads: {exc}")
        return False


def _of_others(app: GitHubApp, included: Included) -> set[RepositoryKey]:
    """Return today's names of the installation's other repositories: they are no former ones."""
    acting = app.acting(Wanted(included.installation_id, "metadata", "read"))
    others = [each for each in acting.list_repositories() if each.id != included.repository.id]
    return {key for each in others if (key := repository_key(each.url)) is not None}


def stored_names(database_url: str) -> Mapping[RepositoryKey, int]:
    """Return every name that the service knows, with its repository; nothing is written.

    Raises SQLAlchemyError where the database can't be read.
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
            return names.by_name(reader)
    finally:
        engine.dispose()
