"""Show the progress of a promotion: a bar on a terminal, else a line for each Git folder."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from hooks.output.terminal import open_console, symbol
from hooks.system.known_secrets import shown
from hooks.workspaces.run import FAILED
from promotion.model import Outcome
from promotion.plan import Decision
from promotion.workspace import Progress

if TYPE_CHECKING:
    import rich.progress


class PlainProgress(Progress):
    """Prints a line for each Git folder whose promotion has ended; redraws nothing."""

    def __init__(self, file: IO[str]) -> None:
        self._console = open_console(file)
        self._lock = threading.Lock()
        self._planned = 0
        self._done = 0

    def planned(self, decisions: Sequence[Decision]) -> None:
        with self._lock:
            self._planned += sum(decision.moves for decision in decisions)

    def ended(self, outcome: Outcome) -> None:
        with self._lock:
            self._done += 1
            count = f"{self._done}/{self._planned}"
            words = shown(f"{outcome.folder.path}: {outcome.reason}")
            self._console.print(f"{count} {words}", soft_wrap=True)


class BarProgress(Progress):
    """Moves a bar; prints failures at once, and leaves the rest to the result."""

    def __init__(self, bar: rich.progress.Progress, words: str) -> None:
        self._bar = bar
        self._words = shown(words)
        self._task = bar.add_task("Looking for Git folders", total=None)
        self._lock = threading.Lock()
        self._planned = 0

    def planned(self, decisions: Sequence[Decision]) -> None:
        with self._lock:
            self._planned += sum(decision.moves for decision in decisions)
            self._bar.update(self._task, total=self._planned, description=self._words)

    def ended(self, outcome: Outcome) -> None:
        if outcome.conclusion in FAILED:
            console = self._bar.console
            path = shown(outcome.folder.path)
            console.print(f"{symbol(console, 'failed')} {path}", style="red")
        self._bar.advance(self._task)


@contextmanager
def progress_display(file: IO[str], words: str) -> Iterator[Progress]:
    """Yield the progress that suits the output."""
    console = open_console(file)
    if not console.is_terminal:
        yield PlainProgress(file)
        return
    from rich import progress

    unicode = symbol(console, "ok") != "ok"
    with progress.Progress(
        progress.SpinnerColumn("dots" if unicode else "line"),
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(bar_width=30),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as bar:
        yield BarProgress(bar, words)
