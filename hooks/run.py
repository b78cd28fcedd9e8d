"""What became of one push from this machine, in every workspace. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from promotion.outcome import Conclusion
from promotion.workspace import Report

# Somebody has to do something. A commit that was superseded, or whose Git folder is at a head that
# nobody can place, is neither promoted nor failed.
FAILED = {Conclusion.FAILURE, Conclusion.TIMED_OUT, Conclusion.ACTION_REQUIRED}


@dataclass(frozen=True)
class Run:
    """What became of one push, in every workspace."""

    identity: str  # who promoted, in words
    reports: tuple[Report, ...]
    problem: str = ""  # what kept us out of a workspace, or kept the run from meaning anything
    next_step: str = ""
    needs_login: bool = False
    hosts: tuple[str, ...] = ()  # where the workspaces' Git folders have their repositories
    note: str = ""  # what was found where no Git folder follows the branch, and that is right so

    @property
    def failed(self) -> bool:
        """Whether some Git folder or workspace is not where it should be."""
        return any(
            report.problem or any(outcome.conclusion in FAILED for outcome in report.outcomes)
            for report in self.reports
        )
