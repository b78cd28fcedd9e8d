"""Find out whether a push has arrived: the tracking refs tell, else the remote does."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from hooks.git import Git, GitError
from hooks.refspec import remote_refs, tracking_ref

BY_PUSH = ("update by push", "")  # a reflog may be switched off; "fetch ..." is not ours
HEADS = "refs/heads/"


class Tracking(enum.Enum):
    """What moves a remote's tracking refs to where the push went."""

    BOTH = "both"  # pushes and fetches: the remote is one repository
    PUSH = "push"  # pushes alone: it is read from another repository than it is written to
    NEITHER = "neither"  # it is written to several, and no ref tells which of them accepted


class Arrival(enum.Enum):
    """What is known of a pushed commit."""

    PUSHED = "pushed"
    SUPERSEDED = "superseded"  # it arrived, and the remote is past it already
    NOT_PUSHED = "not pushed"
    UNKNOWN = "unknown"

    @property
    def certain(self) -> bool:
        """Whether nothing that comes later can change it."""
        return self in (Arrival.PUSHED, Arrival.SUPERSEDED)


@dataclass(frozen=True)
class Proof:
    """Whether a push has arrived, and where the remote's ref is."""

    arrival: Arrival
    reason: str
    found: str | None = None


class Witness:
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

    def prove(self, ref: str, after: str) -> Proof:
        """Tell whether the remote's *ref* has come to *after*.

        git moves a tracking ref only when the remote has accepted the push, so a tracking ref
        that came to *after* needs neither network nor credentials. The remote is asked where
        there is none that tells, or where it was there before.
        """
        if self._moved_to(ref) == after:
            return Proof(Arrival.PUSHED, f"{ref} came to {after[:7]}", after)
        try:
            found = self._git.ls_remote(self._address, ref)
        except GitError as exc:
            tracked = self._moved_to(ref)
            if tracked is not None:
                return self._judge(ref, after, tracked)
            return Proof(Arrival.UNKNOWN, str(exc))
        return self._judge(ref, after, found)

    def still_there(self, ref: str, after: str) -> Proof:
        """Ask again, some time after the push, whether *after* is the newest."""
        try:
            return self._judge(ref, after, self._git.ls_remote(self._address, ref))
        except GitError as exc:
            found = self._moved_to(ref)
            if found is None:
                return Proof(Arrival.UNKNOWN, str(exc))
            return self._judge(ref, after, found)

    def _moved_to(self, ref: str) -> str | None:
        """Return where the ref's tracking ref has come to since before the push, if it tells."""
        tracked = self._tracked(ref)
        if tracked == self._before.get(ref) or self._tracking is Tracking.NEITHER:
            return None
        by_push = self._tracking is Tracking.BOTH or self._last_update(ref) == BY_PUSH[0]
        return tracked if by_push else None

    def _judge(self, ref: str, after: str, found: str | None) -> Proof:
        if found == after:
            return Proof(Arrival.PUSHED, f"{ref} is at {after[:7]}", after)
        if found is None:
            return Proof(Arrival.NOT_PUSHED, f"the remote has no {ref}")
        if self._git.is_ancestor(after, found):
            reason = f"{ref} is at {found[:7]}, which is newer"
            return Proof(Arrival.SUPERSEDED, reason, found)
        return Proof(Arrival.NOT_PUSHED, f"{ref} is at {found[:7]}, not at {after[:7]}", found)

    def _tracked(self, ref: str) -> str | None:
        name = tracking_ref(self._refspecs, ref)
        return self._git.references(name).get(name) if name else None

    def _by_push(self, ref: str) -> bool:
        return self._last_update(ref) in BY_PUSH

    def _last_update(self, ref: str) -> str | None:
        name = tracking_ref(self._refspecs, ref)
        return self._git.last_update(name) if name is not None else None
