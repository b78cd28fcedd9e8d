"""Put into words how the promotion of a push ended. Pure."""

from __future__ import annotations

from hooks.local_promotion import FAILED, Run
from hooks.result import State
from promotion.push import Push


def conclude(run: Run, push: Push) -> tuple[State, str, str]:
    """Return how a run ended, in one line, and what a person can do about it."""
    outcomes = [outcome for report in run.reports for outcome in report.outcomes]
    failed = [outcome for outcome in outcomes if outcome.conclusion in FAILED]
    stopped = [report for report in run.reports if report.problem]
    stays = sum(not each.moves for report in run.reports for each in report.decisions)
    words = [f"{len(outcomes) - len(failed)} of {_folders(len(outcomes))} promoted"]
    if not outcomes:
        words = [f"no Git folder had to move{f' ({stays} stay)' if stays else ''}"]
    words += [f"{outcome.folder.path}: {outcome.reason}" for outcome in failed[:1]]
    words += [f"{report.workspace}: {report.problem}" for report in stopped[:1]]
    steps = [*(outcome.next_step for outcome in failed), *(each.next_step for each in stopped)]
    step = run.next_step or next((step for step in steps if step), "")
    if run.problem:
        words = [run.problem] if not outcomes else [*words, run.problem]
    if run.needs_login:
        return State.NEEDS_LOGIN, "; ".join(words), step or "run `git promote login`"
    if run.problem or failed or stopped:
        return State.FAILED, "; ".join(words), step or "correct this, then run `git promote`"
    return State.DONE, f"{push.branch} at {push.after[:7]}: {'; '.join(words)}", step


def _folders(count: int) -> str:
    return "1 Git folder" if count == 1 else f"{count} Git folders"
