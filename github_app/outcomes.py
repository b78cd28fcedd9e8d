"""Keep what became of every Git folder of a push."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from github_app.branches import BranchPush
from github_app.tables import outcomes
from promotion.outcome import Conclusion, Outcome
from promotion.workspace import Report

WHOLE_WORKSPACE = ""  # the path of the row that tells what stopped a workspace


def record(tx: sa.Connection, owed: BranchPush, report: Report, *, at: float) -> None:
    """Replace what is recorded of a push in one workspace: a run may be repeated."""
    mine = (outcomes.c.seq == owed.seq, outcomes.c.workspace == report.workspace)
    tx.execute(outcomes.delete().where(*mine))
    rows = [_row(owed, report, outcome, at) for outcome in report.outcomes]
    if report.problem:
        rows = [_stopped(owed, report, at)]
    if rows:
        tx.execute(outcomes.insert(), rows)


def _push(owed: BranchPush, report: Report, at: float) -> dict[str, Any]:
    return {
        "seq": owed.seq,
        "repository_id": owed.repository_id,
        "ref": owed.push.ref,
        "workspace": report.workspace,
        "at": at,
    }


def _row(owed: BranchPush, report: Report, outcome: Outcome, at: float) -> dict[str, Any]:
    return _push(owed, report, at) | {
        "git_folder_id": outcome.folder.id,
        "path": outcome.folder.path,
        "before": outcome.before,
        "after": outcome.after,
        "conclusion": outcome.conclusion.value,
        "reason": outcome.reason,
        "next_step": outcome.next_step,
        "seconds": outcome.seconds,
    }


def _stopped(owed: BranchPush, report: Report, at: float) -> dict[str, Any]:
    return _push(owed, report, at) | {
        "git_folder_id": 0,
        "path": WHOLE_WORKSPACE,
        "before": None,
        "after": None,
        "conclusion": Conclusion.FAILURE.value,
        "reason": report.problem,
        "next_step": report.next_step,
        "seconds": 0.0,
    }
