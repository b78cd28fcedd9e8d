"""How many Git folders a run promoted, and what became of the others. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from hooks.run import FAILED, Run
from promotion.outcome import Conclusion


@dataclass(frozen=True)
class Tally:
    """The Git folders of a repository by what became of them; each is in one count."""

    promoted: int
    superseded: int  # read back at a head from which the commit is gone
    not_known: int  # read back, and nobody can say whether the head contains the commit
    failed: int
    blocked: int  # they follow what was pushed, and something keeps them from moving
    unchanged: int
    not_seen: int  # places, which may hold Git folders

    @property
    def followers(self) -> int:
        """The Git folders that should be at the commit."""
        return self.promoted + self.superseded + self.not_known + self.failed + self.blocked


def count(run: Run) -> Tally:
    """Count a run's Git folders."""
    decisions = [decision for report in run.reports for decision in report.decisions]
    ended = [outcome.conclusion for report in run.reports for outcome in report.outcomes]
    blocked = sum(decision.blocked for decision in decisions)
    stay = sum(not decision.moves for decision in decisions)
    return Tally(
        promoted=ended.count(Conclusion.SUCCESS),
        superseded=ended.count(Conclusion.CANCELLED),
        not_known=ended.count(Conclusion.NEUTRAL),
        failed=sum(conclusion in FAILED for conclusion in ended),
        blocked=blocked,
        unchanged=stay - blocked + ended.count(Conclusion.SKIPPED),
        not_seen=sum(len(report.blind_spots) for report in run.reports),
    )


def git_folders(number: int) -> str:
    """Return "1 Git folder", or as many as there are."""
    return f"{number} Git folder{'' if number == 1 else 's'}"
