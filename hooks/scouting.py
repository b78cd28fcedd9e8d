"""Learn a branch's head from Databricks, where git may not ask the remote itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hooks.local_promotion import Entrance, Entrances, aimed
from promotion.ancestry import Ancestry
from promotion.clock import Clock, SystemClock
from promotion.discovery import Survey
from promotion.errors import PromotionError
from promotion.git_folder import GitFolder
from promotion.outcome import Conclusion, Outcome, ended
from promotion.plan import Mapped, plan
from promotion.push import Push
from promotion.repository_url import RepositoryKey
from promotion.workspace import Helpers, Workspace, promote_in_workspace

UNKNOWN = ""


@dataclass(frozen=True)
class Scouted:
    """The commit that was read back from a Git folder, and what was tried to learn it."""

    head: str = UNKNOWN  # where no Git folder told it
    tried: Mapping[Workspace, Sequence[Outcome]] = field(default_factory=dict)


@dataclass(frozen=True)
class OneGitFolder:
    """A memory of one Git folder: a promotion that starts from it updates no other."""

    folder: GitFolder

    def load(self) -> Survey:
        """Return the Git folder as all that is known."""
        return Survey((self.folder,), ())

    def save(self, seen: Survey) -> None:
        """Keep nothing."""


def scout(
    entrances: Entrances,
    push: Push,
    keys: Sequence[RepositoryKey],
    clock: Clock | None = None,
) -> Scouted:
    """Update one Git folder that follows the branch, and return where it is afterwards.

    The others are then promoted to that commit like to any push. A Git folder that was tried here
    is not for the promotion to try: its update may still be under way.
    """
    tried: dict[Workspace, Sequence[Outcome]] = {}
    for entrance in entrances.open:
        outcomes = _in_workspace(entrance, aimed(push), keys, clock or SystemClock())
        tried[entrance.workspace] = outcomes
        if outcomes and outcomes[-1].conclusion is Conclusion.SUCCESS:
            return Scouted(outcomes[-1].after or UNKNOWN, tried)
    return Scouted(UNKNOWN, tried)


def _in_workspace(
    entrance: Entrance, push: Push, keys: Sequence[RepositoryKey], clock: Clock
) -> Sequence[Outcome]:
    """Try one Git folder after the other, until one tells the head."""
    workspace, outcomes = entrance.workspace, []
    try:
        seen = workspace.known.refreshed(anew=True)
    except PromotionError:
        return ()  # the promotion meets it again, and tells
    for decision in plan(push, Mapped(keys, workspace.rules), seen.folders):
        if decision.moves:
            outcomes.append(_update(entrance, push, keys, decision.folder, clock))
            # A workspace in which one update hangs may hang with the others: they go at once.
            if outcomes[-1].conclusion in (Conclusion.SUCCESS, Conclusion.TIMED_OUT):
                break
    return outcomes


def _update(
    entrance: Entrance,
    push: Push,
    keys: Sequence[RepositoryKey],
    folder: GitFolder,
    clock: Clock,
) -> Outcome:
    """Promote one Git folder to a commit that only it can tell."""

    def moved(head: str, _commit: str) -> Ancestry:
        return Ancestry.UNKNOWN if head == folder.head_commit_id else Ancestry.CONTAINS

    whole = entrance.workspace
    alone = Workspace(
        whole.name, whole.databricks, roots=(), rules=whole.rules, memory=OneGitFolder(folder)
    )
    helpers = Helpers(tokens=entrance.tokens, contains=moved, clock=clock)
    report = promote_in_workspace(push, keys, alone, helpers)
    if not report.outcomes:
        return ended(folder, Conclusion.FAILURE, report.problem, report.next_step)
    (outcome,) = report.outcomes
    return _as_told(outcome, folder.head_commit_id)


def _as_told(outcome: Outcome, head: str | None) -> Outcome:
    """Return the outcome with the words of a promotion whose commit is known, as it is now."""
    at = (outcome.after or "no commit")[:7]
    stays = outcome.after == outcome.before
    if outcome.conclusion is Conclusion.SUCCESS and not stays:
        return replace(outcome, reason=f"at {at}")
    # The update succeeded, and the folder was where it is for as long as reads may lag.
    if outcome.conclusion is Conclusion.NEUTRAL and stays and outcome.after == head:
        return replace(
            outcome, conclusion=Conclusion.SUCCESS, reason=f"already at {at}", next_step=""
        )
    if outcome.conclusion is Conclusion.SUCCESS:  # it was moved while we began
        reason = f"at {at}; whether that is the branch's head is not known"
        return replace(outcome, conclusion=Conclusion.NEUTRAL, reason=reason)
    return outcome
