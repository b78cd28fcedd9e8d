"""Whether what GitHub is told is so, at the moment at which it is told."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from sandbox.github.check_runs import CheckRun
from sandbox.sandbox import Sandbox


@dataclass
class Witness:
    """Sees every success at the moment at which GitHub is told of it, and looks whether it is so.

    *history* has the commits of what is followed, oldest first, and *paths* the Git folders that
    follow it, the same in every workspace.
    """

    sandbox: Sandbox
    history: dict[str, list[str]]
    paths: dict[str, list[str]]
    successes: int = 0
    untrue: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.sandbox.github.watch_check_runs(self)

    def __call__(self, run: CheckRun) -> None:
        if run.conclusion != "success":
            return
        with self._lock:
            self.successes += 1
        followed = next(name for name, commits in self.history.items() if run.head_sha in commits)
        commits = self.history[followed]
        behind = {None, *commits[: commits.index(run.head_sha)]}
        workspace = self.sandbox.workspace(run.name.removeprefix("Brickpush / "))
        for path in self.paths[followed]:
            if workspace.folder(path).head_commit_id in behind:
                self.untrue.append(f"{run.name} of {run.head_sha}: {path}")
