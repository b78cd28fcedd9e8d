"""Promote from a developer's machine or a CI step, in every workspace that the user names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from hooks.folder_cache import FolderCache
from hooks.identity.candidates import Candidate, candidates
from hooks.identity.clouds import ca_path
from hooks.identity.connection import Connection, NeedsLoginError
from hooks.settings import load_settings
from promotion.ancestry import Compare
from promotion.clock import SystemClock
from promotion.databricks import Databricks
from promotion.discovery import survey
from promotion.errors import ConfigError, PromotionError, SignInError
from promotion.failures import in_words
from promotion.git_credential import GitToken
from promotion.http import Http, open_session
from promotion.outcome import Conclusion
from promotion.pace import Pace
from promotion.plan import Mapped, plan
from promotion.push import Push
from promotion.repository_url import RepositoryKey, repository_key
from promotion.workspace import Helpers, Progress, Report, Workspace, promote_and_catch_up

_Given = TypeVar("_Given")
_Got = TypeVar("_Got")

FAILED = {
    Conclusion.FAILURE,
    Conclusion.TIMED_OUT,
    Conclusion.ACTION_REQUIRED,
    Conclusion.CANCELLED,
}


@dataclass(frozen=True)
class Run:
    """What became of one push, in every workspace."""

    identity: str  # who promoted, in words
    reports: tuple[Report, ...]
    problem: str = ""  # what kept us out of a workspace: settings, or a sign-in
    next_step: str = ""
    needs_login: bool = False

    @property
    def failed(self) -> bool:
        """Whether some Git folder or workspace is not where it should be."""
        return any(
            report.problem or any(outcome.conclusion in FAILED for outcome in report.outcomes)
            for report in self.reports
        )


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
class Entrances:
    """Where we got in, and where not."""

    open: tuple[Entrance, ...]
    refused: tuple[tuple[Candidate, PromotionError], ...] = ()

    def run(self, carry_out: Callable[[Entrance], Report]) -> Run:
        """Carry out something in every workspace at once, and tell about all of them."""
        reports = tuple(_each(carry_out, self.open))
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
        )


def promote_pushed(
    push: Push,
    *,
    url: str,
    environ: Mapping[str, str],
    contains: Compare,
    progress: Progress | None = None,
) -> Run:
    """Promote one push of the repository at *url*; never opens a browser, never asks anybody."""
    try:
        entrances = enter(environ)
        return promote_everywhere(entrances, push, url, contains=contains, progress=progress)
    except ConfigError as exc:
        return Run("", (), problem=str(exc))


def enter(environ: Mapping[str, str], chosen: str = "") -> Entrances:
    """Sign in to every configured workspace; raises ConfigError where none is configured."""
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
    url: str,
    *,
    contains: Compare,
    progress: Progress | None = None,
) -> Run:
    """Promote one push in every workspace that we got into."""
    keys = [key_of(url)]
    push = aimed(push)

    def carry_out(entrance: Entrance) -> Report:
        helpers = Helpers(
            tokens=entrance.tokens, contains=contains, progress=progress or Progress()
        )
        return promote_and_catch_up(push, keys, entrance.workspace, helpers)

    return entrances.run(carry_out)


def preview(entrances: Entrances, push: Push, url: str) -> Run:
    """Return what a promotion would do, with the reason for every Git folder; nothing moves."""
    mapped = Mapped((key_of(url),))
    push = aimed(push)

    def look(entrance: Entrance) -> Report:
        workspace = entrance.workspace
        try:
            seen = survey(workspace.databricks, workspace.roots)
        except PromotionError as exc:
            problem, next_step = in_words(exc)
            return Report(workspace.name, workspace.host, problem=problem, next_step=next_step)
        decisions = tuple(plan(push, mapped, seen.folders))
        return Report(workspace.name, workspace.host, decisions, (), seen.blind_spots)

    return entrances.run(look)


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
    username = environ.get("BRICKPUSH_GIT_USERNAME") or "x-access-token"
    return Entrance(workspace, connection.identity, GivenToken(GitToken(username, git_token)))


def _each(work: Callable[[_Given], _Got], given: Sequence[_Given]) -> list[_Got]:
    """Return the work's answers in the order of what was given, one thread for each."""
    if not given:
        return []
    with ThreadPoolExecutor(len(given), "workspace") as pool:
        return list(pool.map(work, given))
