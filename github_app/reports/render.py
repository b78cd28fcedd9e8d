"""Write a promotion's report as a check run shows it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from github_app.github.check_run import COMPLETED, IN_PROGRESS, Action, CheckRun, Subject
from github_app.github.events import PROMOTE_AGAIN
from github_app.storage.branches import Cause
from promotion.model import Conclusion, GitFolder, Outcome, Push
from promotion.plan import Decision
from promotion.safe_text import escape, printable
from promotion.workspace import Report

# GitHub takes 65,535 characters of a summary, and 65,535 bytes of UTF-8 (github/docs#35252).
SUMMARY_LIMIT = 65_000  # bytes
MOST_TITLE = 200  # characters
# What its parts may take of that: each is cut line by line, never in the middle of one.
TABLE_ROOM, UNCHANGED_ROOM, UNREADABLE_ROOM = 48_000, 10_000, 5_000
WORST_FIRST = (
    Conclusion.FAILURE,
    Conclusion.TIMED_OUT,
    Conclusion.ACTION_REQUIRED,
    Conclusion.CANCELLED,
    Conclusion.NEUTRAL,
    Conclusion.SUCCESS,
    Conclusion.SKIPPED,
)
# Nobody has to do anything: a Git folder is there, a later push superseded this one, or it is
# left alone.
FINE = {Conclusion.SUCCESS, Conclusion.CANCELLED, Conclusion.NEUTRAL, Conclusion.SKIPPED}
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
    Conclusion.NEUTRAL: "?",
    Conclusion.SKIPPED: "-",
    Conclusion.ACTION_REQUIRED: "!",
    Conclusion.TIMED_OUT: "✗",
    Conclusion.FAILURE: "✗",
    Conclusion.CANCELLED: "-",
}


def started(push: Push, workspace: str, decisions: Sequence[Decision]) -> CheckRun:
    """Return the check run of a promotion that begins."""
    moving = sum(decision.moves for decision in decisions)
    return CheckRun(
        subject=Subject(push.ref, workspace),
        head_sha=push.after,
        status=IN_PROGRESS,
        title=f"Updating {_folders(moving)} that follow {_name(push)}"[:MOST_TITLE],
        summary=_unchanged(decisions) or "Every Git folder of this repository moves.",
    )


def finished(
    push: Push, report: Report, cause: Cause = Cause.PUSH, *, details_url: str = ""
) -> CheckRun:
    """Return the check run of a promotion that has ended; *details_url* leads to every line."""
    ended, rest = conclusion(report), _where(details_url)
    return CheckRun(
        subject=Subject(push.ref, report.workspace),
        head_sha=push.after,
        status=COMPLETED,
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
        kind = "tag" if push.tag else "branch"
        return f"Superseded: the {kind} was deleted", f"{name} was deleted before its turn came."
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
    return "Not promoted: given up after several tries", cut(summary, SUMMARY_LIMIT)


def unserved(workspace: str) -> tuple[str, str]:
    """Return title and summary for a commit's check in a workspace that left the settings."""
    summary = (
        f"The workspace {escape(workspace)} is in Brickpush's settings no more: whether its Git "
        "folders follow is not known."
    )
    return f"No longer served: {workspace}"[:MOST_TITLE], summary


def is_news(report: Report) -> bool:
    """Say whether a report says more than that the push concerns nothing in the workspace."""
    return bool(report.problem or report.outcomes or _blocked(report))


def conclusion(report: Report) -> Conclusion:
    """Return the worst of the outcomes; a workspace that could not be read is a failure.

    A success says that every Git folder that follows the pushed ref was read at the commit, or at
    one that contains it. Folders that were left alone on purpose do not count.
    """
    if report.problem:
        return Conclusion.FAILURE
    ended = {outcome.conclusion for outcome in report.outcomes} - {Conclusion.SKIPPED}
    worst = next((word for word in WORST_FIRST if word in ended), Conclusion.NEUTRAL)
    return Conclusion.NEUTRAL if worst is Conclusion.SUCCESS and _blocked(report) else worst


def title(push: Push, report: Report) -> str:
    """Return the promotion in one line; it counts only Git folders that were read at the commit."""
    if report.problem:
        return "Not promoted: the workspace could not be read"
    followers = [each for each in report.outcomes if each.conclusion is not Conclusion.SKIPPED]
    blocked = _blocked(report)
    if not (followers or blocked):
        return f"No Git folder moves for {_name(push)}"[:MOST_TITLE]
    there = [each for each in followers if each.conclusion is Conclusion.SUCCESS]
    newer = any(each.after != push.after for each in there)
    counted = f"{len(there)} of {_folders(len(followers) + len(blocked))}"
    at = f"at {push.after[:7]}{' or newer' if newer else ''}"
    superseding = {each.after for each in followers if each.conclusion is Conclusion.CANCELLED}
    by = f": superseded by {sorted(filter(None, superseding))[0][:7]}" if superseding else ""
    return f"{counted} {at}{by}"


def summary(report: Report, rest: str = ".") -> str:
    """Return the Markdown: each Git folder, then the unchanged and the unreadable ones.

    *rest* says where the lines are for which there is no room.
    """
    if report.problem:
        return f"**{escape(report.problem)}**\n\nNext step: {escape(report.next_step)}"
    sections = [
        _table(report, rest),
        _unchanged(report.decisions, rest),
        _unreadable(report, rest),
    ]
    whole = "\n\n".join(section for section in sections if section)
    return cut(whole, SUMMARY_LIMIT) or "Nothing."


def shorter(run: CheckRun) -> Sequence[CheckRun]:
    """Return what to write where GitHub does not take *run* as it is, the longest first."""
    brief = "GitHub did not take the whole report."
    if run.details_url:
        brief += f" See [the details page]({run.details_url})."
    plain = run.title.encode("ascii", "replace").decode()[:MOST_TITLE]
    bare = replace(run, title=plain, summary="GitHub did not take the report.", details_url="")
    return replace(run, summary=brief), replace(bare, actions=())


def cut(text: str, room: int) -> str:
    """Return as much of a text as fits into *room* bytes of UTF-8."""
    return text.encode()[:room].decode(errors="ignore")


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
    lines, length = [head], len(head.encode())
    for place, row in enumerate(rows):
        length += len(row.encode()) + 1
        if length > room:
            lines.append(f"\n… and {len(rows) - place} more{rest}")
            break
        lines.append(row)
    return "\n".join(lines)


def _blocked(report: Report) -> Sequence[Decision]:
    """Return the followers that somebody must mend before they can move."""
    return [decision for decision in report.decisions if decision.blocked]


def _unchanged(decisions: Sequence[Decision], rest: str = ".") -> str:
    # What somebody must mend comes first.
    staying = sorted(
        (each for each in decisions if not each.moves), key=lambda each: not each.blocked
    )
    if not staying:
        return ""
    head = f"{_folders(len(staying))} of this repository left unchanged:\n"
    rows = [
        f"- {'**!** ' if each.blocked else ''}{escape(each.folder.path)}: {escape(each.reason)}"
        for each in staying
    ]
    return _fitting(head, rows, UNCHANGED_ROOM, rest)


def _unreadable(report: Report, rest: str) -> str:
    if not report.unreadable:
        return ""
    rows = [f"- {escape(spot.path)}: {escape(spot.reason)}" for spot in report.unreadable]
    return _fitting("Not readable:\n", rows, UNREADABLE_ROOM, rest)


def _name(push: Push) -> str:
    """Return what was pushed, for a title: that is no Markdown."""
    return printable(push.branch or push.tag or push.ref)


def _folders(count: int) -> str:
    return f"{count} Git folder{'' if count == 1 else 's'}"


def _short(sha: str | None) -> str:
    return f"`{sha[:7]}`" if sha else ""
