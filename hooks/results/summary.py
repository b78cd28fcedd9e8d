"""Summarize how the promotion of a push ended. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterator

from hooks.results.model import (
    Result,
    State,
    repository_name,
    without_password,
    workspace_as_json,
)
from hooks.workspaces.run import FAILED, Run
from hooks.workspaces.tally import Tally, count, git_folders
from promotion.model import Conclusion, Outcome, Push


def result_of(
    run: Run, push: Push, *, key: str, remote: str, url: str, started_at: float
) -> Result:
    """Return the result to record of a run that has just ended."""
    state, message, next_step = conclude(run, push)
    return Result(
        key=key,
        repository=repository_name(url),
        remote=without_password(remote),
        url=without_password(url),
        ref=push.ref,
        after=push.after,
        state=state,
        started_at=started_at,
        ended_at=time.time(),
        workspaces=[workspace_as_json(report) for report in run.reports],
        message=message,
        next_step=next_step,
        identity=run.identity,
    )


def conclude(run: Run, push: Push) -> tuple[State, str, str]:
    """Return a run's final state, a line about it, and the next step."""
    outcomes = [outcome for report in run.reports for outcome in report.outcomes]
    stopped = [report for report in run.reports if report.problem]
    tally = count(run)
    words = [*_counts(run, tally), *_reasons(run, outcomes)]
    words += [f"{report.workspace}: {report.problem}" for report in stopped[:1]]
    if run.problem:
        words = [*words, run.problem] if tally.followers else [run.problem]
    steps = [run.next_step, *(outcome.next_step for outcome in outcomes)]
    steps += [report.next_step for report in stopped]
    step = next((step for step in steps if step), "")
    if run.needs_login:
        return State.NEEDS_LOGIN, "; ".join(words), step or "run `git promote login`"
    if run.problem or run.failed or only_blocked(run, push):
        return State.FAILED, "; ".join(words), step or "correct this, then run `git promote`"
    line = f"{push.branch} at {push.after[:7]}: {'; '.join(words)}"
    if tally.not_known:
        return State.UNKNOWN, line, step
    return (State.SUPERSEDED if tally.superseded else State.DONE), line, step


def only_blocked(run: Run, push: Push) -> bool:
    """Return whether all Git folders that follow the branch are blocked."""
    decisions = [decision for report in run.reports for decision in report.decisions]
    followers = [each for each in decisions if each.blocked or each.folder.branch == push.branch]
    return bool(followers) and all(each.blocked for each in followers)


def _counts(run: Run, tally: Tally) -> Iterator[str]:
    if tally.followers:
        yield f"{tally.promoted} of {git_folders(tally.followers)} promoted"
    elif run.note:
        yield run.note
    else:
        left = f" ({tally.unchanged} left unchanged)" if tally.unchanged else ""
        yield f"no Git folder had to move{left}"
    others = {
        "superseded": tally.superseded,
        "not known": tally.not_known,
        "blocked": tally.blocked,
    }
    yield from (f"{number} {word}" for word, number in others.items() if number)


def _reasons(run: Run, outcomes: list[Outcome]) -> Iterator[str]:
    """Yield the reason for the first Git folder of each kind that is not at the commit."""
    for kind in (FAILED, {Conclusion.NEUTRAL}, {Conclusion.CANCELLED}):
        matching = [outcome for outcome in outcomes if outcome.conclusion in kind]
        yield from (f"{outcome.folder.path}: {outcome.reason}" for outcome in matching[:1])
    blocked = [each for report in run.reports for each in report.decisions if each.blocked]
    yield from (f"{decision.folder.path}: {decision.reason}" for decision in blocked[:1])
