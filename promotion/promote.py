"""Bring one Git folder to its destination, and read back where it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from promotion.ancestry import Ancestry, Compare, unknown_ancestry
from promotion.clock import Clock
from promotion.errors import (
    ApiError,
    BrokenAnswerError,
    CredentialError,
    PromotionError,
    TimedOutError,
    UnreachableError,
)
from promotion.failures import edits_in_the_way, explain
from promotion.model import Conclusion, GitFolder, Outcome, ended
from promotion.plan import Decision, Destination, overruled
from promotion.read_back import STALE_SECONDS, Readable, ReadBack, foreign, vanished
from promotion.rules import EVERY_FOLDER, OnConflict

WATCH_SECONDS = 600.0  # how long git may still run in Databricks after the answer was lost
FRESH_SECONDS = 1.0  # a folder read longer ago is read again directly before an update

NEXT_STEPS: dict[type[PromotionError], str] = {
    UnreachableError: "check the network between here and the workspace, then re-run",
    CredentialError: "check the GitHub App's installation and the principal, then re-run",
}


class GitFolders(Readable, Protocol):
    """The calls that a promotion needs from Databricks."""

    def update_git_folder(
        self,
        repo_id: int,
        *,
        branch: str | None,
        tag: str | None,
        discard: bool,
        git_credential_id: int | None,
        check: Callable[[], None],
    ) -> None: ...


class GitAccess(Protocol):
    """Keeps the Git credential, which every update pulls with, valid."""

    def ensure(self, folder: GitFolder) -> None:
        """Make sure, just before an update, that a valid credential is stored for its pull."""
        ...

    def renew(self, folder: GitFolder) -> bool:
        """Replace a credential that was refused; False where it must be left alone."""
        ...

    def choose(self, folder: GitFolder) -> int | None:
        """Return the id of one of several Git credentials that fit; None where none does."""
        ...


@dataclass(frozen=True)
class Promoter:
    """Brings Git folders of one workspace to their destinations; errors become outcomes."""

    folders: GitFolders
    clock: Clock
    access: GitAccess
    plan: Callable[[GitFolder], Decision | None]  # the push's plan for one Git folder
    repository: str  # the pushed one's full name
    contains: Compare = unknown_ancestry

    def promote(self, decision: Decision) -> Outcome:
        """Bring one Git folder to its destination, and read back where it is."""
        assert decision.destination is not None, "the plan moves this Git folder"
        started = self.clock.time()
        outcome = _Move(self, decision, decision.destination).run()
        rule = "" if decision.rule is EVERY_FOLDER else decision.rule.name
        return replace(outcome, seconds=self.clock.time() - started, rule=rule)


class _EndedError(Exception):
    """The promotion has ended with this outcome; raised also from within a call's check."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


@dataclass(frozen=True)
class _Remedy:
    """What a second update does differently."""

    discard: bool = False
    git_credential_id: int | None = None


class _Move:
    """The promotion of one Git folder: it is read and planned again before each update."""

    def __init__(self, to: Promoter, planned: Decision, destination: Destination) -> None:
        self._to = to
        self._planned = planned
        self._destination = destination
        self._now = planned.folder  # as it was read last; a cached one has no commit
        self._read_at = 0.0
        self._discards: tuple[GitFolder, ApiError] | None = None  # folder and error of the refusal
        self._discarded = False  # whether an update that discards may have been sent

    def run(self) -> Outcome:
        try:
            return self._bring()
        except _EndedError as exc:
            return exc.outcome
        except ApiError as exc:
            return self._refused(exc)
        except PromotionError as exc:
            return _stopped(self._now, exc)

    def _bring(self) -> Outcome:
        """Update the folder; retry once where we can remedy the refusal."""
        self._look()
        try:
            lost = self._update(_Remedy())
        except ApiError as exc:
            remedy = self._remedy(exc)
            if remedy is None:
                raise
            self._look()
            lost = self._update(remedy)
        return self._follow_up(lost)

    def _look(self) -> None:
        """Read the folder, and end its promotion where the plan no longer moves it."""
        now = self._to.folders.get_git_folder(self._now.id)
        if now is None:
            raise _EndedError(vanished(self._to.folders, self._now))
        now = replace(now, manageable=self._planned.folder.manageable)
        self._now, self._read_at = now, self._to.clock.time()
        if (outcome := self._without_update(self._to.plan(now))) is not None:
            raise _EndedError(outcome)
        if self._discards is not None and self._discards[0] != now:
            raise _EndedError(self._kept(self._discards[1], "it was changed meanwhile"))

    def _without_update(self, fresh: Decision | None) -> Outcome | None:
        """Return the outcome where no update is needed now; None where the folder moves."""
        now = self._now
        if reason := overruled(self._planned, now, fresh):
            return ended(now, Conclusion.SKIPPED, reason)
        assert fresh is not None, "a folder of another repository has ended above"
        if fresh.blocked:
            step = "correct this in the Git folder, then re-run"
            return ended(now, Conclusion.ACTION_REQUIRED, fresh.reason, step)
        if fresh.arrived:
            return ended(now, Conclusion.SUCCESS, fresh.reason)
        return self._ahead(fresh)

    def _ahead(self, fresh: Decision) -> Outcome | None:
        """Return the outcome for a folder that would go back to a lower tag; None for others."""
        head, tag, rule = self._now.head_commit_id, self._destination.tag, fresh.rule
        if tag is None or rule.back or head is None:
            return None
        ancestry = self._to.contains(head, self._destination.commit)
        if ancestry is Ancestry.LACKS:
            return None
        if ancestry is Ancestry.FOREIGN:
            return foreign(self._now, self._now, self._to.repository)
        if ancestry is Ancestry.CONTAINS:
            reason = f"is ahead of {tag}, and {rule.name} never goes back"
            return ended(self._now, Conclusion.SUCCESS, reason)
        reason = f"may be ahead of {tag}: GitHub could not compare, and {rule.name} never goes back"
        return ended(self._now, Conclusion.NEUTRAL, reason, "re-run when GitHub answers again")

    def _update(self, remedy: _Remedy) -> TimedOutError | BrokenAnswerError | None:
        """Send the update; return the error where its answer was lost."""
        self._to.access.ensure(self._now)
        self._discarded = remedy.discard
        try:
            self._to.folders.update_git_folder(
                self._now.id,
                branch=self._destination.branch,
                tag=self._destination.tag,
                discard=remedy.discard,
                git_credential_id=remedy.git_credential_id,
                check=self._look_again,
            )
        except (TimedOutError, BrokenAnswerError) as exc:
            return exc
        return None

    def _look_again(self) -> None:
        """Read the folder again where the update had to wait for a token or for the limiter."""
        if self._to.clock.time() - self._read_at <= FRESH_SECONDS:
            return
        try:
            self._look()
        except UnreachableError as exc:  # from this read: the update itself was not sent
            raise _EndedError(_stopped(self._now, exc)) from exc

    def _remedy(self, exc: ApiError) -> _Remedy | None:
        """Return what may help after a refusal; None where nothing that we may do helps."""
        access, failure = self._to.access, explain(exc)
        if self._planned.rule.on_conflict is OnConflict.DISCARD and edits_in_the_way(exc):
            self._make_sure_to_discard(exc)
            return _Remedy(discard=True)
        if failure.credential and access.renew(self._now):
            return _Remedy()
        if failure.ambiguous and (chosen := access.choose(self._now)) is not None:
            return _Remedy(git_credential_id=chosen)
        return None

    def _make_sure_to_discard(self, exc: ApiError) -> None:
        """End the promotion where the rule does not allow to delete what the folder now holds."""
        now, was = self._now, self._planned.folder
        if now.path != was.path:
            raise _EndedError(self._kept(exc, f"it was moved from {was.path} meanwhile"))
        head = now.head_commit_id
        if head and self._to.contains(head, self._destination.commit) is Ancestry.FOREIGN:
            raise _EndedError(self._kept(exc, "it holds commits that are not on GitHub, too"))
        self._discards = now, exc

    def _kept(self, exc: ApiError, why: str) -> Outcome:
        failure = explain(exc)
        reason = f"{failure.reason}; nothing was discarded: {why}"
        return ended(self._now, failure.conclusion, reason, failure.next_step)

    def _follow_up(self, lost: TimedOutError | BrokenAnswerError | None) -> Outcome:
        """Read the folder back; an update whose answer was lost may still have been made."""
        to = self._to
        back = ReadBack(
            to.folders,
            to.clock,
            to.contains,
            to.plan,
            to.repository,
            before=self._now,
            destination=self._destination,
        )
        if isinstance(lost, TimedOutError):
            return self._watch(back)
        outcome = back.read(STALE_SECONDS)
        if outcome is not None:
            return outcome
        return back.unchanged() if lost is None else _stopped(self._now, lost)

    def _watch(self, back: ReadBack) -> Outcome:
        """Read until git, which may still be running, has moved the folder; never send again."""
        try:
            outcome = back.read(WATCH_SECONDS)
        except PromotionError as exc:
            step = "re-run when the workspace answers again"
            return ended(self._now, Conclusion.TIMED_OUT, str(exc), step)
        if outcome is not None:
            return outcome
        reason = f"Databricks did not finish within {WATCH_SECONDS / 60:.0f} minutes"
        step = "re-run; a sparse Git folder is faster"
        return ended(self._now, Conclusion.TIMED_OUT, reason, step)

    def _refused(self, exc: ApiError) -> Outcome:
        failure, now = explain(exc), self._now
        if failure.conclusion is Conclusion.SKIPPED:  # "gone", which must be verified
            return self._gone()
        reason = failure.reason
        if self._discarded:
            reason = f"{reason}; its edits may have been discarded before that"
        return ended(now, failure.conclusion, reason, failure.next_step)

    def _gone(self) -> Outcome:
        """Check whether the folder is gone, as the answer to its update said."""
        try:
            self._look()
        except _EndedError as exc:
            return exc.outcome
        except PromotionError as exc:
            return _stopped(self._now, exc)
        reason = "Databricks says that the Git folder does not exist, and still shows it"
        return ended(self._now, Conclusion.FAILURE, reason, "re-run in some minutes")


def _stopped(folder: GitFolder, exc: PromotionError) -> Outcome:
    steps = (step for kind, step in NEXT_STEPS.items() if isinstance(exc, kind))
    step = next(steps, "correct this, then re-run")
    return ended(folder, Conclusion.FAILURE, str(exc), step)
