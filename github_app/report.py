"""Write a promotion's report as a check run shows it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from github_app.branches import Cause
from github_app.check_run import Action, CheckRun
from github_app.events import PROMOTE_AGAIN
from promotion.git_folder import GitFolder
from promotion.outcome import Conclusion, Outcome
from promotion.plan import Decision
from promotion.printable import printable
from promotion.push import Push
from promotion.workspace import Report

SUMMARY_LIMIT = 65_000  # characters; GitHub's limit for a check run's summary is 65,535
# What its parts may take of that: each is cut line by line, never in the middle of one.
TABLE_ROOM, STAYS_ROOM, BLIND_SPOTS_ROOM = 48_000, 10_000, 5_000
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
CAUSES = {
    Cause.RECONCILE: (
        "This was found by comparing the branch on GitHub with the Git folders, not told by a push."
    ),
    Cause.RECOVERED: (
        "GitHub could not deliver this push; it was found in the App's log of deliveries."
    ),
}
AGAIN = Action("Promote again", "Bring the Git folders to this branch", PROMOTE_AGAIN)
SIGNS = {
    Conclusion.SUCCESS: "✓",
    Conclusion.NEUTRAL: "✓",
    Conclusion.SKIPPED: "-",
    Conclusion.ACTION_REQUIRED: "!",
    Conclusion.TIMED_OUT: "✗",
    Conclusion.FAILURE: "✗",
    Conclusion.CANCELLED: "-",
}


def check_name(workspace: str, tag: str | None = None) -> str:
    """Return the name of a workspace's check run; a tag has one beside its branch's."""
    return f"Brickpush / {workspace} / {tag}" if tag else f"Brickpush / {workspace}"


def started(push: Push, workspace: str, decisions: Sequence[Decision]) -> CheckRun:
    """Return the check run of a promotion that begins."""
    moving = sum(decision.moves for decision in decisions)
    return CheckRun(
        name=check_name(workspace, push.tag),
        head_sha=push.after,
        status="in_progress",
        title=f"Updating {_folders(moving)} that follow {_name(push)}",
        summary=_stays(decisions) or "Every Git folder of this repository moves.",
    )


def finished(
    push: Push, report: Report, cause: Cause = Cause.PUSH, *, details_url: str = ""
) -> CheckRun:
    """Return the check run of a promotion that has ended; *details_url* leads to every line."""
    ended, rest = conclusion(report), _where(details_url)
    return CheckRun(
        name=check_name(report.workspace, push.tag),
        head_sha=push.after,
        status="completed",
        conclusion=ended.value,
        title=title(push, report),
        summary="\n\n".join(part for part in (CAUSES.get(cause), summary(report, rest)) if part),
        details_url=details_url,
        actions=() if ended in FINE else (AGAIN,),
    )


def superseded(push: Push, by: str) -> tuple[str, str]:
    """Return title and summary for a commit that a newer push of its branch overtook."""
    name = escape(push.branch or push.tag or push.ref)
    if push.deleted:
        return "Superseded: the branch was deleted", f"{name} was deleted before its turn came."
    summary = f"{name} was pushed again before this commit's turn: see {by}."
    return f"Superseded by {by[:7]}", summary


def outdated(newest: Push) -> tuple[str, str]:
    """Return title and summary for a check that was re-run on an older commit of its branch."""
    name, by = escape(newest.branch or newest.tag or newest.ref), newest.after
    if newest.deleted:
        return "Not promoted: the branch was deleted", f"{name} is no more on GitHub."
    summary = (
        f"This commit is no more the newest of {name}: Git folders follow the branch, which is "
        f"at {by}. Re-run the check of that commit."
    )
    return f"Superseded by {by[:7]}", summary


def given_up(reason: str) -> tuple[str, str]:
    """Return title and summary for a commit whose promotion failed time and again."""
    summary = (
        f"**{escape(reason)}**\n\nNext step: correct this, then re-run this check, or push again."
    )
    return "Not promoted: given up after several tries", summary[:SUMMARY_LIMIT]


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
        return f"No Git folder moves for {_name(push)}"
    fine = sum(outcome.conclusion in FINE for outcome in report.outcomes)
    return f"{fine} of {_folders(len(report.outcomes))} at {push.after[:7]}"


def summary(report: Report, rest: str = ".") -> str:
    """Return the Markdown: a line for each Git folder, then what stays and what was not seen.

    *rest* says where the lines are for which there is no room.
    """
    if report.problem:
        return f"**{escape(report.problem)}**\n\nNext step: {escape(report.next_step)}"
    sections = [_table(report, rest), _stays(report.decisions, rest), _blind_spots(report, rest)]
    return "\n\n".join(section for section in sections if section)[:SUMMARY_LIMIT] or "Nothing."


def escape(text: str) -> str:
    """Return hostile text (paths, branch names, other programs' words) as plain Markdown text."""
    flat = printable(" ".join(text.split()))
    plain = re.sub(r"([\\`*_{}\[\]<>#|~!@&])", r"\\\1", flat)
    # GitHub makes links of addresses that stand anywhere in a text.
    return re.sub(r"(?i)\bwww\.", r"www\\.", plain.replace("://", "\\://"))


def worst_first(report: Report) -> Sequence[Outcome]:
    """Return the outcomes in the order in which somebody should look at them."""
    order = {word: place for place, word in enumerate(WORST_FIRST)}
    return sorted(report.outcomes, key=lambda outcome: order.get(outcome.conclusion, 0))


def folder_url(host: str, folder: GitFolder) -> str:
    """Return where Databricks shows a Git folder."""
    return f"{host}/browse/folders/{folder.id}"


def _where(details_url: str) -> str:
    """Return how "… and 7 more" goes on."""
    if details_url:
        return f": see [the details page]({details_url})."
    return ". Set `public_url` in brickpush.toml, and the check links a page with every line."


def _table(report: Report, rest: str) -> str:
    if not report.outcomes:
        return ""
    head = "| | Git folder | before | after | what happened | next step |\n|-|-|-|-|-|-|"
    rows = [_row(report.host, outcome) for outcome in worst_first(report)]
    return _fitting(head, rows, TABLE_ROOM, rest)


def _row(host: str, outcome: Outcome) -> str:
    link = f"[{escape(outcome.folder.path)}]({folder_url(host, outcome.folder)})"
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
    reason = escape(outcome.reason) + (f" ({escape(outcome.rule)})" if outcome.rule else "")
    if outcome.conclusion in FINE:
        return reason
    return f"**{outcome.conclusion.value.replace('_', ' ')}**: {reason}"


def _fitting(head: str, rows: Sequence[str], room: int, rest: str) -> str:
    lines, length = [head], len(head)
    for place, row in enumerate(rows):
        length += len(row) + 1
        if length > room:
            lines.append(f"\n… and {len(rows) - place} more{rest}")
            break
        lines.append(row)
    return "\n".join(lines)


def _stays(decisions: Sequence[Decision], rest: str = ".") -> str:
    staying = [decision for decision in decisions if not decision.moves]
    if not staying:
        return ""
    head = (
        f"{_folders(len(staying))} of this repository {'stays' if len(staying) == 1 else 'stay'}:\n"
    )
    rows = [f"- {escape(each.folder.path)}: {escape(each.reason)}" for each in staying]
    return _fitting(head, rows, STAYS_ROOM, rest)


def _blind_spots(report: Report, rest: str) -> str:
    if not report.blind_spots:
        return ""
    rows = [f"- {escape(spot.path)}: {escape(spot.reason)}" for spot in report.blind_spots]
    return _fitting("Not seen:\n", rows, BLIND_SPOTS_ROOM, rest)


def _name(push: Push) -> str:
    """Return what was pushed, for a title: that is no Markdown."""
    return printable(push.branch or push.tag or push.ref)


def _folders(count: int) -> str:
    return f"{count} Git folder{'' if count == 1 else 's'}"


def _short(sha: str | None) -> str:
    return f"`{sha[:7]}`" if sha else ""
