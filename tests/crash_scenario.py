"""Real pushes to a service that is killed and started again, and what must be true at the end."""

from __future__ import annotations

import contextlib
from pathlib import Path

from forked import Point
from histories import BY_DEVELOPERS, RULES, Story, write_rules
from running import Service, wait_until
from verdicts import Fault
from witness import Witness

from sandbox import world
from sandbox.github.state.disorder import Disorder
from sandbox.sandbox import Sandbox

SETTLE_SECONDS = 60.0
QUICK = {
    "BRICKPUSH_GITHUB__DELIVERY_LOG_SECONDS": "1",
    "BRICKPUSH_GITHUB__WRITE_SECONDS": "0",
    "BRICKPUSH_RECONCILE_SECONDS": "1",
    "BRICKPUSH_LEASE_SECONDS": "4",
}
# At each point: a force-push, a second branch at the same commit, and a revert by force-push.
AT_EACH_POINT = ("amend", "same_commit", "revert")


def serve(sandbox: Sandbox, point: Point | None = None, **environ: str) -> Service:
    """Start the service, which may die before it listens."""
    log = sandbox.directory / "service.log"
    return Service(sandbox.config_path, log, point=point, **{**QUICK, **environ})


def be_unkind(sandbox: Sandbox, seed: int) -> None:
    """Let deliveries come in disorder, and reads lag behind, as GitHub's and Databricks' do."""
    sandbox.github.disturb_deliveries(
        Disorder(seed=seed, lost=0.05, unheard=0.05, repeated=0.1, replayed=0.1, again_seconds=2.0)
    )
    sandbox.github.replicas.lag(share=0.2, seconds=0.5, seed=seed)
    for number, workspace in enumerate(sandbox.workspaces):
        workspace.replicas.lag(0.0, 0.0, 0.3, seed=seed + number)


class Scenario:
    """A developer whose history is no straight line, and two workspaces that follow it."""

    def __init__(self, sandbox: Sandbox, directory: Path, **environ: str):
        self.sandbox, self.environ = sandbox, environ
        write_rules(sandbox)
        self.story = Story(sandbox, directory, seed=1, repository=world.MAIN)
        self.witness = Witness(sandbox, RULES)
        be_unkind(sandbox, seed=1)
        self.recovery_seconds: list[float] = []
        self._known: set[Fault] = set()  # of earlier points

    def push(self) -> None:
        for kind in AT_EACH_POINT:
            self.story.do(kind)
        self.story.step(BY_DEVELOPERS)

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
            self.push()
            wait_until(
                lambda: dying.process.poll() is not None or self.is_done(),
                seconds=SETTLE_SECONDS,
                what=f"a death at {point}, or the end of the work\n{self.story.told()}",
            )
            died = dying.process.poll() is not None
        if died:
            with self.running():
                self.recovery_seconds.append(self.settle())
        self.witness.check(self.story.told, self._known)
        return died

    def is_done(self) -> bool:
        return self.witness.is_settled(self._known)

    def settle(self) -> float:
        return self.witness.wait_until_settled(
            seconds=SETTLE_SECONDS, told=self.story.told, known=self._known
        )

    def forgive(self) -> None:
        """Blame no later point for what is wrong by now."""
        self._known = set(self.witness.all_faults())
