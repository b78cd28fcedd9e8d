"""Promote one push in one workspace: look, plan, hand over the token, carry out, report."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import partial

from promotion.ancestry import AskedOnce, Compare, nobody_knows
from promotion.clock import Clock, SystemClock
from promotion.credential_slot import CredentialSlot, TokenSource
from promotion.databricks import Databricks
from promotion.discovery import ROOTS, BlindSpot, Survey, survey
from promotion.errors import CredentialError, PromotionError
from promotion.failures import in_words
from promotion.git_credential import find_git_credential
from promotion.git_folder import GitFolder
from promotion.known_folders import KnownFolders, Memory, NoMemory
from promotion.outcome import Outcome
from promotion.pace import CAP
from promotion.plan import Decision, Mapped, decide, plan
from promotion.promote import Promoter
from promotion.push import Push
from promotion.repository_url import RepositoryKey, repository_key
from promotion.rules import Rule
from promotion.slot_keeper import Keepers, in_one_process


class Workspace:
    """One Azure Databricks workspace as one identity sees it; one object a process."""

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
        keeper: Keepers = in_one_process,
    ) -> None:
        """*keeper* returns who keeps the identity's credential slot for a provider."""
        self.name = name
        self.databricks = databricks
        self.roots = tuple(roots)
        self.rules = tuple(rules)
        self.at_once = at_once  # Git folders
        self.known = KnownFolders(self._survey, memory or NoMemory(), now)
        self.seconds: dict[int, float] = {}  # how long each Git folder took the last time
        self._slots: dict[str, CredentialSlot] = {}
        self._now, self._keeper = now, keeper

    @property
    def host(self) -> str:
        return self.databricks.host

    def slot(self, provider: str) -> CredentialSlot:
        """Return the identity's credential slot for a provider, whatever its case."""
        key = provider.casefold()
        if key not in self._slots:
            # Two threads may both come here; the first one's stays.
            self._slots.setdefault(key, CredentialSlot(self._now, self._keeper(key)))
        return self._slots[key]

    def _survey(self) -> Survey:
        return survey(self.databricks, self.roots)


@dataclass(frozen=True)
class Report:
    """What became of one push in one workspace."""

    workspace: str
    host: str
    decisions: tuple[Decision, ...] = ()  # every Git folder of the repository
    outcomes: tuple[Outcome, ...] = ()  # one for each that moves, by path
    blind_spots: tuple[BlindSpot, ...] = ()
    problem: str = ""  # what stopped the whole workspace
    next_step: str = ""


class Progress:
    """Told what happens, as it happens, from several threads; does nothing by itself."""

    def planned(self, decisions: Sequence[Decision]) -> None:
        """Every Git folder of the repository, before anything moves."""

    def ended(self, outcome: Outcome) -> None:
        """One Git folder is done with."""


@dataclass(frozen=True)
class Helpers:
    """What a door gives to a promotion; without them it does with less."""

    tokens: TokenSource | None = None  # None leaves the stored Git credential alone
    contains: Compare = nobody_knows
    tags: Callable[[], Mapping[str, str]] = dict  # asked for where a tag was pushed
    progress: Progress = field(default_factory=Progress)
    clock: Clock = field(default_factory=SystemClock)
    done: Sequence[Outcome] = ()  # of Git folders that were updated already: not once more


def promote_in_workspace(
    push: Push,
    repositories: Sequence[RepositoryKey],
    workspace: Workspace,
    helpers: Helpers | None = None,
) -> Report:
    """Bring every known Git folder that follows the pushed ref to the push.

    *repositories* are the names under which the pushed repository is known, today's first.
    Known folders are remembered; a refresh runs beside the work, and what it finds is told to
    the workspace's memory. Never raises PromotionError: what stops the workspace is the report's
    `problem`.
    """
    helpers = helpers or Helpers()
    nothing = Report(workspace.name, workspace.host, outcomes=tuple(helpers.done))
    try:
        seen = workspace.known.known()
        workspace.known.refresh_beside()
        return _promote(push, repositories, workspace, helpers, seen, nothing)
    except PromotionError as exc:
        reason, next_step = in_words(exc)
        return replace(nothing, problem=reason, next_step=next_step)


def promote_and_catch_up(
    push: Push,
    repositories: Sequence[RepositoryKey],
    workspace: Workspace,
    helpers: Helpers | None = None,
) -> Report:
    """Do the same, then wait for the refresh and promote what it has found besides.

    For a process that ends afterwards; the service has a memory that owes what appears.
    """
    helpers = helpers or Helpers()
    report = promote_in_workspace(push, repositories, workspace, helpers)
    if report.problem:
        return report
    if workspace.known.settle():
        seen = workspace.known.known()
        return _promote(push, repositories, workspace, helpers, seen, report)
    if workspace.known.problem is None:
        return report
    reason, next_step = in_words(workspace.known.problem)
    if not report.outcomes:  # then nothing at all was read of this workspace
        return replace(report, problem=reason, next_step=next_step)
    spot = BlindSpot("/", f"it could not be searched for Git folders: {reason}")
    return replace(report, blind_spots=(*report.blind_spots, spot))


def _promote(
    push: Push,
    repositories: Sequence[RepositoryKey],
    workspace: Workspace,
    helpers: Helpers,
    seen: Survey,
    before: Report,
) -> Report:
    """Carry out what *before* has not yet; return the report of both."""
    tags = helpers.tags() if push.tag is not None else {}
    mapped = Mapped(repositories, workspace.rules, tags)
    decisions = tuple(plan(push, mapped, seen.folders))
    tried = {outcome.folder.id for outcome in before.outcomes}
    fresh = [decision for decision in decisions if decision.folder.id not in tried]
    helpers.progress.planned(fresh)
    access = _Access(workspace, helpers.tokens, repositories, seen.folders)
    promoter = Promoter(
        workspace.databricks,
        helpers.clock,
        access,
        partial(decide, push, mapped),
        push.repository,
        AskedOnce(helpers.contains),
    )
    outcomes = [*before.outcomes, *_carry_out(fresh, workspace, access, promoter, helpers)]
    ordered = tuple(sorted(outcomes, key=lambda outcome: outcome.folder.path))
    return replace(before, decisions=decisions, outcomes=ordered, blind_spots=seen.blind_spots)


class _Access:
    """The Git credential that one push's pulls need."""

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
        """Hold the slots of *providers*; always in one order, so that nobody waits in a ring."""
        with contextlib.ExitStack() as stack:
            if self._tokens is not None:
                for provider in sorted(providers):
                    slot = self._workspace.slot(provider)
                    stack.enter_context(slot.held_by(self._tokens.holder))
            yield

    def ensure(self, folder: GitFolder) -> None:
        """Make sure that the folder's pull is let in; what failed once is not tried again."""
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
        """Have a new token stored: it was not known everywhere yet, or somebody replaced it."""
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
    access: _Access,
    promoter: Promoter,
    helpers: Helpers,
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
            helpers.progress.ended(outcome)
            outcomes.append(outcome)
    return outcomes
