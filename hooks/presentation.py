"""Say in lines what a promotion will do or has done, for a terminal or for a log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from hooks.known_secrets import shown
from hooks.run import FAILED, Run
from hooks.tally import count, git_folders
from promotion.outcome import Conclusion, Outcome
from promotion.workspace import Report

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {"ok": "green", "failed": "red", "!": "yellow", "-": "dim", "->": "cyan"}
SYMBOLS = {"ok": "✓", "failed": "✗", "!": "!", "-": "↷", "->": "→"}
INDENT = "  "


@dataclass(frozen=True)
class Line:
    """What is said of one Git folder."""

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
    """Yield a line for each Git folder: what moves first, by path, then what stays. Pure."""
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
    for blind in report.blind_spots:
        yield Line("!", blind.path, f"could not be seen: {blind.reason}")


def summary(run: Run, *, preview: bool = False) -> str:
    """Return how many Git folders moved, failed and were left as they are. Pure."""
    tally = count(run)
    decisions = [decision for report in run.reports for decision in report.decisions]
    if preview:
        counts = {"would move": sum(decision.moves for decision in decisions)}
    else:
        counts = {"promoted": tally.promoted, "superseded": tally.superseded}
        counts |= {"not known": tally.not_known, "failed": tally.failed}
    counts |= {"blocked": tally.blocked, "left unchanged": tally.unchanged}
    counts["not seen"] = tally.not_seen
    told = ", ".join(f"{number} {word}" for word, number in counts.items() if number)
    folders = f"{git_folders(len(decisions))} of this repository"
    return f"{folders}: {told}" if told else folders


def shorten(path: str, width: int) -> str:
    """Cut a path in the middle: where it begins, and the Git folder's own name, stay. Pure."""
    if len(path) <= width:
        return path
    name = path.rpartition("/")[2]
    room = width - len(name) - 4  # the name, its slash, and the dots
    if room < 1:
        return f".../{name}"
    return f"{path[:room]}.../{name}"


def show_line(console: Console, line: Line) -> None:
    """Print one line; on a terminal coloured, and broken where it is too long."""
    from rich.text import Text

    style = STYLES[line.mark]
    mark = f"{INDENT}{symbol(console, line.mark)} "
    words, path = shown(line.words), shown(line.path)
    indent = " " * (len(mark) + 2)
    told = f"{path}  " if path else ""
    if not console.is_terminal or len(mark) + len(told) + len(words) <= console.width:
        console.print(Text.assemble((mark, style), told, (words, style)), soft_wrap=True)
    elif path:
        console.print(Text.assemble((mark, style), shorten(path, console.width - len(mark))))
        _indented(console, words, indent, style)
    else:
        _indented(console, words, mark, style)
    if line.next_step:
        _indented(console, shown(line.next_step), f"{indent}{symbol(console, '->')} ", "")


def title(name: str, host: str) -> str:
    """Return how a workspace is called: a name that only repeats the host is left out. Pure."""
    return host if host.endswith(f"//{name}") else f"{name}  {host}"


def _show_report(console: Console, report: Report, *, preview: bool) -> None:
    console.print(shown(title(report.workspace, report.host)), style="bold", soft_wrap=True)
    if report.problem:
        show_line(console, Line("failed", "", report.problem, report.next_step))
        return
    for line in lines(report, preview=preview):
        show_line(console, line)


def _indented(console: Console, words: str, indent: str, style: str) -> None:
    """Print words under an indent; on a terminal, so that wrapped lines keep it."""
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
