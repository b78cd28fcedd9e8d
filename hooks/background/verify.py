"""Verify that a push has arrived, by the tracking refs or else by asking the remote."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from hooks.system.git import Git, GitError, remote_refs, tracking_ref

BY_PUSH = ("update by push", "")  # a reflog may be switched off; "fetch ..." is not ours
HEADS = "refs/heads/"


class Tracking(enum.Enum):
    """Which operations move a remote's tracking refs to what the push target has."""

    BOTH = "both"  # pushes and fetches: the remote is one repository
    PUSH = "push"  # pushes only: the remote is fetched from another repository
    NEITHER = "neither"  # it is pushed to several, and no ref shows which of them accepted


class PushStatus(enum.Enum):
    """What is known of a pushed commit."""

    PUSHED = "pushed"
    SUPERSEDED = "superseded"  # it arrived, and the remote's ref is already newer
    NOT_PUSHED = "not pushed"
    UNKNOWN = "unknown"

    @property
    def certain(self) -> bool:
        """Whether no later event can change it."""
        return self in (PushStatus.PUSHED, PushStatus.SUPERSEDED)


@dataclass(frozen=True)
class Verification:
    """Whether a push has arrived, and where the remote's ref is."""

    status: PushStatus
    reason: str
    found: str | None = None


class PushVerifier:
    """Compares a remote's refs with what they were before a push."""

    def __init__(
        self,
        git: Git,
        *,
        remote: str,
        address: str,
        before: Mapping[str, str],
        tracking: Tracking = Tracking.BOTH,
    ) -> None:
        self._git = git
        self._address = address  # what to ask: the remote's name, or a URL
        self._tracking = tracking
        self._refspecs = git.fetch_refspecs(remote)
        self._before = remote_refs(self._refspecs, before)

    def before(self, ref: str) -> str | None:
        """Return where the remote's ref was known to be before the push."""
        return self._before.get(ref)

    def moved(self) -> dict[str, str]:
        """Return the remote's branches that a push from here has moved, and where to."""
        now = remote_refs(self._refspecs, self._git.references())
        return {
            ref: sha
            for ref, sha in now.items()
            if ref.startswith(HEADS) and sha != self._before.get(ref) and self._by_push(ref)
        }

    def verify(self, ref: str, after: str) -> Verification:
        """Return whether the remote's *ref* was moved to *after*.

        git moves a tracking ref only when the remote has accepted the push, so a tracking ref
        that was moved to *after* needs neither network nor credentials. The remote is asked
        where no tracking ref counts, or where it was at *after* before the push.
        """
        if self._moved_to(ref) == after:
            return Verification(PushStatus.PUSHED, f"{ref} came to {after[:7]}", after)
        try:
            found = self._git.ls_remote(self._address, ref)
        except GitError as exc:
            tracked = self._moved_to(ref)
            if tracked is not None:
                return self._judge(ref, after, tracked)
            return Verification(PushStatus.UNKNOWN, str(exc))
        return self._judge(ref, after, found)

    def verify_again(self, ref: str, after: str) -> Verification:
        """Return whether *after* is still the newest, some time after the push."""
        try:
            return self._judge(ref, after, self._git.ls_remote(self._address, ref))
        except GitError as exc:
            found = self._moved_to(ref)
            if found is None:
                return Verification(PushStatus.UNKNOWN, str(exc))
            return self._judge(ref, after, found)

    def _moved_to(self, ref: str) -> str | None:
        """Return where the push has moved the ref's tracking ref; None where that is not known."""
        tracked = self._tracked(ref)
        if tracked == self._before.get(ref) or self._tracking is Tracking.NEITHER:
            return None
        by_push = self._tracking is Tracking.BOTH or self._last_update(ref) == BY_PUSH[0]
        return tracked if by_push else None

    def _judge(self, ref: str, after: str, found: str | None) -> Verification:
        if found == after:
            return Verification(PushStatus.PUSHED, f"{ref} is at {after[:7]}", after)
        if found is None:
            return Verification(PushStatus.NOT_PUSHED, f"the remote has no {ref}")
        if self._git.is_ancestor(after, found):
            reason = f"{ref} is at {found[:7]}, which is newer"
            return Verification(PushStatus.SUPERSEDED, reason, found)
        return Verification(
            PushStatus.NOT_PUSHED, f"{ref} is at {found[:7]}, not at {after[:7]}", found
        )

    def _tracked(self, ref: str) -> str | None:
        name = tracking_ref(self._refspecs, ref)
        return self._git.references(name).get(name) if name else None

    def _by_push(self, ref: str) -> bool:
        return self._last_update(ref) in BY_PUSH

    def _last_update(self, ref: str) -> str | None:
        name = tracking_ref(self._refspecs, ref)
        return self._git.last_update(name) if name is not None else None
