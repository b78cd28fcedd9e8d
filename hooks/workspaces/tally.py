"""Count the Git folders of a run by their results. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from hooks.workspaces.run import FAILED, Run
from promotion.model import Conclusion


@dataclass(frozen=True)
class Tally:
    """The numbers of a repository's Git folders by result; each is counted once."""

    promoted: int
    superseded: int  # read back at a head that does not contain the commit
    not_known: int  # read back at a head of which it is not known whether it contains the commit
    failed: int
    blocked: int  # they follow the pushed branch, and something prevents their move
    unchanged: int
    unreadable: int  # paths, which may hold Git folders

    @property
    def followers(self) -> int:
        """The Git folders that should be at the commit."""
        return self.promoted + self.superseded + self.not_known + self.failed + self.blocked


def count(run: Run) -> Tally:
    """Count a run's Git folders."""
    decisions = [decision for report in run.reports for decision in report.decisions]
    ended = [outcome.conclusion for report in run.reports for outcome in report.outcomes]
    blocked = sum(decision.blocked for decision in decisions)
    not_moving = sum(not decision.moves for decision in decisions)
    return Tally(
        promoted=ended.count(Conclusion.SUCCESS),
        superseded=ended.count(Conclusion.CANCELLED),
        not_known=ended.count(Conclusion.NEUTRAL),
        failed=sum(conclusion in FAILED for conclusion in ended),
        blocked=blocked,
        unchanged=not_moving - blocked + ended.count(Conclusion.SKIPPED),
        unreadable=sum(len(report.unreadable) for report in run.reports),
    )


def git_folders(number: int) -> str:
    """Return "1 Git folder", or as many as there are."""
    return f"{number} Git folder{'' if number == 1 else 's'}"
