"""A service, the APIs it talks to, and what must be true whatever these do."""

from __future__ import annotations

import contextlib
import time
from email.utils import formatdate

from app_world import FAST, checks, fill, heads, post, push_payload
from crash_scenario import be_unkind
from histories import RULES, Story, write_rules
from leaks import leak_in, secrets_of
from running import Developer, Service, wait_until
from verdicts import MADE_TWICE, identity_of
from verdicts import Fault as WitnessedFault
from witness import Witness

from sandbox import world
from sandbox.faults import HTML, Fault
from sandbox.github.state.deliveries import Delivery
from sandbox.sandbox import Sandbox

QUICK = {**FAST, "BRICKPUSH_RECONCILE_SECONDS": "1"}
SETTLE_SECONDS = 45.0
PLAIN_NAME = "etl-main"  # of the Git folders that follow nothing but what `Scene.push` pushes
PAGE = {"body": HTML, "headers": {"Content-Type": "text/html"}}
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
    "403": {"status": 403},
    "403 html": {"status": 403, **PAGE},
    "404": {"status": 404},
    "404 html": {"status": 404, **PAGE},
    "429": {"status": 429},
    "429 wait": {"status": 429, "headers": {"Retry-After": "1"}},
    "429 wait 0": {"status": 429, "headers": {"Retry-After": "0"}},
    "429 wait 7": {"status": 429, "headers": {"Retry-After": "7"}},
    "429 wait 120": {"status": 429, "headers": {"Retry-After": "120"}},
    "429 until": {"status": 429},  # a date, at which it is over
    "503": {"status": 503},
    "503 wait": {"status": 503, "headers": {"Retry-After": "1"}},
    "refuse": {},
}
# What an API says in its own words, and kinds that only it has.
OWN_KINDS = {
    ("github", "403"): {"body": {"message": "Resource not accessible by integration"}},
    ("github", "404"): {"body": {"message": "Not Found", "status": "404"}},
    ("git", "403"): {"body": "Write access to repository not granted.\n"},
    ("git", "404"): {"body": "Repository not found.\n"},
    ("databricks", "403"): {
        "body": {
            "error_code": "PERMISSION_DENIED",
            "message": "You do not have CAN_MANAGE permissions on this Git folder.",
        }
    },
    ("databricks", "403 address"): {
        "status": 403,
        "body": "Unauthorized access to Org: 1234567890123456",
    },
    ("databricks", "404"): {
        "body": {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Repo could not be found"}
    },
    ("databricks", "404 off"): {
        "status": 404,
        "body": {"error_code": "FEATURE_DISABLED", "message": "Repos is disabled."},
    },
    ("databricks", "404 nowhere"): {
        "status": 404,
        "body": {"error_code": "ENDPOINT_NOT_FOUND", "message": "No API found for 'GET /repos'"},
    },
}
APIS = ("github", "git", "entra", "databricks")
CASES = [(api, kind) for api in APIS for kind in KINDS] + [
    case for case in OWN_KINDS if case[1] not in KINDS
]


def fault_of(api: str, kind: str) -> dict:
    """Return how that API fails so, in the words of `Faults.add`."""
    fault = {**KINDS.get(kind, {}), **OWN_KINDS.get((api, kind), {})}
    if kind == "429 until":
        fault["headers"] = {"Retry-After": formatdate(time.time() + 2, usegmt=True)}
    return fault


class Scene:
    """Two workspaces with Git folders of one repository, and a service that keeps them at it.

    Of a second repository there is a story, whose history is no straight line.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        fill(sandbox)
        write_rules(sandbox)
        self.sandbox, self.github = sandbox, sandbox.github
        self.workspaces = sandbox.workspaces
        self.history = [self.github.head(world.MAIN, "main")]
        self.story = Story(
            sandbox, sandbox.directory / "story", seed=1, repository=world.REPOSITORIES[2]
        )
        self.witness = Witness(sandbox, RULES)
        self._known: set[WitnessedFault] = set()  # of earlier tests with the same scene
        self.log = sandbox.directory / "service.log"
        self.service: Service | None = None

    def start(self, **options) -> Service:
        """Start the service, where the last one has ended; webhooks go there from now on."""
        if self.service is not None:
            self.service.close()
        self.service = Service(self.sandbox.config_path, self.log, **{**QUICK, **options})
        self.github.hook_url = self.service.hook
        return self.service

    def begin(self) -> None:
        """Have the service be well, and blame nobody for what was before."""
        self.wait_promoted(self.push())
        self._known = set(self.witness.all_faults())

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

    @contextlib.contextmanager
    def unkind(self, seed: int):
        """Deliver in disorder meanwhile, and answer reads from replicas that are behind."""
        be_unkind(self.sandbox, seed)
        try:
            yield
        finally:
            self.github.disturb_deliveries(None)
            self.github.replicas.catch_up()
            for workspace in self.workspaces:
                workspace.replicas.lag()

    def promoted(self, sha: str) -> bool:
        """Say whether every Git folder is there, and every workspace's check run says so."""
        runs = checks(self.sandbox, sha)
        conclusions = [run.conclusion for run in runs.values()]
        return self.heads() == {sha} and conclusions == ["success"] * len(self.workspaces)

    def reported_in(self, sha: str) -> list[str | None]:
        """Return the workspace of each check run of a commit."""
        named = [identity_of(run) for run in self.github.check_runs if run.head_sha == sha]
        return sorted(identity.workspace for identity in named)

    def heads(self) -> set[str | None]:
        return heads(self.sandbox, PLAIN_NAME)

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
        """Have all that is asked of an API fail; yield how often something was asked.

        Where an API hangs, the other workspace goes on.
        """
        if kind == "refuse":
            names = [w.name for w in self.workspaces] if api == "databricks" else [api]
            with contextlib.ExitStack() as stack:
                for name in names:
                    listener = self.sandbox.listeners["github" if name == "git" else name]
                    stack.enter_context(listener.refusing())
                yield lambda: 0
            return
        places = self.faults(api)[: 1 if kind == "hang" else None]
        struck: list[Fault] = [
            faults.add(path=path, times=None, **fault_of(api, kind)) for faults, path in places
        ]
        try:
            yield lambda: sum(fault.hits for fault in struck)
        finally:
            self.calm()

    def failed(self, sha: str, since: int) -> bool:
        """Say whether a promotion has failed, by its check run or by the log after *since*."""
        conclusions = {run.conclusion for run in checks(self.sandbox, sha).values()}
        return bool(conclusions - {None, "success"}) or self.said("promotion.failed", since)

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

    def made_twice_on_purpose(self, sha: str) -> None:
        """Blame nobody for check runs of *sha* that there are twice: GitHub lied about the first."""
        faults = self.witness.all_faults()
        self._known |= {
            fault for fault in faults if fault.kind == MADE_TWICE and sha[:7] in fault.what
        }

    def check(self, seconds: float = SETTLE_SECONDS) -> None:
        """Nothing said that is not so, all told in the end, nobody dead, no secret told."""
        self.story.finish()
        told = self.story.told
        self.witness.wait_until_settled(seconds=seconds, told=told, known=self._known)
        self.witness.check(told, known=self._known)
        marks = [secret.encode() for secret in secrets_of(self.sandbox)]
        assert self.service.process.poll() is None
        assert leak_in(self.log.read_bytes(), marks) is None
