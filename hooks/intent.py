"""What the hook wrote down for the process that it left behind."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hooks.result import Result, State, repository_name, without_password

FOLDER = "intents"
START_SECONDS = 30.0  # a process that has not begun by then never will


@dataclass(frozen=True)
class Intent:
    """One push, as it was seen before it began to send."""

    key: str
    started_at: float
    directory: str
    remote: str  # the remote's name, or the URL without secrets
    url: str  # without secrets
    refs: dict[str, str]  # {"refs/heads/main": sha}, as far as they were told
    complete: bool  # whether these are all branches that the push moves
    before: dict[str, str]  # every tracking ref before the push
    pusher: tuple[int, str] | None  # the pid of `git push` and when it began

    @property
    def by_url(self) -> bool:
        """Whether the push named a URL instead of a remote."""
        return self.remote == self.url

    def result(self, number: int, ref: str, after: str) -> Result:
        """Return the result of one of the push's refs, before anything is known."""
        return Result(
            key=f"{self.key}-{number}" if number else self.key,
            repository=repository_name(self.url),
            remote=without_password(self.remote),
            url=without_password(self.url),
            ref=ref,
            after=after,
            state=State.WAITING,
            started_at=self.started_at,
            message="waiting for the push to end",
        )

    def results(self) -> list[Result]:
        """Return a result for each ref that the hook was told of."""
        return [self.result(n, ref, sha) for n, (ref, sha) in enumerate(self.refs.items())]


def read_intent(path: Path) -> Intent:
    """Read what the hook wrote; raises ValueError or OSError."""
    try:
        return Intent(**ast.literal_eval(path.read_text(encoding="ascii")))
    except (SyntaxError, TypeError) as exc:
        raise ValueError(f"{path} is not a hook's note") from exc


def unclaimed(directory: Path) -> Iterator[tuple[Path, Intent]]:
    """Yield the notes that no process has taken up."""
    for path in sorted((directory / FOLDER).glob("*")):
        try:
            yield path, read_intent(path)
        except (OSError, ValueError):
            continue
