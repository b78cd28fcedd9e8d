"""Bring one Git folder to its destination, and read back where it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from promotion.ancestry import Ancestry, Compare, nobody_knows
from promotion.clock import Clock
from promotion.errors import (
    ApiError,
    BrokenAnswerError,
    CredentialError,
    PromotionError,
    TimedOutError,
    UnreachableError,
)
from promotion.failures import explain
from promotion.git_folder import GitFolder
from promotion.outcome import Conclusion, Outcome
from promotion.plan import Decision, Destination
from promotion.rules import EVERY_FOLDER, OnConflict

STALE_SECONDS = 10.0  # how long a read may lag behind a PATCH that succeeded
WATCH_SECONDS = 600.0  # how long git may go on in Databricks after the answer was lost

NEXT_STEPS: dict[type[PromotionError], str] = {
    UnreachableError: "check the network between here and the workspace, then re-run",
    CredentialError: "check the GitHub App's installation and the principal, then re-run",
}


class GitFolders(Protocol):
    """The calls that a promotion needs from Databricks."""

    def get_git_folder(self, repo_id: int) -> GitFolder | None: ...
    def update_git_folder(
        self,
        repo_id: int,
        *,
        branch: str | None,
        tag: str | None,
        discard: bool,
        git_credential_id: int | None,
    ) -> None: ...


class GitAccess(Protocol):
    """Keeps the Git credential, which every update pulls with, as it must be."""

    def ensure(self, folder: GitFolder) -> None:
        """Make sure, just before an update, that its pull will be let in."""
        ...

    def renew(self, folder: GitFolder) -> bool:
        """Replace a credential that was refused; False where it is not ours to replace."""
        ...

    def choose(self, folder: GitFolder) -> int | None:
        """Return the id of one of several Git credentials that fit; None where none does."""
        ...


@dataclass(frozen=True)
class Promoter:
    """Brings Git folders of one workspace where a plan says; every ending is an outcome."""

    folders: GitFolders
    clock: Clock
    access: GitAccess
    contains: Compare = nobody_knows

    def promote(self, decision: Decision) -> Outcome:
        """Bring one Git folder to its destination, and read back where it is.

        Databricks updates a folder to the head of a branch, never to a commit, so the folder may
        already be ahead of the push by the time it is read back.
        """
        assert decision.destination is not None, "the plan moves this Git folder"
        started = self.clock.time()
        outcome = _Move(self, decision, decision.destination).run()
        rule = "" if decision.rule is EVERY_FOLDER else decision.rule.name
        return replace(outcome, seconds=self.clock.time() - started, rule=rule)


@dataclass(frozen=True)
class _Move:
    """One Git folder on its way."""

    to: Promoter
    decision: Decision
    destination: Destination

    def run(self) -> Outcome:
        folder = self.decision.folder
        try:
            now = self.to.folders.get_git_folder(folder.id)
            if now is None:
                return _stays(folder, "it is gone")
            folder = now  # what is remembered says nothing of the commit
            reason = self._reason_to_stay(folder)
            return _stays(folder, reason) if reason else self._bring(folder)
        except ApiError as exc:
            return _failed(folder, exc)
        except PromotionError as exc:
            return _stopped(folder, exc)

    def _bring(self, folder: GitFolder) -> Outcome:
        """Update the folder and read it back, also where only the answer was lost."""
        try:
            self._update(folder)
        except TimedOutError:
            return self._watch(folder)
        except BrokenAnswerError as exc:
            outcome = self._read_back(folder, STALE_SECONDS)
            failed = outcome.conclusion is Conclusion.FAILURE
            return _stopped(folder, exc) if failed else outcome
        return self._read_back(folder, STALE_SECONDS)

    def _reason_to_stay(self, folder: GitFolder) -> str:
        """Return why the folder is left alone after all: it may have changed since it was seen."""
        head, destination = folder.head_commit_id, self.destination
        if destination.branch is not None and folder.branch != destination.branch:
            return f"somebody checked out {folder.branch or 'a tag'} meanwhile"
        if head == destination.commit:
            return f"already at {destination.commit[:7]}"
        goes_back = destination.tag is not None and not self.decision.rule.back
        if goes_back and head and self._contains(head):
            return f"is ahead of {destination.tag}, and {self.decision.rule.name} never goes back"
        return ""

    def _update(self, folder: GitFolder) -> None:
        """Update the folder, once more where the cure for a refusal is in our hands."""
        try:
            self._send(folder, discard=False)
        except ApiError as exc:
            failure = explain(exc)
            discards = self.decision.rule.on_conflict is OnConflict.DISCARD
            if failure.conclusion is Conclusion.ACTION_REQUIRED and discards:
                self._send(folder, discard=True)
            elif failure.credential and self.to.access.renew(folder):
                self._send(folder, discard=False)
            elif failure.ambiguous and (chosen := self.to.access.choose(folder)) is not None:
                self._send(folder, discard=False, git_credential_id=chosen)
            else:
                raise

    def _send(
        self, folder: GitFolder, *, discard: bool, git_credential_id: int | None = None
    ) -> None:
        self.to.access.ensure(folder)
        self.to.folders.update_git_folder(
            folder.id,
            branch=self.destination.branch,
            tag=self.destination.tag,
            discard=discard,
            git_credential_id=git_credential_id,
        )

    def _watch(self, folder: GitFolder) -> Outcome:
        """Look until git, which is still at it, has moved the folder; never send it again."""
        try:
            outcome = self._read_back(folder, WATCH_SECONDS)
        except PromotionError as exc:
            step = "re-run when the workspace answers again"
            return _ended(folder, Conclusion.TIMED_OUT, folder.head_commit_id, str(exc), step)
        if outcome.conclusion is not Conclusion.FAILURE:
            return outcome
        reason = f"Databricks did not finish within {WATCH_SECONDS / 60:.0f} minutes"
        step = "re-run; a sparse Git folder is faster"
        return _ended(folder, Conclusion.TIMED_OUT, outcome.after, reason, step)

    def _read_back(self, before: GitFolder, patience: float) -> Outcome:
        """Read the folder until it has moved; a read may be stale at first."""
        clock, commit = self.to.clock, self.destination.commit
        deadline = clock.time() + patience
        pause, asked = 0.1, False
        while True:
            folder = self.to.folders.get_git_folder(before.id)
            if folder is None:
                return _stays(before, "it was deleted meanwhile")
            if folder.head_commit_id != before.head_commit_id:
                return self._judge(before, folder)
            if not asked and self._contains(before.head_commit_id or ""):
                return _stays(before, f"already past {commit[:7]}")
            asked = True
            if clock.time() >= deadline:
                at = (folder.head_commit_id or "no commit")[:7]
                reason = f"Databricks reported success, but the Git folder is still at {at}"
                step = "re-run; if it stays, pull in Databricks and look at what it says"
                return _ended(before, Conclusion.FAILURE, folder.head_commit_id, reason, step)
            clock.sleep(pause)
            pause = min(pause * 2, 5.0)

    def _contains(self, head: str) -> bool:
        return self.to.contains(head, self.destination.commit) is Ancestry.CONTAINS

    def _judge(self, before: GitFolder, now: GitFolder) -> Outcome:
        head, commit = now.head_commit_id or "", self.destination.commit
        if head == commit:
            return _ended(before, Conclusion.SUCCESS, head, f"at {commit[:7]}")
        ancestry = self.to.contains(head, commit)
        if ancestry is Ancestry.CONTAINS:
            reason = f"at {head[:7]}, which is newer and contains {commit[:7]}"
            return _ended(before, Conclusion.SUCCESS, head, reason)
        name = self.destination.name
        if ancestry is Ancestry.UNKNOWN:
            return _ended(before, Conclusion.NEUTRAL, head, f"at {head[:7]}, the head of {name}")
        reason = f"at {head[:7]}: {name} was moved again and has lost {commit[:7]}"
        return _ended(before, Conclusion.NEUTRAL, head, reason)


def _ended(
    folder: GitFolder, conclusion: Conclusion, after: str | None, reason: str, next_step: str = ""
) -> Outcome:
    return Outcome(folder, conclusion, folder.head_commit_id, after, reason, next_step)


def _stays(folder: GitFolder, reason: str) -> Outcome:
    return _ended(folder, Conclusion.SKIPPED, folder.head_commit_id, reason)


def _failed(folder: GitFolder, exc: ApiError) -> Outcome:
    failure = explain(exc)
    at = folder.head_commit_id
    return _ended(folder, failure.conclusion, at, failure.reason, failure.next_step)


def _stopped(folder: GitFolder, exc: PromotionError) -> Outcome:
    steps = (step for kind, step in NEXT_STEPS.items() if isinstance(exc, kind))
    step = next(steps, "correct this, then re-run")
    return _ended(folder, Conclusion.FAILURE, folder.head_commit_id, str(exc), step)
