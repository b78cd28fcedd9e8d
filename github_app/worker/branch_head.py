"""Take a push to where GitHub says that its branch or tag is: that is the newest.

Deliveries come late, twice, in any order or not at all, and Databricks pulls the branch's head
whatever was pushed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import structlog

from github_app.storage.branches import BranchPush
from promotion.ancestry import Ancestry
from promotion.clock import Clock
from promotion.model import ZERO_SHA

# A webhook may come before the commit is visible everywhere: ten seconds in all, in which the run
# keeps its slot. Seldom: where the head neither is nor contains what was pushed.
PAUSES = (0.5, 1.0, 1.5, 2.0, 2.5, 2.5)

log = structlog.get_logger(__name__)


class PushedRepository(Protocol):
    """The calls to GitHub that tell where a branch is."""

    def branch_head(self, branch: str) -> str | None: ...
    def compare(self, head: str, commit: str) -> Ancestry: ...
    def tags(self) -> Mapping[str, str]: ...
    def require_itself(self) -> None:
        """Raise PromotionError where its name shows nothing, or another repository."""


def on_github(pushed: BranchPush, repository: PushedRepository, clock: Clock) -> BranchPush:
    """Return the push as one of where its branch or tag is on GitHub."""
    push = pushed.push
    if push.tag is None:
        return at_head(pushed, repository, clock)
    # An annotated tag is an object of its own; its commit is what counts.
    return replace(pushed, push=replace(push, after=repository.tags().get(push.tag, push.after)))


def at_head(pushed: BranchPush, repository: PushedRepository, clock: Clock) -> BranchPush:
    """Return the push as one of the branch's head; all others are superseded by it.

    A head that is not the push, and does not contain it, is what a replica of GitHub shows that
    lags behind, or the branch was moved back or away by a push that is not told yet. So GitHub is
    asked again for some time, and believed then. Where it lagged for longer, a comparison finds
    the branch elsewhere than its newest push.
    """
    push, question = pushed.push, _Question(pushed, repository)
    agrees, head = question.ask()
    for pause in PAUSES:
        if agrees:
            break
        clock.sleep(pause)
        agrees, head = question.ask()
    if head == push.after or (head is None and push.deleted):
        return pushed
    if not agrees:
        repository.require_itself()
        log.warning(
            "branch.elsewhere", repository=push.repository, ref=push.ref, told=push.after, head=head
        )
    now = replace(push, before=push.after, after=head or ZERO_SHA)
    others = (each for each in (*pushed.superseded, push) if each.after != now.after)
    return replace(pushed, push=now, superseded=tuple(others))


class _Question:
    """Whether GitHub's branch is at a push, or past it."""

    def __init__(self, pushed: BranchPush, repository: PushedRepository) -> None:
        self._push = pushed.push
        self._repository = repository
        self._lacking: str | None = None  # a head that is known to lack the push

    def ask(self) -> tuple[bool, str | None]:
        """Return the branch's head, and before it whether that is the push or contains it."""
        head = self._repository.branch_head(self._push.branch or "")
        return self._agrees(head), head

    def _agrees(self, head: str | None) -> bool:
        if head is None or self._push.deleted:
            return head is None and self._push.deleted
        if head == self._push.after:
            return True
        if head == self._lacking:
            return False
        ancestry = self._repository.compare(head, self._push.after)
        self._lacking = head if ancestry is Ancestry.LACKS else None
        return ancestry is Ancestry.CONTAINS
