"""Promote from a developer's machine or a CI step, in every configured workspace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from hooks.pushed.repository import PushedRepository
from hooks.system.environment_variables import own_variables
from hooks.workspaces.candidates import Candidate, candidates
from hooks.workspaces.clouds import ca_path
from hooks.workspaces.connection import Connection, NeedsLoginError, header_token
from hooks.workspaces.folder_cache import FolderCache
from hooks.workspaces.run import Run
from hooks.workspaces.settings import load_settings
from hooks.workspaces.verdict import hosts_of, judged
from promotion.ancestry import Compare
from promotion.clock import SystemClock
from promotion.databricks import Databricks
from promotion.discovery import scan
from promotion.errors import ConfigError, PromotionError, SignInError
from promotion.failures import in_words
from promotion.git_credential import GitToken
from promotion.http import Http, open_session
from promotion.model import GitFolder, Outcome, Push
from promotion.plan import PlanInput, plan
from promotion.repository_url import RepositoryKey, repository_key
from promotion.throttle import AdaptiveLimiter
from promotion.workspace import Progress, PromotionContext, Report, Workspace, promote_and_catch_up

_Given = TypeVar("_Given")
_Got = TypeVar("_Got")


@dataclass(frozen=True)
class GivenToken:
    """A GitHub token from the environment, used for every repository."""

    token: GitToken
    holder: str = "BRICKPUSH_GIT_TOKEN"

    def mint(self, _repositories: frozenset[str]) -> GitToken:
        """Return the token from the environment."""
        return self.token


@dataclass(frozen=True)
class WorkspaceSession:
    """A signed-in workspace, and the source of the Git token to store there."""

    workspace: Workspace
    identity: str
    tokens: GivenToken | None = None  # None leaves the stored Git credential alone


@dataclass(frozen=True)
class WorkspaceResult:
    """The report of one workspace, and all Git folders that are known there."""

    report: Report
    folders: Sequence[GitFolder] = ()


@dataclass(frozen=True)
class WorkspaceSessions:
    """The workspaces with a session, and those whose sign-in failed."""

    open: tuple[WorkspaceSession, ...]
    failed: tuple[tuple[Candidate, PromotionError], ...] = ()

    def run(self, carry_out: Callable[[WorkspaceSession], WorkspaceResult]) -> Run:
        """Carry out something in all workspaces concurrently, and return the result of all."""
        results = _each(carry_out, self.open)
        reports = tuple(each.report for each in results)
        unreachable = tuple(
            Report(candidate.name, candidate.host, problem=str(exc), next_step="re-run later")
            for candidate, exc in self.failed
            if not isinstance(exc, SignInError | ConfigError)
        )
        refusals = [exc for _, exc in self.failed if isinstance(exc, SignInError | ConfigError)]
        steps = [exc.next_step for exc in refusals if isinstance(exc, NeedsLoginError)]
        return Run(
            identity=", ".join(dict.fromkeys(session.identity for session in self.open)),
            reports=reports + unreachable,
            problem="; ".join(dict.fromkeys(str(exc) for exc in refusals)),
            next_step=steps[0] if steps else "",
            needs_login=bool(steps),
            hosts=hosts_of(folder for each in results for folder in each.folders),
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
    """Promote one push of the repository at *url*; never open a browser, never prompt.

    *repository* has the names of the one at *url*, and others known to have the commit.
    """
    try:
        if repository is None or not repository.keys:
            behind = repository.behind if repository else ""
            repository = PushedRepository((key_of(url),), behind)
        sessions = sign_in_everywhere(environ)
        run = promote_everywhere(
            sessions, push, repository.keys, contains=contains, progress=progress
        )
        return judged(run, push, repository)
    except ConfigError as exc:
        return Run("", (), problem=str(exc))


def sign_in_everywhere(environ: Mapping[str, str], chosen: str = "") -> WorkspaceSessions:
    """Sign in to every configured workspace; raises ConfigError where none is configured."""
    environ = own_variables(environ)
    trusted = ca_path(environ)
    found = candidates(environ, load_settings(environ), chosen)

    def attempt(candidate: Candidate) -> WorkspaceSession | tuple[Candidate, PromotionError]:
        try:
            connection = candidate.sign_in()
            connection.authorization()
        except PromotionError as exc:
            return candidate, exc
        return _session(connection, trusted, environ)

    answers = _each(attempt, found)
    return WorkspaceSessions(
        tuple(answer for answer in answers if isinstance(answer, WorkspaceSession)),
        tuple(answer for answer in answers if isinstance(answer, tuple)),
    )


def promote_everywhere(
    sessions: WorkspaceSessions,
    push: Push,
    keys: Sequence[RepositoryKey],
    *,
    contains: Compare,
    progress: Progress | None = None,
    tried: Mapping[Workspace, Sequence[Outcome]] | None = None,
) -> Run:
    """Promote one push in every workspace with a session; do not try *tried* folders again."""
    push = with_commit(push)

    def carry_out(session: WorkspaceSession) -> WorkspaceResult:
        workspace = session.workspace
        context = PromotionContext(
            tokens=session.tokens,
            contains=contains,
            progress=progress or Progress(),
            done=(tried or {}).get(workspace, ()),
        )
        report = promote_and_catch_up(push, keys, workspace, context)
        # The other repositories' folders matter only where none is of this repository.
        enough = bool(report.problem or report.decisions)
        return WorkspaceResult(report, () if enough else workspace.known.known().folders)

    return sessions.run(carry_out)


def preview(sessions: WorkspaceSessions, push: Push, keys: Sequence[RepositoryKey]) -> Run:
    """Return what a promotion would do, with the reason for every Git folder; nothing moves."""
    push, plan_input = with_commit(push), PlanInput(keys)

    def look(session: WorkspaceSession) -> WorkspaceResult:
        workspace = session.workspace
        report = Report(workspace.name, workspace.host)
        try:
            seen = scan(workspace.databricks, workspace.roots)
        except PromotionError as exc:
            problem, next_step = in_words(exc)
            return WorkspaceResult(replace(report, problem=problem, next_step=next_step))
        decisions = tuple(plan(push, plan_input, seen.folders))
        report = replace(report, decisions=decisions, unreadable=seen.unreadable)
        return WorkspaceResult(report, () if decisions else seen.folders)

    return sessions.run(look)


def with_commit(push: Push) -> Push:
    """Return the push with a placeholder for a commit that is not known yet.

    An empty commit would mean a deleted branch, which moves nothing.
    """
    return push if push.after else replace(push, after="unknown")


def key_of(url: str) -> RepositoryKey:
    """Return the repository of *url*, or raise ConfigError."""
    key = repository_key(url)
    if key is None:
        raise ConfigError(f"{url!r} names no repository: give it like https://github.com/org/name")
    return key


def _session(
    connection: Connection, trusted: str | None, environ: Mapping[str, str]
) -> WorkspaceSession:
    http = Http(
        connection.host,
        session=open_session(trusted),
        authorization=connection.authorization,
        limiter=AdaptiveLimiter(SystemClock()),
    )
    memory = FolderCache.of(connection.host, connection.identity, connection.roots)
    workspace = Workspace(connection.name, Databricks(http), roots=connection.roots, memory=memory)
    git_token = environ.get("BRICKPUSH_GIT_TOKEN")
    if not (git_token and connection.service_principal):
        return WorkspaceSession(workspace, connection.identity)
    header_token(git_token, source="BRICKPUSH_GIT_TOKEN")
    username = environ.get("BRICKPUSH_GIT_USERNAME") or "x-access-token"
    return WorkspaceSession(
        workspace, connection.identity, GivenToken(GitToken(username, git_token))
    )


def _each(work: Callable[[_Given], _Got], given: Sequence[_Given]) -> list[_Got]:
    """Return the results of *work* in the order of *given*, one thread for each."""
    if not given:
        return []
    with ThreadPoolExecutor(len(given), "workspace") as pool:
        return list(pool.map(work, given))
