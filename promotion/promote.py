"""Bring one Git folder to a pushed commit, and read back where it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from promotion.clock import Clock
from promotion.errors import ApiError, PromotionError, TimedOutError
from promotion.failures import explain
from promotion.git_folder import GitFolder
from promotion.outcome import Conclusion, Outcome
from promotion.push import Push

ATTEMPTS = 5  # PATCHes that were refused for now (429, 503), in all
STALE_SECONDS = 10.0  # how long a read may lag behind a PATCH that succeeded
WATCH_SECONDS = 600.0  # how long git may go on in Databricks after the answer was lost
MOST_WAIT_SECONDS = 60.0  # we never wait longer for one Retry-After

# Tells whether commit `head` contains commit `after`; None where nobody can say.
Contains = Callable[[str, str], bool | None]


def nobody_knows(_head: str, _after: str) -> bool | None:
    """The answer of a caller that can't ask about ancestry."""
    return None


class GitFolders(Protocol):
    """The calls that a promotion needs from Databricks."""

    def get_git_folder(self, repo_id: int) -> GitFolder | None: ...
    def update_git_folder(self, repo_id: int, *, branch: str) -> None: ...


@dataclass(frozen=True)
class Promoter:
    """Promotes Git folders of one workspace to one push."""

    push: Push
    folders: GitFolders
    clock: Clock
    contains: Contains = nobody_knows

    def promote(self, known: GitFolder) -> Outcome:
        """Bring the Git folder to the pushed commit; every ending is an outcome.

        Databricks updates a folder to the head of a branch, never to a commit, so the folder may
        already be ahead of the push by the time it is read back.
        """
        started = self.clock.time()
        outcome = self._promote(known)
        seconds = self.clock.time() - started
        return Outcome(
            outcome.folder,
            outcome.conclusion,
            outcome.before,
            outcome.after,
            outcome.reason,
            outcome.next_step,
            seconds,
        )

    def _promote(self, known: GitFolder) -> Outcome:
        branch, after = self.push.branch, self.push.after
        assert branch is not None, "the plan moves nothing for other refs"
        try:
            folder = self.folders.get_git_folder(known.id)
            if folder is None:
                return _stays(known, "it is gone")
            if folder.branch != branch:
                return _stays(folder, f"somebody checked out {folder.branch or 'a tag'} meanwhile")
            if folder.head_commit_id == after:
                return _stays(folder, f"already at {after[:7]}")
            self._update(folder, branch)
            return self._read_back(folder, STALE_SECONDS)
        except TimedOutError:
            return self._watch(known)
        except ApiError as exc:
            return _failed(known, exc)
        except PromotionError as exc:
            step = "check the network between here and the workspace, then re-run"
            return _ended(known, Conclusion.FAILURE, known.head_commit_id, str(exc), step)

    def _update(self, folder: GitFolder, branch: str) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self.folders.update_git_folder(folder.id, branch=branch)
                return
            except ApiError as exc:
                if not exc.throttled or attempt == ATTEMPTS:
                    raise
                wait = exc.retry_after if exc.retry_after is not None else 2.0 ** (attempt - 1)
                self.clock.sleep(min(wait, MOST_WAIT_SECONDS))

    def _watch(self, known: GitFolder) -> Outcome:
        """Look until git, whose answer was lost, has moved the folder; never send it again."""
        try:
            outcome = self._read_back(known, WATCH_SECONDS)
        except PromotionError as exc:
            step = "re-run when the workspace answers again"
            return _ended(known, Conclusion.TIMED_OUT, known.head_commit_id, str(exc), step)
        if outcome.conclusion is not Conclusion.FAILURE:
            return outcome
        reason = f"Databricks did not finish within {WATCH_SECONDS / 60:.0f} minutes"
        step = "re-run; a sparse Git folder is faster"
        return _ended(known, Conclusion.TIMED_OUT, outcome.after, reason, step)

    def _read_back(self, before: GitFolder, patience: float) -> Outcome:
        """Read the folder until it is at the push or past it; a read may be stale at first."""
        deadline = self.clock.time() + patience
        pause = 0.1
        while True:
            folder = self.folders.get_git_folder(before.id)
            if folder is None:
                return _stays(before, "it was deleted meanwhile")
            if folder.head_commit_id != before.head_commit_id:
                return self._judge(before, folder)
            if self.clock.time() >= deadline:
                at = (folder.head_commit_id or "no commit")[:7]
                reason = f"Databricks reported success, but the Git folder is still at {at}"
                step = "re-run; if it stays, pull in Databricks and look at what it says"
                return _ended(before, Conclusion.FAILURE, folder.head_commit_id, reason, step)
            self.clock.sleep(pause)
            pause = min(pause * 2, 5.0)

    def _judge(self, before: GitFolder, now: GitFolder) -> Outcome:
        head, after = now.head_commit_id or "", self.push.after
        if head == after:
            return _ended(before, Conclusion.SUCCESS, head, f"at {after[:7]}")
        contains = self.contains(head, after)
        if contains:
            reason = f"at {head[:7]}, which is newer and contains {after[:7]}"
            return _ended(before, Conclusion.SUCCESS, head, reason)
        if contains is None:
            reason = f"at {head[:7]}, the head of {self.push.branch}"
            return _ended(before, Conclusion.NEUTRAL, head, reason)
        reason = f"at {head[:7]}: {self.push.branch} was moved again and has lost {after[:7]}"
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
