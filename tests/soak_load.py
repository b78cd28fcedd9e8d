"""Many developers and many Git folders: pushes, faults and kills, and a count of all that happens."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from crash_scenario import be_unkind, serve
from histories import RULES, Story, write_rules
from running import Service
from verdicts import Fault
from witness import Witness

from sandbox import world
from sandbox.sandbox import Sandbox

FAULTS = (429, 500, 503, "reset", "html", "half")
# Mostly commits, and of everything else something; but no tags, whose promotion is not tried
# again by itself once it has failed.
MIX = {
    "commit": 60,
    "chain": 10,
    "both": 8,
    "amend": 6,
    "revert": 3,
    "same_commit": 3,
    "feature": 3,
    "recreate": 1,
    "move": 1,
    "point_elsewhere": 1,
    "switch": 2,
    "make_again": 1,
    "edit": 2,
    "tidy_up": 6,
}


@dataclass(frozen=True)
class Size:
    """How much is pushed, where to, and how often the service is killed."""

    pushes: int
    repositories: int
    more_folders: int  # of each repository in each workspace, beside the three or four of a story
    kill_seconds: float
    quiet_pushes: int  # the last ones: nobody is killed, and memory is watched
    settle_seconds: float  # until everything must have been promoted and told
    keep_seconds: float  # deliveries and outcomes
    keep_payloads_seconds: float
    developers: int = 2
    fault_rate: float = 0.05


class Load:
    """Repositories with their developers, and the Git folders that follow them."""

    def __init__(self, sandbox: Sandbox, directory: Path, size: Size):
        self.sandbox, self.size = sandbox, size
        write_rules(sandbox)
        names = [f"{world.ORGANIZATION}/team-{number}" for number in range(size.repositories)]

        def tell(numbered: tuple[int, str]) -> Story:
            number, name = numbered
            where = directory / name.partition("/")[2]
            return Story(sandbox, where, seed=number, repository=name, more=size.more_folders)

        with ThreadPoolExecutor(4) as pool:
            self.stories = list(pool.map(tell, enumerate(names)))
        self.folders = sum(len(workspace.folders()) for workspace in sandbox.workspaces)
        self.witness = Witness(sandbox, RULES)
        be_unkind(sandbox, seed=size.pushes)
        self._until = 0  # so many pushes in all, for now

    @property
    def pushes(self) -> int:
        return sum(story.pushes for story in self.stories)

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
        """Go on until there are so many more pushes, several developers at once."""
        self._until = self.pushes + how_many
        crew = self.size.developers
        with ThreadPoolExecutor(crew) as pool:
            for done in [pool.submit(self._work, n, self.stories[n::crew]) for n in range(crew)]:
                done.result()

    def _work(self, seed: int, stories: list[Story]) -> None:
        """Go on with repositories of one's own."""
        dice = random.Random(f"{seed} {self._until}")
        while self.left():
            dice.choice(stories).step(MIX)

    def left(self) -> int:
        return max(0, self._until - self.pushes)

    def settle(self) -> tuple[float, list[Fault]]:
        """Wait until all is as it must be, or the time is over; return how long, and what is not.

        What is or was wrong at any time is returned in both cases.
        """
        for story in self.stories:
            story.finish()
        started = time.monotonic()
        try:
            self.witness.wait_until_settled(seconds=self.size.settle_seconds, every=1.0)
        except AssertionError:  # what is wrong is told by who asks
            return time.monotonic() - started, self.witness.all_faults()
        return time.monotonic() - started, self.witness.faults

    def told(self, faults: list[Fault]) -> str:
        """Return what was wrong, with the histories of the repositories that it was in."""
        lines = [f"- {fault}" for fault in faults[:100]]
        guilty = [
            story for story in self.stories if any(story.repository in one.what for one in faults)
        ]
        return "\n".join([*lines, *(story.told() for story in guilty[:5])])


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

    def kill(self) -> None:
        """Kill it, and start it again."""
        self.service.close()
        self.kills += 1
        self.start()

    def kill_every(self, seconds: float) -> None:
        """Kill and start again, once at least, until `rest` is called."""
        while not self._ended.wait(seconds) or not self.kills:
            self.kill()

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
