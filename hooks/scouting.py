"""Learn a branch's head from Databricks, where git may not ask the remote itself."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from hooks.local_promotion import Entrance, Entrances, Run, aimed
from promotion.clock import Clock, SystemClock
from promotion.discovery import survey
from promotion.errors import PromotionError
from promotion.git_credential import store_git_credential
from promotion.git_folder import GitFolder
from promotion.outcome import Conclusion, Outcome
from promotion.plan import Decision, Destination, Mapped, plan
from promotion.promote import STALE_SECONDS
from promotion.push import Push
from promotion.repository_url import RepositoryKey
from promotion.workspace import Report


@dataclass(frozen=True)
class Scouted:
    """A Git folder that was updated ahead of the others, and the commit that was read back."""

    host: str
    before: GitFolder
    head: str

    def told_in_run(self, run: Run) -> Run:
        """Return the run with this folder's own move: the plan found it already there."""
        return replace(run, reports=tuple(self._told_in(report) for report in run.reports))

    def _told_in(self, report: Report) -> Report:
        if report.host != self.host or self.before.head_commit_id == self.head:
            return report
        outcome = Outcome(
            self.before,
            Conclusion.SUCCESS,
            self.before.head_commit_id,
            self.head,
            f"at {self.head[:7]}",
        )
        destination = Destination(self.before.branch, None, self.head)
        moved = Decision(self.before, destination, f"follows {self.before.branch}")
        decisions = tuple(
            moved if decision.folder.id == self.before.id else decision
            for decision in report.decisions
        )
        outcomes = sorted((*report.outcomes, outcome), key=lambda each: each.folder.path)
        return replace(report, decisions=decisions, outcomes=tuple(outcomes))


def scout(
    entrances: Entrances,
    push: Push,
    keys: Collection[RepositoryKey],
    clock: Clock | None = None,
) -> Scouted | None:
    """Update one Git folder that follows the branch, and return where it is afterwards.

    The others are then promoted to that commit like to any push. None where no folder follows,
    or where none could be updated.
    """
    for entrance in entrances.open:
        try:
            seen = survey(entrance.workspace.databricks, entrance.workspace.roots)
        except PromotionError:
            continue  # the promotion meets it again, and tells
        for decision in plan(aimed(push), Mapped(keys, entrance.workspace.rules), seen.folders):
            if not decision.moves:
                continue
            head = _head_of(entrance, decision.folder, clock or SystemClock())
            if head:
                return Scouted(entrance.workspace.host, decision.folder, head)
    return None


def _head_of(entrance: Entrance, folder: GitFolder, clock: Clock) -> str | None:
    databricks = entrance.workspace.databricks
    try:
        if entrance.tokens is not None and folder.provider:
            token = entrance.tokens.token
            store_git_credential(databricks, provider=folder.provider, token=token)
        databricks.update_git_folder(folder.id, branch=folder.branch)
        # A read may be stale at first, and an unchanged head looks just like that.
        deadline = clock.time() + STALE_SECONDS
        while True:
            now = databricks.get_git_folder(folder.id)
            if now is None or now.branch != folder.branch:
                return None
            if now.head_commit_id != folder.head_commit_id or clock.time() >= deadline:
                return now.head_commit_id
            clock.sleep(0.5)
    except PromotionError:
        return None
