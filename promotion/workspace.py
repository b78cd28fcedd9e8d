"""Promote one push in one workspace: plan, store the Git credential, promote, report."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import partial

from promotion.ancestry import CachedCompare, Compare, unknown_ancestry
from promotion.clock import Clock, SystemClock
from promotion.credential_lock import CredentialLocks, in_one_process
from promotion.credential_slot import CredentialSlot, TokenSource
from promotion.databricks import Databricks
from promotion.discovery import ROOTS, Scan, UnreadablePath, scan
from promotion.errors import CredentialError, PromotionError
from promotion.failures import in_words
from promotion.git_credential import find_git_credential
from promotion.known_folders import KnownFolders, Memory, NoMemory
from promotion.model import GitFolder, Outcome, Push
from promotion.plan import Decision, PlanInput, decide, plan
from promotion.promote import Promoter
from promotion.repository_url import RepositoryKey, repository_key
from promotion.rules import Rule
from promotion.throttle import CAP


class Workspace:
    """One Azure Databricks workspace as one identity sees it; one object for each process."""

    def __init__(
        self,
        name: str,
        databricks: Databricks,
        *,
        roots: Sequence[str] = ROOTS,
        rules: Sequence[Rule] = (),
        at_once: int = CAP,
        memory: Memory | None = None,
        now: Callable[[], float] = time.time,
        lock: CredentialLocks = in_one_process,
    ) -> None:
        """*lock* returns the lock of the identity's credential slot for a provider."""
        self.name = name
        self.databricks = databricks
        self.roots = tuple(roots)
        self.rules = tuple(rules)
        self.at_once = at_once  # Git folders
        self.known = KnownFolders(self._scan, memory or NoMemory(), now)
        self.seconds: dict[int, float] = {}  # the duration of each Git folder's last promotion
        self._slots: dict[str, CredentialSlot] = {}
        self._now, self._credential_lock = now, lock

    @property
    def host(self) -> str:
        return self.databricks.host

    def slot(self, provider: str) -> CredentialSlot:
        """Return the identity's credential slot for a provider, whatever its case."""
        key = provider.casefold()
        if key not in self._slots:
            # Two threads may both get here; setdefault keeps the first one's slot.
            self._slots.setdefault(key, CredentialSlot(self._now, self._credential_lock(key)))
        return self._slots[key]

    def _scan(self) -> Scan:
        return scan(self.databricks, self.roots)


@dataclass(frozen=True)
class Report:
    """The result of one push in one workspace."""

    workspace: str
    host: str
    decisions: tuple[Decision, ...] = ()  # every Git folder of the repository
    outcomes: tuple[Outcome, ...] = ()  # one for each that moves, by path
    unreadable: tuple[UnreadablePath, ...] = ()
    problem: str = ""  # what stopped the whole workspace
    next_step: str = ""


class Progress:
    """Receives the events of a promotion, from several threads; this base class ignores them."""

    def planned(self, decisions: Sequence[Decision]) -> None:
        """Called with the decision for every Git folder, before anything moves."""

    def ended(self, outcome: Outcome) -> None:
        """Called when the promotion of one Git folder has ended."""


@dataclass(frozen=True)
class PromotionContext:
    """What the hook or the GitHub App provides to a promotion; all of it is optional."""

    tokens: TokenSource | None = None  # None leaves the stored Git credential alone
    contains: Compare = unknown_ancestry
    tags: Callable[[], Mapping[str, str]] = dict  # called where a tag was pushed
    progress: Progress = field(default_factory=Progress)
    clock: Clock = field(default_factory=SystemClock)
    done: Sequence[Outcome] = ()  # of Git folders that were tried already and are not tried again


def promote_in_workspace(
    push: Push,
    repositories: Sequence[RepositoryKey],
    workspace: Workspace,
    context: PromotionContext | None = None,
) -> Report:
    """Bring every known Git folder that follows the pushed ref to the push.

    *repositories* are the names of the pushed repository, the present one first. The known Git
    folders are cached; a refresh runs in the background, and its result is saved to the
    workspace's cache. Never raises PromotionError: what stops the workspace is the report's
    `problem`.
    """
    context = context or PromotionContext()
    nothing = Report(workspace.name, workspace.host, outcomes=tuple(context.done))
    try:
        seen = workspace.known.known()
        workspace.known.refresh_beside()
        return _promote(push, repositories, workspace, context, seen, nothing)
    except PromotionError as exc:
        reason, next_step = in_words(exc)
        return replace(nothing, problem=reason, next_step=next_step)


def promote_and_catch_up(
    push: Push,
    repositories: Sequence[RepositoryKey],
    workspace: Workspace,
    context: PromotionContext | None = None,
) -> Report:
    """Do the same, then wait for the refresh and promote the new Git folders that it found.

    For a process that ends afterwards; the service marks the branches of new ones pending.
    """
    context = context or PromotionContext()
    report = promote_in_workspace(push, repositories, workspace, context)
    if report.problem:
        return report
    if workspace.known.settle():
        seen = workspace.known.known()
        return _promote(push, repositories, workspace, context, seen, report)
    if workspace.known.problem is None:
        return report
    reason, next_step = in_words(workspace.known.problem)
    if not report.outcomes:  # then nothing was read in this workspace
        return replace(report, problem=reason, next_step=next_step)
    root = UnreadablePath("/", f"it could not be searched for Git folders: {reason}")
    return replace(report, unreadable=(*report.unreadable, root))


def _promote(
    push: Push,
    repositories: Sequence[RepositoryKey],
    workspace: Workspace,
    context: PromotionContext,
    seen: Scan,
    before: Report,
) -> Report:
    """Promote what *before* has not tried; return the report of both."""
    tags = context.tags() if push.tag is not None else {}
    plan_input = PlanInput(repositories, workspace.rules, tags)
    decisions = tuple(plan(push, plan_input, seen.folders))
    tried = {outcome.folder.id for outcome in before.outcomes}
    fresh = [decision for decision in decisions if decision.folder.id not in tried]
    context.progress.planned(fresh)
    access = _CredentialAccess(workspace, context.tokens, repositories, seen.folders)
    promoter = Promoter(
        workspace.databricks,
        context.clock,
        access,
        partial(decide, push, plan_input),
        push.repository,
        CachedCompare(context.contains),
    )
    outcomes = [*before.outcomes, *_carry_out(fresh, workspace, access, promoter, context)]
    ordered = tuple(sorted(outcomes, key=lambda outcome: outcome.folder.path))
    return replace(before, decisions=decisions, outcomes=ordered, unreadable=seen.unreadable)


class _CredentialAccess:
    """The Git credential that the pulls of one push need."""

    def __init__(
        self,
        workspace: Workspace,
        tokens: TokenSource | None,
        repositories: Sequence[RepositoryKey],
        folders: Sequence[GitFolder],
    ) -> None:
        self._workspace = workspace
        self._tokens = tokens
        self._repository = repositories[0].full_name
        self._others = _neighbours(repositories, folders)
        self._failure: PromotionError | None = None
        self._numbers: dict[int, int] = {}  # the credential that each Git folder pulled with first

    @contextlib.contextmanager
    def held(self, providers: Collection[str]) -> Iterator[None]:
        """Hold the slots of *providers*, always in the same order, so that there is no deadlock."""
        with contextlib.ExitStack() as stack:
            if self._tokens is not None:
                for provider in sorted(providers):
                    slot = self._workspace.slot(provider)
                    stack.enter_context(slot.held_by(self._tokens.holder))
            yield

    def ensure(self, folder: GitFolder) -> None:
        """Make sure that the folder's pull has a credential; do not retry after a failure."""
        if self._failure is not None:
            raise self._failure
        if self._tokens is None or folder.provider is None:
            return
        try:
            number = self._workspace.slot(folder.provider).ensure(
                self._workspace.databricks,
                self._tokens,
                provider=folder.provider,
                repository=self._repository,
                others=self._others,
            )
            self._numbers.setdefault(folder.id, number)
        except PromotionError as exc:
            reason, _ = in_words(exc)
            self._failure = CredentialError(f"the Git credential could not be set: {reason}")
            raise self._failure from exc

    def renew(self, folder: GitFolder) -> bool:
        """Store a new token at the next update: GitHub refused the one that is stored.

        A new token may not be valid on all of GitHub's servers yet, or somebody replaced it.
        """
        if self._tokens is None or folder.provider is None:
            return False
        self._workspace.slot(folder.provider).forget(self._numbers[folder.id])
        return True

    def choose(self, folder: GitFolder) -> int | None:
        """Return the id of a Git credential for the folder's provider, where there is one."""
        if folder.provider is None:
            return None
        found = find_git_credential(self._workspace.databricks, folder.provider)
        return found.id if found is not None else None


def _neighbours(
    repositories: Collection[RepositoryKey], folders: Sequence[GitFolder]
) -> frozenset[str]:
    """Return the repositories of the same hosts that have Git folders in the workspace."""
    hosts = {key.host for key in repositories}
    keys = (repository_key(folder.url) for folder in folders)
    return frozenset(key.full_name for key in keys if key is not None and key.host in hosts)


def _carry_out(
    decisions: Sequence[Decision],
    workspace: Workspace,
    access: _CredentialAccess,
    promoter: Promoter,
    context: PromotionContext,
) -> list[Outcome]:
    moving = [decision for decision in decisions if decision.moves]
    if not moving:
        return []
    # The slowest first, so that none of them begins when all others have ended.
    moving.sort(key=lambda each: -workspace.seconds.get(each.folder.id, 0.0))
    providers = {(decision.folder.provider or "").casefold() for decision in moving}
    outcomes = []
    at_once = min(workspace.at_once, len(moving))
    with access.held(providers), ThreadPoolExecutor(at_once, "promote") as pool:
        for future in as_completed([pool.submit(promoter.promote, each) for each in moving]):
            outcome = future.result()
            workspace.seconds[outcome.folder.id] = outcome.seconds
            context.progress.ended(outcome)
            outcomes.append(outcome)
    return outcomes
