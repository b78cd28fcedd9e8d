"""Many developers and many Git folders: pushes, faults and kills, and a count of all that happens."""

from __future__ import annotations

import collections
import contextlib
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from crash_scenario import serve
from running import Developer, Service, wait_until
from witness import Witness

from sandbox import world
from sandbox.github.check_runs import CheckRun
from sandbox.sandbox import Sandbox

FAULTS = (429, 500, 503, "reset", "html", "half")


@dataclass(frozen=True)
class Size:
    """How much is pushed, where to, and how often the service is killed."""

    pushes: int
    repositories: int
    folders: int  # in all workspaces together
    kill_seconds: float
    quiet_pushes: int  # the last ones: nobody is killed, and memory is watched
    settle_seconds: float  # until everything must have been promoted and told
    developers: int = 2
    fault_rate: float = 0.05


class Load:
    """Repositories with their developers, and the Git folders that follow them."""

    def __init__(self, sandbox: Sandbox, directory: Path, size: Size):
        self.sandbox, self.size = sandbox, size
        self.names = [f"{world.ORGANIZATION}/team-{number}" for number in range(size.repositories)]
        for name in self.names:
            sandbox.github.add_repository(name)
            sandbox.github.commit(name, "main", {"README.md": f"# {name}\n"}, "Begin")
        each = size.folders // size.repositories // len(sandbox.workspaces)
        paths = {name: self._add_folders(name, each) for name in self.names}
        with ThreadPoolExecutor(4) as pool:
            clones = list(pool.map(lambda name: self._clone(directory, name), self.names))
        self.developers = dict(zip(self.names, clones, strict=True))
        history = {
            name: developer.git("rev-list", "--reverse", "HEAD").split()
            for name, developer in self.developers.items()
        }
        self.witness = Witness(sandbox, history, paths)
        self.pushed: dict[str, list[str]] = {name: [] for name in self.names}
        self._left = size.pushes
        self._lock = threading.Lock()

    def _add_folders(self, name: str, each: int) -> list[str]:
        repository = self.sandbox.github.repository(name)
        paths = [f"/Repos/person-{number}/{name.partition('/')[2]}" for number in range(each)]
        for workspace in self.sandbox.workspaces:
            for path in paths:
                workspace.add_git_folder(path, repository.clone_url, source=repository.path)
        return paths

    def _clone(self, directory: Path, name: str) -> Developer:
        return Developer(self.sandbox, directory / name.partition("/")[2], repository=name)

    def break_things(self) -> None:
        """Let one request in twenty fail, before or after its effect, at every API."""
        share = self.size.fault_rate / len(FAULTS) / 2
        github, entra = self.sandbox.github_faults, self.sandbox.entra.faults
        hit = [(github, "/api/*"), (github, "*/git-upload-pack"), (entra, "*/token")]
        hit += [(workspace.faults, "*") for workspace in self.sandbox.workspaces]
        self._faults = [
            faults.add(
                status=status,
                path=path,
                times=None,
                when=when,
                # GitHub wants a minute's silence where it does not say for how long.
                headers={"Retry-After": "1"} if status in (429, 503) else None,
                rate=share,
                seed=100 * place + 2 * number + (when == "after"),
            )
            for place, (faults, path) in enumerate(hit)
            for number, status in enumerate(FAULTS)
            for when in ("before", "after")
            # Who limits calls refuses one before anything is done.
            if (status, when) != (429, "after")
        ]

    def mend(self) -> int:
        """Let every request be answered rightly again; return how many were not."""
        places = (self.sandbox.github_faults, self.sandbox.entra.faults)
        for faults in (*places, *(workspace.faults for workspace in self.sandbox.workspaces)):
            faults.clear()
        return sum(fault.hits for fault in self._faults)

    def push_all(self, how_many: int) -> None:
        """Push so often in all, several developers at once, each to repositories of its own."""
        self._left = how_many
        crew = self.size.developers
        with ThreadPoolExecutor(crew) as pool:
            for done in [pool.submit(self._push, n, self.names[n::crew]) for n in range(crew)]:
                done.result()

    def _push(self, seed: int, names: list[str]) -> None:
        dice = random.Random(f"{seed} {self._left}")
        while self._take():
            name = dice.choice(names)
            developer = self.developers[name]
            sha = developer.commit("jobs/daily.py")
            self.witness.history[name].append(sha)
            developer.push()
            self.pushed[name].append(sha)

    def _take(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left >= 0

    def left(self) -> int:
        return max(0, self._left)

    def behind(self) -> list[str]:
        """Return the Git folders that are not at their branch's head."""
        return [
            f"{workspace.name}{path}"
            for name, history in self.witness.history.items()
            for workspace in self.sandbox.workspaces
            for path in self.witness.paths[name]
            if workspace.folder(path).head_commit_id != history[-1]
        ]

    def untold(self) -> list[str]:
        """Return the pushes of which not every workspace has told, or not to the end.

        Of more than twenty pushes that one promotion overtook, each is told for all workspaces.
        """
        usual = {f"Brickpush / {workspace.name}" for workspace in self.sandbox.workspaces}
        told = self._told()
        return [
            f"{name} {sha}: {sorted((run.name, run.status) for run in told[sha])}"
            for name, commits in self.pushed.items()
            for sha in commits
            if {run.name for run in told[sha]} not in (usual, {"Brickpush"})
            or {run.status for run in told[sha]} != {"completed"}
        ]

    def made_twice(self) -> int:
        """Return how many check runs there are beside a newer one, which GitHub shows."""
        return sum(len(runs) - len({run.name for run in runs}) for runs in self._told().values())

    def _told(self) -> dict[str, list[CheckRun]]:
        told = collections.defaultdict(list)
        for run in self.sandbox.github.check_runs:
            told[run.head_sha].append(run)
        return told


@dataclass
class Supervisor:
    """Keeps one service running, and kills it every so often."""

    sandbox: Sandbox
    environ: dict[str, str]
    kills: int = 0
    started_at: float = 0.0  # the last process, in seconds since the epoch
    _ended: threading.Event = field(default_factory=threading.Event)
    service: Service | None = None

    def start(self) -> None:
        self.service = serve(self.sandbox, **self.environ)
        self.started_at = time.time()
        self.sandbox.github.hook_url = self.service.hook

    def kill_every(self, seconds: float) -> None:
        """Kill and start again, once at least, until `rest` is called."""
        while not self._ended.wait(seconds) or not self.kills:
            self.service.close()
            self.kills += 1
            self.start()

    def rest(self) -> None:
        self._ended.set()

    def close(self) -> None:
        self.service.close()

    def memory(self) -> float:
        """Return the megabytes that the process has in memory, 0 while there is none."""
        try:
            pages = int(Path(f"/proc/{self.service.process.pid}/statm").read_text().split()[1])
        except OSError:
            return 0.0
        return pages * 4096 / 1e6


def settle(load: Load, *, seconds: float) -> float:
    """Wait until all is promoted and told, or the time is over; return how long it took."""
    started = time.monotonic()
    with contextlib.suppress(AssertionError):  # what is left is shown by who asks for it
        wait_until(lambda: not load.behind() and not load.untold(), seconds=seconds, every=1.0)
    return time.monotonic() - started
