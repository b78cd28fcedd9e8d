"""Write a promotion's report as a check run shows it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from github_app.github import CheckRun
from promotion.outcome import Conclusion, Outcome
from promotion.plan import Decision
from promotion.push import Push
from promotion.workspace import Report

SUMMARY_LIMIT = 65_535  # characters, GitHub's limit for a check run's summary
WORST_FIRST = (
    Conclusion.FAILURE,
    Conclusion.TIMED_OUT,
    Conclusion.ACTION_REQUIRED,
    Conclusion.SUCCESS,
    Conclusion.NEUTRAL,
    Conclusion.SKIPPED,
)
# Folders that stay where they were right to stay do not spoil a promotion.
FINE = {Conclusion.SUCCESS, Conclusion.NEUTRAL, Conclusion.SKIPPED}
SIGNS = {
    Conclusion.SUCCESS: "✓",
    Conclusion.NEUTRAL: "✓",
    Conclusion.SKIPPED: "-",
    Conclusion.ACTION_REQUIRED: "!",
    Conclusion.TIMED_OUT: "✗",
    Conclusion.FAILURE: "✗",
    Conclusion.CANCELLED: "-",
}


def check_name(workspace: str) -> str:
    return f"Brickpush / {workspace}"


def started(push: Push, workspace: str, decisions: Sequence[Decision]) -> CheckRun:
    """Return the check run of a promotion that begins."""
    moving = sum(decision.moves for decision in decisions)
    return CheckRun(
        name=check_name(workspace),
        head_sha=push.after,
        status="in_progress",
        title=f"Updating {_folders(moving)} that follow {push.branch}",
        summary=_stays(decisions),
    )


def finished(push: Push, report: Report) -> CheckRun:
    """Return the check run of a promotion that has ended."""
    return CheckRun(
        name=check_name(report.workspace),
        head_sha=push.after,
        status="completed",
        conclusion=conclusion(report).value,
        title=title(push, report),
        summary=summary(report),
    )


def superseded(push: Push, workspace: str, by: str) -> CheckRun:
    """Return the check run of a push that a newer one overtook."""
    return CheckRun(
        name=check_name(workspace),
        head_sha=push.after,
        status="completed",
        conclusion=Conclusion.CANCELLED.value,
        title=f"Superseded by {by[:7]}",
        summary=f"{push.branch} was pushed again before this commit's turn: see {by}.",
    )


def conclusion(report: Report) -> Conclusion:
    """Return the worst of the outcomes; a stopped workspace is a failure."""
    if report.problem:
        return Conclusion.FAILURE
    if not report.outcomes:
        return Conclusion.NEUTRAL
    ended = {outcome.conclusion for outcome in report.outcomes}
    worst = next(word for word in WORST_FIRST if word in ended)
    return Conclusion.SUCCESS if worst in FINE else worst


def title(push: Push, report: Report) -> str:
    """Return the promotion in one line."""
    if report.problem:
        return "Not promoted: the workspace could not be read"
    if not report.outcomes:
        return f"No Git folder moves for {push.branch}"
    fine = sum(outcome.conclusion in FINE for outcome in report.outcomes)
    return f"{fine} of {_folders(len(report.outcomes))} at {push.after[:7]}"


def summary(report: Report) -> str:
    """Return the Markdown: a line for each Git folder, then what stays and what was not seen."""
    if report.problem:
        return f"**{escape(report.problem)}**\n\nNext step: {escape(report.next_step)}"
    sections = [_table(report), _stays(report.decisions), _blind_spots(report)]
    return "\n\n".join(section for section in sections if section)[:SUMMARY_LIMIT] or "Nothing."


def escape(text: str) -> str:
    """Return hostile text (paths, branch names, other programs' words) as plain Markdown text."""
    flat = " ".join(text.split())
    return re.sub(r"([\\`*_{}\[\]<>#|~!@&])", r"\\\1", flat)


def _table(report: Report) -> str:
    if not report.outcomes:
        return ""
    head = "| | Git folder | before | after | what happened | next step |\n|-|-|-|-|-|-|"
    # A report is cut line by line, never in the middle of one; half the room is for the table.
    return _fitting(head, [_row(report.host, outcome) for outcome in _worst_first(report)], 50_000)


def _worst_first(report: Report) -> Iterable[Outcome]:
    order = {word: place for place, word in enumerate(WORST_FIRST)}
    return sorted(report.outcomes, key=lambda outcome: order.get(outcome.conclusion, 0))


def _row(host: str, outcome: Outcome) -> str:
    link = f"[{escape(outcome.folder.path)}]({host}/browse/folders/{outcome.folder.id})"
    cells = (
        SIGNS[outcome.conclusion],
        link,
        _short(outcome.before),
        _short(outcome.after),
        _what_happened(outcome),
        escape(outcome.next_step),
    )
    return f"| {' | '.join(cells)} |"


def _what_happened(outcome: Outcome) -> str:
    reason = escape(outcome.reason)
    if outcome.conclusion in FINE:
        return reason
    return f"**{outcome.conclusion.value.replace('_', ' ')}**: {reason}"


def _fitting(head: str, rows: Sequence[str], room: int) -> str:
    lines, length = [head], len(head)
    for place, row in enumerate(rows):
        length += len(row) + 1
        if length > room:
            lines.append(f"\n… and {len(rows) - place} more.")
            break
        lines.append(row)
    return "\n".join(lines)


def _stays(decisions: Sequence[Decision]) -> str:
    staying = [decision for decision in decisions if not decision.moves]
    if not staying:
        return ""
    head = (
        f"{_folders(len(staying))} of this repository {'stays' if len(staying) == 1 else 'stay'}:\n"
    )
    rows = [f"- {escape(each.folder.path)}: {escape(each.reason)}" for each in staying]
    return _fitting(head, rows, 10_000)


def _blind_spots(report: Report) -> str:
    if not report.blind_spots:
        return ""
    rows = [f"- {escape(spot.path)}: {escape(spot.reason)}" for spot in report.blind_spots]
    return _fitting("Not seen:\n", rows, 5_000)


def _folders(count: int) -> str:
    return f"{count} Git folder{'' if count == 1 else 's'}"


def _short(sha: str | None) -> str:
    return f"`{sha[:7]}`" if sha else ""
