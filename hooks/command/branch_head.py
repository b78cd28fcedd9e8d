"""Resolve a branch's head through Databricks, where git can't ask the remote itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hooks.workspaces.promote import WorkspaceSession, WorkspaceSessions, with_commit
from promotion.ancestry import Ancestry
from promotion.clock import Clock, SystemClock
from promotion.discovery import Scan
from promotion.errors import PromotionError
from promotion.model import Conclusion, GitFolder, Outcome, Push, ended
from promotion.plan import PlanInput, plan
from promotion.repository_url import RepositoryKey
from promotion.workspace import PromotionContext, Workspace, promote_in_workspace

UNKNOWN = ""


@dataclass(frozen=True)
class ResolvedHead:
    """The commit that was read back from a Git folder, and the updates tried to find it."""

    head: str = UNKNOWN  # UNKNOWN where no Git folder could be updated
    tried: Mapping[Workspace, Sequence[Outcome]] = field(default_factory=dict)


@dataclass(frozen=True)
class OneGitFolder:
    """A cache of one Git folder: a promotion that uses it updates no other."""

    folder: GitFolder

    def load(self) -> Scan:
        """Return a scan of this Git folder only."""
        return Scan((self.folder,), ())

    def save(self, seen: Scan) -> None:
        """Store nothing."""


def resolve_head(
    sessions: WorkspaceSessions,
    push: Push,
    keys: Sequence[RepositoryKey],
    clock: Clock | None = None,
) -> ResolvedHead:
    """Update one Git folder that follows the branch, and return its commit.

    The others are then promoted to that commit like to any push. The promotion does not try the
    Git folders tried here again: their updates may still be running.
    """
    tried: dict[Workspace, Sequence[Outcome]] = {}
    for session in sessions.open:
        outcomes = _in_workspace(session, with_commit(push), keys, clock or SystemClock())
        tried[session.workspace] = outcomes
        if outcomes and outcomes[-1].conclusion is Conclusion.SUCCESS:
            return ResolvedHead(outcomes[-1].after or UNKNOWN, tried)
    return ResolvedHead(UNKNOWN, tried)


def _in_workspace(
    session: WorkspaceSession, push: Push, keys: Sequence[RepositoryKey], clock: Clock
) -> Sequence[Outcome]:
    """Try one Git folder after the other, until one has the head."""
    workspace, outcomes = session.workspace, []
    try:
        seen = workspace.known.refreshed(anew=True)
    except PromotionError:
        return ()  # the promotion meets the same error, and reports it
    for decision in plan(push, PlanInput(keys, workspace.rules), seen.folders):
        if decision.moves:
            outcomes.append(_update(session, push, keys, decision.folder, clock))
            # If one update hangs, the others may too: the promotion then sends them all at once.
            if outcomes[-1].conclusion in (Conclusion.SUCCESS, Conclusion.TIMED_OUT):
                break
    return outcomes


def _update(
    session: WorkspaceSession,
    push: Push,
    keys: Sequence[RepositoryKey],
    folder: GitFolder,
    clock: Clock,
) -> Outcome:
    """Promote one Git folder to a commit that is not known yet."""

    def compare(head: str, _commit: str) -> Ancestry:
        return Ancestry.UNKNOWN if head == folder.head_commit_id else Ancestry.CONTAINS

    whole = session.workspace
    restricted = Workspace(
        whole.name, whole.databricks, roots=(), rules=whole.rules, memory=OneGitFolder(folder)
    )
    context = PromotionContext(tokens=session.tokens, contains=compare, clock=clock)
    report = promote_in_workspace(push, keys, restricted, context)
    if not report.outcomes:
        return ended(folder, Conclusion.FAILURE, report.problem, report.next_step)
    (outcome,) = report.outcomes
    return _reworded(outcome, folder.head_commit_id)


def _reworded(outcome: Outcome, head: str | None) -> Outcome:
    """Return the outcome in the words of a promotion to a known commit: it is known now."""
    at = (outcome.after or "no commit")[:7]
    unchanged = outcome.after == outcome.before
    if outcome.conclusion is Conclusion.SUCCESS and not unchanged:
        return replace(outcome, reason=f"at {at}")
    # The update succeeded, and the folder was unchanged for as long as reads may lag.
    if outcome.conclusion is Conclusion.NEUTRAL and unchanged and outcome.after == head:
        return replace(
            outcome, conclusion=Conclusion.SUCCESS, reason=f"already at {at}", next_step=""
        )
    if outcome.conclusion is Conclusion.SUCCESS:  # somebody moved it meanwhile
        reason = f"at {at}; whether that is the branch's head is not known"
        return replace(outcome, conclusion=Conclusion.NEUTRAL, reason=reason)
    return outcome
