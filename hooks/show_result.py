"""Show a promotion that this machine remembers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hooks.known_secrets import shown
from hooks.presentation import INDENT, Line, show_line, title
from hooks.result import Result, State
from hooks.tally import git_folders
from promotion.outcome import Conclusion

if TYPE_CHECKING:
    from rich.console import Console

# What a conclusion looks like; the stored words are those of GitHub's check runs.
MARKS = {"success": "ok", "skipped": "-", "neutral": "!", "cancelled": "!"}
WAITING = {State.WAITING, State.RUNNING}
GOOD = {State.DONE, State.SUPERSEDED}


def show_result(console: Console, result: Result) -> None:
    """Print when it ran and how it ended, each Git folder, and what to do."""
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
    told = shown(f"{result.repository} {result.branch}{at}: {words}")
    console.print(told, style="bold", soft_wrap=True)


def ago(seconds: float) -> str:
    """Return a span of time in the words that people use. Pure."""
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
    for entry in workspace.get("stays") or ():
        yield Line("-", str(entry.get("path")), str(entry.get("reason")))


def _promoted(workspace: Mapping[str, Any]) -> int:
    ended = [outcome.get("conclusion") for outcome in workspace.get("outcomes") or ()]
    return ended.count(Conclusion.SUCCESS.value)
