"""Render a run as JSON and as Markdown for GitHub's job summary. Pure, except for writing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hooks.output.terminal import SYMBOLS, lines, summary, title
from hooks.results.model import workspace_as_json
from hooks.system.known_secrets import hide, hide_within
from hooks.workspaces.run import Run
from promotion.model import Push
from promotion.safe_text import escape
from promotion.workspace import Report


def run_as_json(run: Run, push: Push, *, preview: bool = False) -> dict[str, Any]:
    """Return the run as JSON values, with the words that the terminal shows."""
    body: dict[str, Any] = {
        "repository": push.repository,
        "ref": push.ref,
        "commit": push.after or None,
        "identity": run.identity,
        "workspaces": [_workspace(report, preview=preview) for report in run.reports],
        "note": run.note,
        "problem": run.problem,
        "next_step": run.next_step,
    }
    found: dict[str, Any] = hide_within(body)
    return found


def _workspace(report: Report, *, preview: bool) -> dict[str, Any]:
    body = workspace_as_json(report)
    body["unreadable"] = [{"path": each.path, "reason": each.reason} for each in report.unreadable]
    if preview:
        body["moves"] = [
            {"path": decision.folder.path, "reason": decision.reason}
            for decision in report.decisions
            if decision.moves
        ]
    return body


def write_job_summary(path: Path, run: Run, push: Push, *, preview: bool = False) -> None:
    """Append the run to the job's summary; raises OSError where that is not possible."""
    with path.open("a", encoding="utf-8") as file:
        file.write(markdown(run, push, preview=preview))


def markdown(run: Run, push: Push, *, preview: bool = False) -> str:
    """Return the run as a heading, and a table with a line for each Git folder."""
    commit = f" at `{push.after[:7]}`" if push.after else ""
    branch = cell(push.branch or push.ref)
    parts = [f"### {cell(push.repository)}: {branch}{commit}", ""]
    if run.identity:
        parts += [f"As {cell(run.identity)}. {summary(run, preview=preview)}.", ""]
    for report in run.reports:
        parts += _table(report, preview=preview)
    if run.note:
        parts += [f"{SYMBOLS['!']} {cell(run.note)}", ""]
    if run.problem:
        parts += [f"{SYMBOLS['failed']} {cell(run.problem)}", ""]
    if run.next_step:
        parts += [f"Next: {cell(run.next_step)}", ""]
    return "\n".join(parts) + "\n"


def _table(report: Report, *, preview: bool) -> Iterator[str]:
    yield f"**{cell(title(report.workspace, report.host))}**"
    yield ""
    if report.problem:
        yield f"{SYMBOLS['failed']} {cell(report.problem)} {cell(report.next_step)}".rstrip()
        yield ""
        return
    rows = list(lines(report, preview=preview))
    if rows:
        yield "| | Git folder | What happened | Next step |"
        yield "|---|---|---|---|"
    for line in rows:
        columns = (SYMBOLS[line.mark], cell(line.path), cell(line.words), cell(line.next_step))
        yield f"| {' | '.join(columns)} |"
    yield ""


def cell(text: str) -> str:
    """Return *text* so that Markdown shows it as it is, inside a table, and without secrets."""
    return escape(hide(text))
