"""A service, the APIs it talks to, and what must be true whatever these do."""

from __future__ import annotations

import contextlib
import time

from app_world import FAST, checks, fill, post, push_payload
from leaks import leak_in, secrets_of
from running import Developer, Service, wait_until
from witness import Witness

from sandbox import world
from sandbox.faults import HTML
from sandbox.github.deliveries import Delivery
from sandbox.sandbox import Sandbox

QUICK = {**FAST, "BRICKPUSH_RECONCILE_SECONDS": "1"}
SETTLE_SECONDS = 45.0
# How an API may fail, in the words of `Faults.add`; "refuse" is done by its listener.
KINDS = {
    "slow": {"status": "late", "seconds": 1.0},
    "hang": {"status": "hang"},
    "reset": {"status": "reset"},
    "half": {"status": "half"},
    "html": {"status": "html"},
    "html 200": {"status": 200, "body": HTML},
    "empty": {"status": "empty"},
    "empty 200": {"status": 200, "body": ""},
    "429": {"status": 429},
    "429 wait": {"status": 429, "headers": {"Retry-After": "1"}},
    "503": {"status": 503},
    "503 wait": {"status": 503, "headers": {"Retry-After": "1"}},
    "refuse": {},
}
APIS = ("github", "git", "entra", "databricks")


class Scene:
    """Two workspaces with Git folders of one repository, and a service that keeps them at it."""

    def __init__(self, sandbox: Sandbox) -> None:
        fill(sandbox)
        self.sandbox, self.github = sandbox, sandbox.github
        self.workspaces = sandbox.workspaces
        self.history = [self.github.head(world.MAIN, "main")]
        paths = [folder.path for folder in self.workspaces[0].folders()]
        self.witness = Witness(sandbox, {"main": self.history}, {"main": paths})
        self.log = sandbox.directory / "service.log"
        self.service: Service | None = None

    def start(self, **options) -> Service:
        """Start the service, where the last one has ended; webhooks go there from now on."""
        if self.service is not None:
            self.service.close()
        self.service = Service(self.sandbox.config_path, self.log, **{**QUICK, **options})
        self.github.hook_url = self.service.hook
        return self.service

    def push(self) -> str:
        """Commit, tell the service as GitHub does, and return the commit, which it has taken."""
        before, number = self.history[-1], len(self.history)
        files = {f"jobs/{number}.py": f"rows = {number}\n"}
        sha = self.github.commit(world.MAIN, "main", files, f"Change {number}")
        self.history.append(sha)
        status, _ = post(self.sandbox, self.service, push_payload(self.sandbox, before, sha))
        assert status == 202
        return sha

    def push_as(self, developer: Developer) -> Delivery:
        """Push by git; return how GitHub's delivery went."""
        developer.git("pull", "-q", "origin", "main")
        sha = developer.commit(f"jobs/{len(self.history)}.py")
        self.history.append(sha)
        before = len(self._deliveries())
        developer.push()
        wait_until(lambda: len(self._deliveries()) > before, what="the delivery")
        return self._deliveries()[-1]

    def _deliveries(self) -> list[Delivery]:
        return [each for each in self.github.deliveries if each.event == "push"]

    def promoted(self, sha: str) -> bool:
        """Say whether every Git folder is there, and every workspace's check run says so."""
        runs = checks(self.sandbox, sha)
        conclusions = [run.conclusion for run in runs.values()]
        return self.heads() == {sha} and conclusions == ["success"] * len(self.workspaces)

    def heads(self) -> set[str | None]:
        return {f.head_commit_id for w in self.workspaces for f in w.folders()}

    def wait_promoted(self, sha: str, seconds: float = SETTLE_SECONDS) -> float:
        """Wait until *sha* is promoted, and return how long that took."""
        started = time.monotonic()
        wait_until(lambda: self.promoted(sha), seconds=seconds, what=f"{sha[:7]} everywhere")
        return time.monotonic() - started

    def calls(self, method: str, path: str) -> int:
        """Return how many requests for a path that begins so the workspaces have seen."""
        seen = [request for workspace in self.workspaces for request in workspace.requests]
        return sum(each.method == method and each.path.startswith(path) for each in seen)

    def log_size(self) -> int:
        return self.log.stat().st_size

    def said(self, words: str, since: int = 0) -> bool:
        """Say whether the service's log has *words* in it after the first *since* bytes."""
        return words.encode() in self.log.read_bytes()[since:]

    @contextlib.contextmanager
    def trouble(self, api: str, kind: str):
        """Have all that is asked of an API fail; yield how often something was asked."""
        if kind == "refuse":
            names = [w.name for w in self.workspaces] if api == "databricks" else [api]
            with contextlib.ExitStack() as stack:
                for name in names:
                    listener = self.sandbox.listeners["github" if name == "git" else name]
                    stack.enter_context(listener.refusing())
                yield lambda: 0
            return
        places = self.faults(api)
        struck = [faults.add(path=path, times=None, **KINDS[kind]) for faults, path in places]
        try:
            yield lambda: sum(fault.hits for fault in struck)
        finally:
            self.calm()

    def failed(self, sha: str, since: int) -> bool:
        """Say whether a promotion has failed, by its check run or by the log after *since*."""
        conclusions = {run.conclusion for run in checks(self.sandbox, sha).values()}
        return bool(conclusions - {None, "success"}) or self.said("promotion failed", since)

    def faults(self, api: str):
        """Return the faults that an API may have, each with the paths that are meant."""
        return {
            "github": [(self.sandbox.github_faults, "/api/v3/*")],
            "git": [(self.sandbox.github_faults, "/*.git/*")],
            "entra": [(self.sandbox.entra.faults, "*")],
            "databricks": [(workspace.faults, "/api/*") for workspace in self.workspaces],
        }[api]

    def calm(self) -> None:
        """End every fault."""
        for api in APIS:
            for faults, _ in self.faults(api):
                faults.clear()

    def check(self) -> None:
        """Nothing said that is not so, nobody dead, no secret told, no check run left open."""
        marks = [secret.encode() for secret in secrets_of(self.sandbox)]
        assert self.witness.untrue == []
        assert self.service.process.poll() is None
        assert leak_in(self.log.read_bytes(), marks) is None
        wait_until(
            lambda: all(run.status == "completed" for run in self.github.check_runs),
            what="the end of every check run",
        )
