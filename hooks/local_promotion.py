"""Promote from a developer's machine or a CI step, in every workspace that the user names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from hooks.folder_cache import FolderCache
from hooks.identity.candidates import Candidate, candidates
from hooks.identity.clouds import ca_path
from hooks.identity.connection import Connection, NeedsLoginError, header_token
from hooks.own_variables import own_variables
from hooks.pushed_repository import PushedRepository
from hooks.run import Run
from hooks.settings import load_settings
from hooks.verdict import hosts_of, judged
from promotion.ancestry import Compare
from promotion.clock import SystemClock
from promotion.databricks import Databricks
from promotion.discovery import survey
from promotion.errors import ConfigError, PromotionError, SignInError
from promotion.failures import in_words
from promotion.git_credential import GitToken
from promotion.git_folder import GitFolder
from promotion.http import Http, open_session
from promotion.outcome import Outcome
from promotion.pace import Pace
from promotion.plan import Mapped, plan
from promotion.push import Push
from promotion.repository_url import RepositoryKey, repository_key
from promotion.workspace import Helpers, Progress, Report, Workspace, promote_and_catch_up

_Given = TypeVar("_Given")
_Got = TypeVar("_Got")


@dataclass(frozen=True)
class GivenToken:
    """A GitHub token that the environment gives, for whatever it opens."""

    token: GitToken
    holder: str = "BRICKPUSH_GIT_TOKEN"

    def mint(self, _repositories: frozenset[str]) -> GitToken:
        """Return the token: there is only this one."""
        return self.token


@dataclass(frozen=True)
class Entrance:
    """A workspace that we are signed in to, and where the Git token to store there comes from."""

    workspace: Workspace
    identity: str
    tokens: GivenToken | None = None  # None leaves the stored Git credential alone


@dataclass(frozen=True)
class Looked:
    """What was done in one workspace, and all Git folders that are known there."""

    report: Report
    folders: Sequence[GitFolder] = ()


@dataclass(frozen=True)
class Entrances:
    """Where we got in, and where not."""

    open: tuple[Entrance, ...]
    refused: tuple[tuple[Candidate, PromotionError], ...] = ()

    def run(self, carry_out: Callable[[Entrance], Looked]) -> Run:
        """Carry out something in every workspace at once, and tell about all of them."""
        looked = _each(carry_out, self.open)
        reports = tuple(each.report for each in looked)
        unreachable = tuple(
            Report(candidate.name, candidate.host, problem=str(exc), next_step="re-run later")
            for candidate, exc in self.refused
            if not isinstance(exc, SignInError | ConfigError)
        )
        refusals = [exc for _, exc in self.refused if isinstance(exc, SignInError | ConfigError)]
        steps = [exc.next_step for exc in refusals if isinstance(exc, NeedsLoginError)]
        return Run(
            identity=", ".join(dict.fromkeys(entrance.identity for entrance in self.open)),
            reports=reports + unreachable,
            problem="; ".join(dict.fromkeys(str(exc) for exc in refusals)),
            next_step=steps[0] if steps else "",
            needs_login=bool(steps),
            hosts=hosts_of(folder for each in looked for folder in each.folders),
        )


def promote_pushed(
    push: Push,
    *,
    url: str,
    environ: Mapping[str, str],
    contains: Compare,
    repository: PushedRepository | None = None,
    progress: Progress | None = None,
) -> Run:
    """Promote one push of the repository at *url*; never opens a browser, never asks anybody.

    *repository* has the names of the one at *url*, and what else is known to have the commit.
    """
    try:
        if repository is None or not repository.keys:
            behind = repository.behind if repository else ""
            repository = PushedRepository((key_of(url),), behind)
        entrances = enter(environ)
        return promote_everywhere(entrances, push, repository, contains=contains, progress=progress)
    except ConfigError as exc:
        return Run("", (), problem=str(exc))


def enter(environ: Mapping[str, str], chosen: str = "") -> Entrances:
    """Sign in to every configured workspace; raises ConfigError where none is configured."""
    environ = own_variables(environ)
    trusted = ca_path(environ)
    found = candidates(environ, load_settings(environ), chosen)

    def attempt(candidate: Candidate) -> Entrance | tuple[Candidate, PromotionError]:
        try:
            connection = candidate.sign_in()
            connection.authorization()
        except PromotionError as exc:
            return candidate, exc
        return _entrance(connection, trusted, environ)

    answers = _each(attempt, found)
    return Entrances(
        tuple(answer for answer in answers if isinstance(answer, Entrance)),
        tuple(answer for answer in answers if isinstance(answer, tuple)),
    )


def promote_everywhere(
    entrances: Entrances,
    push: Push,
    repository: PushedRepository,
    *,
    contains: Compare,
    progress: Progress | None = None,
    tried: Mapping[Workspace, Sequence[Outcome]] | None = None,
) -> Run:
    """Promote one push in every workspace that we got into; what was *tried* is not once more."""

    def carry_out(entrance: Entrance) -> Looked:
        workspace = entrance.workspace
        helpers = Helpers(
            tokens=entrance.tokens,
            contains=contains,
            progress=progress or Progress(),
            done=(tried or {}).get(workspace, ()),
        )
        report = promote_and_catch_up(aimed(push), repository.keys, workspace, helpers)
        # Where some are of this repository, it need not be known what others there are.
        alone = bool(report.problem or report.decisions)
        return Looked(report, () if alone else workspace.known.known().folders)

    return judged(entrances.run(carry_out), push, repository)


def preview(entrances: Entrances, push: Push, repository: PushedRepository) -> Run:
    """Return what a promotion would do, with the reason for every Git folder; nothing moves."""
    mapped = Mapped(repository.keys)

    def look(entrance: Entrance) -> Looked:
        workspace = entrance.workspace
        report = Report(workspace.name, workspace.host)
        try:
            seen = survey(workspace.databricks, workspace.roots)
        except PromotionError as exc:
            problem, next_step = in_words(exc)
            return Looked(replace(report, problem=problem, next_step=next_step))
        decisions = tuple(plan(aimed(push), mapped, seen.folders))
        report = replace(report, decisions=decisions, blind_spots=seen.blind_spots)
        return Looked(report, () if decisions else seen.folders)

    return judged(entrances.run(look), push, repository)


def aimed(push: Push) -> Push:
    """Return the push with something in place of a commit that is not known yet.

    An empty commit would read as a deleted branch, which moves nothing.
    """
    return push if push.after else replace(push, after="unknown")


def key_of(url: str) -> RepositoryKey:
    """Return which repository *url* means, or raise ConfigError."""
    key = repository_key(url)
    if key is None:
        raise ConfigError(f"{url!r} names no repository: give it like https://github.com/org/name")
    return key


def _entrance(connection: Connection, trusted: str | None, environ: Mapping[str, str]) -> Entrance:
    http = Http(
        connection.host,
        session=open_session(trusted),
        authorization=connection.authorization,
        pace=Pace(SystemClock()),
    )
    memory = FolderCache.of(connection.host, connection.identity, connection.roots)
    workspace = Workspace(connection.name, Databricks(http), roots=connection.roots, memory=memory)
    git_token = environ.get("BRICKPUSH_GIT_TOKEN")
    if not (git_token and connection.service_principal):
        return Entrance(workspace, connection.identity)
    header_token(git_token, source="BRICKPUSH_GIT_TOKEN")
    username = environ.get("BRICKPUSH_GIT_USERNAME") or "x-access-token"
    return Entrance(workspace, connection.identity, GivenToken(GitToken(username, git_token)))


def _each(work: Callable[[_Given], _Got], given: Sequence[_Given]) -> list[_Got]:
    """Return the work's answers in the order of what was given, one thread for each."""
    if not given:
        return []
    with ThreadPoolExecutor(len(given), "workspace") as pool:
        return list(pool.map(work, given))
