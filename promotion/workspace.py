"""Promote one push in one workspace: look, plan, hand over the token, carry out, report."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

from promotion.clock import Clock, SystemClock
from promotion.databricks import Databricks
from promotion.discovery import ROOTS, BlindSpot, survey
from promotion.errors import ApiError, PromotionError
from promotion.failures import explain
from promotion.git_credential import GitToken, store_git_credential
from promotion.git_folder import GitFolder
from promotion.outcome import Conclusion, Outcome
from promotion.pace import Pace, PacedGitFolders
from promotion.plan import Decision, Mapped, plan
from promotion.promote import Contains, Promoter, nobody_knows
from promotion.push import Push
from promotion.repository_url import RepositoryKey
from promotion.rules import Rule


@dataclass(frozen=True)
class Workspace:
    """One Azure Databricks workspace as one identity sees it."""

    name: str
    databricks: Databricks
    roots: tuple[str, ...] = ROOTS
    rules: tuple[Rule, ...] = ()
    pace: Pace = field(default_factory=lambda: Pace(SystemClock()))

    @property
    def host(self) -> str:
        return self.databricks.host


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


# Called once there is something to move; None leaves the stored Git credential alone.
TokenSource = Callable[[], GitToken | None]


def no_token() -> GitToken | None:
    """Leave the Git credential that the identity has in Databricks as it is."""
    return None


def promote_in_workspace(
    push: Push,
    repositories: Collection[RepositoryKey],
    workspace: Workspace,
    *,
    token: TokenSource = no_token,
    contains: Contains = nobody_knows,
    tags: Callable[[], Mapping[str, str]] = dict,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> Report:
    """Bring every Git folder that follows the pushed ref to the push.

    *tags* gives the repository's tags with their commits; it is asked where a tag was pushed.
    Never raises PromotionError: what stops the workspace is the report's `problem`.
    """
    progress = progress or Progress()
    try:
        seen = survey(workspace.databricks, workspace.roots)
    except PromotionError as exc:
        return _stopped(workspace, exc)
    mapped = Mapped(repositories, workspace.rules, tags() if push.tag is not None else {})
    decisions = tuple(plan(push, mapped, seen.folders))
    progress.planned(decisions)
    moving = [decision for decision in decisions if decision.moves]
    try:
        _hand_over(workspace.databricks, [decision.folder for decision in moving], token)
    except PromotionError as exc:
        outcomes = tuple(_not_tried(decision.folder, exc) for decision in moving)
        return _report(workspace, decisions, outcomes, seen.blind_spots)
    folders = PacedGitFolders(workspace.databricks, workspace.pace)
    promoter = Promoter(folders, clock or SystemClock(), contains)
    outcomes = _carry_out(promoter, moving, workspace.pace.cap, progress)
    return _report(workspace, decisions, outcomes, seen.blind_spots)


def _hand_over(databricks: Databricks, moving: Sequence[GitFolder], token: TokenSource) -> None:
    """Store the token as the Git credential of every provider among the folders that move."""
    providers = {
        folder.provider.casefold(): folder.provider for folder in moving if folder.provider
    }
    git_token = token() if providers else None
    if git_token is None:
        return
    for provider in providers.values():
        store_git_credential(databricks, provider=provider, token=git_token)


def _carry_out(
    promoter: Promoter, moving: Sequence[Decision], at_once: int, progress: Progress
) -> tuple[Outcome, ...]:
    if not moving:
        return ()
    outcomes = []
    with ThreadPoolExecutor(min(at_once, len(moving)), "promote") as pool:
        for future in as_completed([pool.submit(promoter.promote, each) for each in moving]):
            outcome = future.result()
            progress.ended(outcome)
            outcomes.append(outcome)
    return tuple(sorted(outcomes, key=lambda outcome: outcome.folder.path))


def _report(
    workspace: Workspace,
    decisions: tuple[Decision, ...],
    outcomes: tuple[Outcome, ...],
    blind_spots: tuple[BlindSpot, ...],
) -> Report:
    return Report(workspace.name, workspace.host, decisions, outcomes, blind_spots)


def _stopped(workspace: Workspace, exc: PromotionError) -> Report:
    reason, next_step = _in_words(exc)
    return Report(workspace.name, workspace.host, problem=reason, next_step=next_step)


def _not_tried(folder: GitFolder, exc: PromotionError) -> Outcome:
    reason, next_step = _in_words(exc)
    at = folder.head_commit_id
    return Outcome(
        folder, Conclusion.FAILURE, at, at, f"the Git credential was not set: {reason}", next_step
    )


def _in_words(exc: PromotionError) -> tuple[str, str]:
    if isinstance(exc, ApiError):
        failure = explain(exc)
        return failure.reason, failure.next_step
    return str(exc), "correct this, then re-run"
