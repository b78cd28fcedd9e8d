"""Read the queued push that the hook wrote for the background process."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hooks.results.model import Result, State, repository_name, without_password

FOLDER = "queued-pushes"
START_SECONDS = 30.0  # a worker that has not started by then never will


@dataclass(frozen=True)
class QueuedPush:
    """One push, as it was before git began to send."""

    key: str
    started_at: float
    directory: str
    remote: str  # the remote's name, or the URL without secrets
    url: str  # without secrets
    refs: dict[str, str]  # {"refs/heads/main": sha}, those that the hook was given
    complete: bool  # whether these are all the branches that the push moves
    before: dict[str, str]  # every tracking ref before the push
    pusher: tuple[int, str] | None  # the pid and the start time of `git push`

    @property
    def by_url(self) -> bool:
        """Whether the push named a URL instead of a remote."""
        return self.remote == self.url

    def result(self, number: int, ref: str, after: str) -> Result:
        """Return the initial result of one of the push's refs."""
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
        """Return the initial result of each ref that the hook was given."""
        return [self.result(n, ref, sha) for n, (ref, sha) in enumerate(self.refs.items())]


def read_queued_push(path: Path) -> QueuedPush:
    """Read a queued push; raises ValueError or OSError."""
    try:
        return QueuedPush(**ast.literal_eval(path.read_text(encoding="ascii")))
    except (SyntaxError, TypeError) as exc:
        raise ValueError(f"{path} is not a queued push") from exc


def unclaimed(directory: Path) -> Iterator[tuple[Path, QueuedPush]]:
    """Yield the queued pushes that no worker has taken."""
    for path in sorted((directory / FOLDER).glob("*")):
        try:
            yield path, read_queued_push(path)
        except (OSError, ValueError):
            continue
