"""Print the findings: signs and colours on a terminal, plain lines elsewhere, or JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from github_app.doctor.finding import Finding, State, holds
from promotion.safe_text import printable

SIGNS = {
    State.OK: "✓",
    State.WARNING: "!",
    State.BROKEN: "✗",
    State.UNTESTED: "?",
    State.SKIPPED: "-",
}
COLOURS = {
    State.OK: "green",
    State.WARNING: "yellow",
    State.BROKEN: "red",
    State.UNTESTED: "yellow",
    State.SKIPPED: "bright_black",
}
INDENT = 4


class Lines:
    """Prints findings one by one."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._part = ""

    def show(self, finding: Finding) -> None:
        if self._console.is_terminal:
            self._draw(finding)
            return
        fix = f" -- fix: {finding.fix}" if finding.fix else ""
        line = f"{finding.state.value:7} {finding.part}: {finding.link}: {finding.says}{fix}"
        self._print(Text(printable(line)), soft_wrap=True)

    def end(self, findings: Sequence[Finding]) -> None:
        """Print the summary."""
        self._print(Text(closing(findings)), soft_wrap=True)

    def _draw(self, finding: Finding) -> None:
        if finding.part != self._part:
            self._print(Text(f"\n{finding.part}" if self._part else finding.part, style="bold"))
            self._part = finding.part
        unicode = (self._console.encoding or "").lower().startswith("utf")
        sign = SIGNS[finding.state] if unicode else finding.state.value
        line = Text.assemble(
            (sign, COLOURS[finding.state]),
            *(" ", (printable(finding.link), "bold"), "  ", printable(finding.says)),
        )
        self._print(Padding(line, (0, 0, 0, 2)))
        if finding.fix:
            self._print(Padding(Text(f"fix: {printable(finding.fix)}"), (0, 0, 0, INDENT)))

    def _print(self, what: Text | Padding, *, soft_wrap: bool = False) -> None:
        self._console.print(what, soft_wrap=soft_wrap, highlight=False, markup=False)


def closing(findings: Sequence[Finding]) -> str:
    """Return the summary line. Pure."""
    counts = Counter(finding.state for finding in findings)
    words = [
        f"{counts[state]} {name}"
        for state, name in (
            (State.BROKEN, "broken"),
            (State.UNTESTED, "not tested"),
            (State.WARNING, "with a warning"),
        )
        if counts[state]
    ]
    if holds(findings):
        words.insert(0, "every link works")
    return f"doctor: {', '.join(words)}"


def in_json(findings: Sequence[Finding]) -> str:
    """Return the findings as JSON. Pure."""
    links = [
        {
            "part": finding.part,
            "link": finding.link,
            "state": finding.state.value,
            "says": finding.says,
            "fix": finding.fix,
        }
        for finding in findings
    ]
    return json.dumps({"ok": holds(findings), "links": links}, indent=2)
