"""Read a Git folder back after its update, and determine the outcome.

Databricks updates a folder to the head of a branch, never to a commit, so the folder may be
ahead of the push by the time it is read back. A read may also return an older state for a while.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from promotion.ancestry import Ancestry, Compare
from promotion.clock import Clock
from promotion.databricks import WorkspaceObject
from promotion.errors import ApiError, PromotionError
from promotion.failures import in_words
from promotion.model import Conclusion, GitFolder, Outcome, ended
from promotion.plan import Decision, Destination

STALE_SECONDS = 10.0  # how long a read may lag behind a PATCH that succeeded
PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)  # seconds between two reads; then MOST_PAUSE
MOST_PAUSE = 5.0


class Readable(Protocol):
    """The calls that reading a Git folder needs from Databricks."""

    def get_git_folder(self, repo_id: int) -> GitFolder | None: ...
    def get_status(self, path: str) -> WorkspaceObject | None: ...
    def lists_git_folder(self, folder: GitFolder) -> bool: ...


@dataclass(frozen=True)
class ReadBack:
    """One Git folder after its update, and what its reads are compared with."""

    folders: Readable
    clock: Clock
    compare: Compare
    plan: Callable[[GitFolder], Decision | None]
    repository: str  # the pushed one's full name
    before: GitFolder  # as it was read directly before the update
    destination: Destination

    def read(self, patience: float) -> Outcome | None:
        """Read until the folder is at its destination; None where it is unchanged until the end.

        Any other state may be stale, even older than before the update. It is accepted once it
        has been read for as long as reads may lag, or twice at the end.
        """
        deadline = self.clock.time() + patience
        shown, since, pauses = self.before, self.clock.time(), iter(PAUSES)
        while True:
            now = self.folders.get_git_folder(self.before.id)
            if now is None:
                gone = vanished(self.folders, self.before)
                if gone.conclusion is Conclusion.SKIPPED or self.clock.time() >= deadline:
                    return gone
            elif (arrived := self._arrived(now)) is not None:
                return arrived
            else:
                repeated = _state(now) == _state(shown)
                if not repeated:
                    shown, since = now, self.clock.time()
                moved = _state(now) != _state(self.before)
                if moved and self.clock.time() - since >= STALE_SECONDS:
                    return self._judge(now)
                late = self.clock.time() - deadline
                if late >= STALE_SECONDS or (late >= 0 and repeated):
                    return self._judge(now)
            self.clock.sleep(next(pauses, MOST_PAUSE))

    def unchanged(self) -> Outcome:
        """Return the outcome of an update that succeeded and left the folder unchanged."""
        head = self.before.head_commit_id
        ancestry = self._compared(head) if head else Ancestry.LACKS
        if ancestry is Ancestry.FOREIGN:
            return foreign(self.before, self.before, self.repository)
        if ancestry is Ancestry.UNKNOWN:
            reason = f"still at {_short(head)}; whether that contains {self._commit} is not known"
            step = f"look in the Git folder whether it has {self._commit}"
            return ended(self.before, Conclusion.NEUTRAL, reason, step)
        reason = f"Databricks reported success, but the Git folder is still at {_short(head)}"
        step = "re-run; if that does not help, pull in Databricks and read its message"
        return ended(self.before, Conclusion.FAILURE, reason, step)

    @property
    def _commit(self) -> str:
        return self.destination.commit[:7]

    def _compared(self, head: str) -> Ancestry:
        return self.compare(head, self.destination.commit)

    def _arrived(self, now: GitFolder) -> Outcome | None:
        """Return the success that this read shows; None where it shows none."""
        if self._astray(now):
            return None
        head = now.head_commit_id
        if head == self.destination.commit:
            return self._ended(now, Conclusion.SUCCESS, f"at {_short(head)}")
        # A tag may be lower than the folder's old commit, which contains it and is not the tag.
        if head is None or self.destination.tag is not None:
            return None
        if self._compared(head) is not Ancestry.CONTAINS:
            return None
        return self._contains(now)

    def _contains(self, now: GitFolder) -> Outcome:
        head = now.head_commit_id
        if head == self.before.head_commit_id:
            reason = f"already past {self._commit}: at {_short(head)}, which contains it"
        else:
            reason = f"at {_short(head)}, which is newer and contains {self._commit}"
        return self._ended(now, Conclusion.SUCCESS, reason)

    def _judge(self, now: GitFolder) -> Outcome | None:
        """Return the outcome of a folder that is certainly not at its destination."""
        head, name = now.head_commit_id, self.destination.name
        if self.plan(now) is None or now.branch not in (
            self.before.branch,
            self.destination.branch,
        ):
            return self._ended(now, Conclusion.SKIPPED, self._astray(now))
        if head == self.before.head_commit_id:
            return None
        ancestry = self._compared(head) if head else Ancestry.LACKS
        if ancestry is Ancestry.CONTAINS:
            return self._contains(now)
        if ancestry is Ancestry.FOREIGN:
            return foreign(self.before, now, self.repository)
        if ancestry is Ancestry.UNKNOWN:
            reason = f"at {_short(head)}, the head of {name}"
            reason += f"; whether that contains {self._commit} is not known"
            return self._ended(now, Conclusion.NEUTRAL, reason)
        reason = f"superseded: {name} was moved to {_short(head)}, which lacks {self._commit}"
        return self._ended(now, Conclusion.CANCELLED, reason)

    def _astray(self, now: GitFolder) -> str:
        """Return why a read does not show the update: somebody repointed or switched the folder."""
        if self.plan(now) is None:
            return "its URL was changed to another repository meanwhile"
        if now.branch != self.destination.branch:
            return f"somebody checked out {now.branch or 'a tag'} meanwhile"
        return ""

    def _ended(self, now: GitFolder, conclusion: Conclusion, reason: str) -> Outcome:
        return ended(self.before, conclusion, reason, after=now.head_commit_id)


def foreign(before: GitFolder, now: GitFolder, repository: str) -> Outcome:
    """Return the failure of a folder whose commit the pushed repository does not have."""
    at = f"the Git folder is at {_short(now.head_commit_id)}, which {repository} does not know"
    if now.head_commit_id == before.head_commit_id:
        reason = f"{at}: it holds commits that were not pushed"
        reason += ", or its URL now leads to another repository"
        step = "push or remove its commits, or correct its URL"
    else:
        reason = f"{at}: its URL now leads to another repository"
        step = "correct the Git folder's URL, or make it again, then re-run"
    return ended(before, Conclusion.FAILURE, reason, step, after=now.head_commit_id)


def vanished(folders: Readable, known: GitFolder) -> Outcome:
    """Return the outcome of a folder that Databricks says does not exist, after a second check.

    A folder whose path could not be read is not gone: that is a failure.
    """
    says = "Databricks says that the Git folder does not exist"
    try:
        there = _stands_at(folders, known)
    except PromotionError as exc:
        reason, next_step = in_words(exc)
        reason = f"{says}, and its path could not be read: {reason}"
        return ended(known, Conclusion.FAILURE, reason, next_step)
    if there is None or (there.id != known.id and not there.git_folder):
        return ended(known, Conclusion.SKIPPED, "it is gone")
    if there.id == known.id:
        reason = f"{says}, and still shows it at {known.path}"
        return ended(known, Conclusion.FAILURE, reason, "re-run in some minutes")
    reason = "it was deleted; another Git folder stands at its path, and is left alone until known"
    return ended(known, Conclusion.SKIPPED, reason)


def _stands_at(folders: Readable, known: GitFolder) -> WorkspaceObject | None:
    """Read the object at the folder's path; if that is forbidden, look in the Repos list."""
    try:
        return folders.get_status(known.path)
    except ApiError as exc:
        if exc.status != 403 or known.git_cli_enabled or not known.manageable:
            raise
        if folders.lists_git_folder(known):
            return WorkspaceObject(known.id, known.path, "REPO", git_folder=True)
        return None


def _state(folder: GitFolder) -> tuple[str | None, str | None, str | None]:
    return folder.url, folder.branch, folder.head_commit_id


def _short(commit: str | None) -> str:
    return commit[:7] if commit else "no commit"
