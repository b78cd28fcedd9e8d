"""Real pushes to a service that is killed and started again, and what must be true at the end."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from forked import Point
from running import Developer, Service, wait_until
from witness import Witness

from sandbox import world
from sandbox.github.check_runs import CheckRun
from sandbox.sandbox import Sandbox

BRANCHES = ("main", "dev")
SETTLE_SECONDS = 60.0
QUICK = {
    "BRICKPUSH_GITHUB__DELIVERY_LOG_SECONDS": "1",
    "BRICKPUSH_GITHUB__WRITE_SECONDS": "0",
    "BRICKPUSH_LEASE_SECONDS": "4",
}


def serve(sandbox: Sandbox, point: Point | None = None, **environ: str) -> Service:
    """Start the service, which may die before it listens."""
    log = sandbox.directory / "service.log"
    return Service(sandbox.config_path, log, point=point, **QUICK, **environ)


class Scenario:
    """A developer who pushes to two branches, and two workspaces that follow them."""

    def __init__(self, sandbox: Sandbox, directory: Path, **environ: str):
        self.sandbox, self.environ = sandbox, environ
        for workspace in sandbox.workspaces:
            for branch in BRANCHES:
                repository = sandbox.github.repository(world.MAIN)
                workspace.add_git_folder(
                    f"/Repos/ada/{branch}",
                    repository.clone_url,
                    branch=branch,
                    source=repository.path,
                )
        self.developer = Developer(sandbox, directory)
        self.developer.git("branch", "dev", "origin/dev")
        self.history = {
            branch: self.developer.git("rev-list", "--reverse", branch).split()
            for branch in BRANCHES
        }
        paths = {branch: [f"/Repos/ada/{branch}"] for branch in BRANCHES}
        self.witness = Witness(sandbox, self.history, paths)
        self.pushes = 0
        self.recovery_seconds: list[float] = []

    def commit(self, branch: str) -> str:
        self.developer.git("checkout", "-q", branch)
        sha = self.developer.commit(f"jobs/{branch}.py")
        self.history[branch].append(sha)
        return sha

    def push(self) -> list[str]:
        """Push two branches at once, and one of them again; return the pushed commits."""
        first = [self.commit(branch) for branch in BRANCHES]
        self.developer.push("origin", *BRANCHES)
        second = self.commit("main")
        self.developer.push("origin", "main")
        self.pushes += 3
        return [*first, second]

    @contextlib.contextmanager
    def running(self, point: Point | None = None):
        service = serve(self.sandbox, point, **self.environ)
        try:
            if service.url is not None:
                self.sandbox.github.hook_url = service.hook
            yield service
        finally:
            service.close()

    def killed_at(self, point: Point) -> bool:
        """Push to a service that dies at *point*, start it again, and check all; say if it died."""
        with self.running(point) as dying:
            pushed = self.push()
            wait_until(
                lambda: dying.process.poll() is not None or self.settled(pushed),
                seconds=SETTLE_SECONDS,
                what=f"a death at {point}, or the end of the work",
            )
            died = dying.process.poll() is not None
        if died:
            started = time.monotonic()
            with self.running():
                wait_until(
                    lambda: self.settled(pushed),
                    seconds=SETTLE_SECONDS,
                    what=f"all check runs after a death at {point}",
                )
            self.recovery_seconds.append(time.monotonic() - started)
        self.check(pushed)
        return died

    def settled(self, pushed: list[str]) -> bool:
        runs = self.runs_on(pushed)
        ended = {(r.head_sha, r.name) for r in runs if r.status == "completed"}
        return len(ended) == len(pushed) * len(self.sandbox.workspaces)

    def runs_on(self, pushed: list[str]) -> list[CheckRun]:
        return [run for run in self.sandbox.github.check_runs if run.head_sha in pushed]

    def check(self, pushed: list[str]) -> None:
        """Nothing is lost, nothing doubled, nothing said that is not so."""
        wrong = [
            f"{workspace.name}{folder.path} is at {folder.head_commit_id}"
            for workspace in self.sandbox.workspaces
            for folder in workspace.folders()
            if folder.head_commit_id != self.history[folder.branch][-1]
        ]
        runs = sorted((run.head_sha, run.name, run.status) for run in self.runs_on(pushed))
        assert wrong == []
        assert runs == sorted(
            (sha, f"Brickpush / {workspace.name}", "completed")
            for sha in pushed
            for workspace in self.sandbox.workspaces
        )
        assert self.witness.untrue == []
