"""Print what a promotion will do or has done, for a terminal or a log."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from hooks.results.model import Result, State
from hooks.system.known_secrets import shown
from hooks.workspaces.run import FAILED, Run
from hooks.workspaces.tally import count, git_folders
from promotion.model import Conclusion, Outcome
from promotion.workspace import Report

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {"ok": "green", "failed": "red", "!": "yellow", "-": "dim", "->": "cyan"}
SYMBOLS = {"ok": "✓", "failed": "✗", "!": "!", "-": "↷", "->": "→"}
INDENT = "  "


@dataclass(frozen=True)
class Line:
    """One line of output, mostly about one Git folder."""

    mark: str  # a key of SYMBOLS
    path: str
    words: str
    next_step: str = ""


def open_console(file: IO[str], width: int | None = None) -> Console:
    """Return a console that colours only what is marked, and only on a terminal."""
    from rich.console import Console

    return Console(file=file, highlight=False, markup=False, emoji=False, width=width)


def symbol(console: Console, mark: str) -> str:
    """Return the mark's symbol, or the mark itself where the output can't show it."""
    try:
        SYMBOLS[mark].encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return mark
    return SYMBOLS[mark]


def show_run(console: Console, run: Run, *, preview: bool = False) -> None:
    """Print every workspace with every Git folder of the repository, and a summary."""
    for report in run.reports:
        _show_report(console, report, preview=preview)
    if run.note:
        show_line(console, Line("!", "", run.note))
    if run.problem:
        show_line(console, Line("failed", "", run.problem, run.next_step))
    if run.reports:
        console.print(summary(run, preview=preview), style="bold", soft_wrap=True)


def lines(report: Report, *, preview: bool) -> Iterator[Line]:
    """Yield a line for each Git folder: first those that move, by path. Pure."""
    if preview:
        for decision in report.decisions:
            if decision.moves:
                yield Line("->", decision.folder.path, f"would move: {decision.reason}")
    for outcome in report.outcomes:
        yield Line(_mark(outcome), outcome.folder.path, _words(outcome), outcome.next_step)
    for decision in report.decisions:
        if decision.blocked:
            yield Line("!", decision.folder.path, f"blocked: {decision.reason}")
    for decision in report.decisions:
        if not (decision.moves or decision.blocked):
            yield Line("-", decision.folder.path, decision.reason)
    for each in report.unreadable:
        yield Line("!", each.path, f"could not be read: {each.reason}")


def summary(run: Run, *, preview: bool = False) -> str:
    """Return how many Git folders moved, failed and were left unchanged. Pure."""
    tally = count(run)
    decisions = [decision for report in run.reports for decision in report.decisions]
    if preview:
        counts = {"would move": sum(decision.moves for decision in decisions)}
    else:
        counts = {"promoted": tally.promoted, "superseded": tally.superseded}
        counts |= {"not known": tally.not_known, "failed": tally.failed}
    counts |= {"blocked": tally.blocked, "left unchanged": tally.unchanged}
    counts["not readable"] = tally.unreadable
    words = ", ".join(f"{number} {word}" for word, number in counts.items() if number)
    folders = f"{git_folders(len(decisions))} of this repository"
    return f"{folders}: {words}" if words else folders


def shorten(path: str, width: int) -> str:
    """Cut a path in the middle: keep its beginning and the Git folder's own name. Pure."""
    if len(path) <= width:
        return path
    name = path.rpartition("/")[2]
    room = width - len(name) - 4  # the name, its slash, and the dots
    if room < 1:
        return f".../{name}"
    return f"{path[:room]}.../{name}"


def show_line(console: Console, line: Line) -> None:
    """Print one line; on a terminal, colour it and wrap it where it is too long."""
    from rich.text import Text

    style = STYLES[line.mark]
    mark = f"{INDENT}{symbol(console, line.mark)} "
    words, path = shown(line.words), shown(line.path)
    indent = " " * (len(mark) + 2)
    lead = f"{path}  " if path else ""
    if not console.is_terminal or len(mark) + len(lead) + len(words) <= console.width:
        console.print(Text.assemble((mark, style), lead, (words, style)), soft_wrap=True)
    elif path:
        console.print(Text.assemble((mark, style), shorten(path, console.width - len(mark))))
        _indented(console, words, indent, style)
    else:
        _indented(console, words, mark, style)
    if line.next_step:
        _indented(console, shown(line.next_step), f"{indent}{symbol(console, '->')} ", "")


def title(name: str, host: str) -> str:
    """Return a workspace's name and host; a name that only repeats the host is left out. Pure."""
    return host if host.endswith(f"//{name}") else f"{name}  {host}"


def _show_report(console: Console, report: Report, *, preview: bool) -> None:
    console.print(shown(title(report.workspace, report.host)), style="bold", soft_wrap=True)
    if report.problem:
        show_line(console, Line("failed", "", report.problem, report.next_step))
        return
    for line in lines(report, preview=preview):
        show_line(console, line)


def _indented(console: Console, words: str, indent: str, style: str) -> None:
    """Print indented words; on a terminal, indent the wrapped lines too."""
    from rich.text import Text

    text = Text(words, style)
    parts = [text]
    if console.is_terminal:
        parts = list(text.wrap(console, max(console.width - len(indent), 20)))
    for number, part in enumerate(parts):
        lead = indent if number == 0 else " " * len(indent)
        console.print(Text.assemble((lead, style), part), soft_wrap=True)


def _mark(outcome: Outcome) -> str:
    if outcome.conclusion in FAILED:
        return "failed"
    return {Conclusion.SUCCESS: "ok", Conclusion.SKIPPED: "-"}.get(outcome.conclusion, "!")


def _words(outcome: Outcome) -> str:
    before, after = outcome.before, outcome.after
    if before and after and before != after:
        return f"{outcome.reason} (was {before[:7]})"
    return outcome.reason


# The mark of a conclusion, which is stored by its value in GitHub's API.
MARKS = {"success": "ok", "skipped": "-", "neutral": "!", "cancelled": "!"}
WAITING = {State.WAITING, State.RUNNING}
GOOD = {State.DONE, State.SUPERSEDED}


def show_result(console: Console, result: Result) -> None:
    """Print when a promotion ran, how it ended, each Git folder, and what to do."""
    show_title(console, result)
    if result.identity:
        console.print(f"{INDENT}as {shown(result.identity)}", soft_wrap=True)
    for workspace in result.workspaces:
        named = title(str(workspace.get("workspace")), str(workspace.get("host")))
        console.print(shown(named), style="bold", soft_wrap=True)
        for line in _lines(workspace):
            show_line(console, line)
    if result.message or result.next_step:
        mark = "ok" if result.state in GOOD else "!"
        show_line(console, Line(mark, "", result.message or result.state.value, result.next_step))


def show_title(console: Console, result: Result) -> None:
    """Print one line: what was promoted, how it ended, and when."""
    at = f" at {result.after[:7]}" if result.after else ""
    promoted = sum(_promoted(workspace) for workspace in result.workspaces)
    folders = f", {git_folders(promoted)}" if promoted else ""
    words = f"{result.state.value}{folders}, {ago(time.time() - result.started_at)}"
    line = shown(f"{result.repository} {result.branch}{at}: {words}")
    console.print(line, style="bold", soft_wrap=True)


def ago(seconds: float) -> str:
    """Return a time span in words. Pure."""
    for name, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        count = int(seconds // length)
        if count:
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now"


def _lines(workspace: Mapping[str, Any]) -> Iterator[Line]:
    if problem := workspace.get("problem"):
        yield Line("failed", "", str(problem), str(workspace.get("next_step") or ""))
    for outcome in workspace.get("outcomes") or ():
        mark = MARKS.get(str(outcome.get("conclusion")), "failed")
        words, step = str(outcome.get("reason")), str(outcome.get("next_step") or "")
        yield Line(mark, str(outcome.get("path")), words, step)
    for entry in workspace.get("blocked") or ():
        yield Line("!", str(entry.get("path")), f"blocked: {entry.get('reason')}")
    for entry in workspace.get("unchanged") or ():
        yield Line("-", str(entry.get("path")), str(entry.get("reason")))


def _promoted(workspace: Mapping[str, Any]) -> int:
    ended = [outcome.get("conclusion") for outcome in workspace.get("outcomes") or ()]
    return ended.count(Conclusion.SUCCESS.value)
