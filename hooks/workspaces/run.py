"""The result of one push from this machine, in every workspace. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from promotion.model import Conclusion
from promotion.workspace import Report

# These need a person's action. A superseded commit is neither promoted nor failed, and neither is
# one of which it is not known whether the Git folder's head contains it.
FAILED = {Conclusion.FAILURE, Conclusion.TIMED_OUT, Conclusion.ACTION_REQUIRED}


@dataclass(frozen=True)
class Run:
    """The result of one push, in every workspace."""

    identity: str  # who promoted, in words
    reports: tuple[Report, ...]
    problem: str = ""  # why a sign-in failed, or why the run could find no Git folder
    next_step: str = ""
    needs_login: bool = False
    hosts: tuple[str, ...] = ()  # where the workspaces' Git folders have their repositories
    note: str = ""  # the finding where no Git folder follows the branch, and that is no problem

    @property
    def failed(self) -> bool:
        """Whether a Git folder or a workspace has failed."""
        return any(
            report.problem or any(outcome.conclusion in FAILED for outcome in report.outcomes)
            for report in self.reports
        )
