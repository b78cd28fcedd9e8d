"""Compare promotion with what people do without Brickpush, and with the computed limit.

Run it from a checkout: `python -m benchmarks promotion`. Every run has a fresh process and a
fresh stand-in workspace (`benchmarks/workspace.py`), and the peers are run alternately, so that
a busy machine affects all of them alike: only ratios within one run count.

The limit of M Git folders is ceil(M / 16) * P + 2 * G: P a PATCH, G a GET, 16 at once. With at
most R calls a second after a burst of B, each Git folder needs three calls (GET, PATCH, GET), so
the limit is (3 * M - B) / R + G, where that is more.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

AT_ONCE = 16
BURST = 10
REPETITIONS = 3


@dataclass(frozen=True)
class Case:
    """One workspace, and the peers that promote in it."""

    name: str
    folders: int
    matching: int
    peers: tuple[str, ...]
    scale: float = 0.1  # of real latency
    options: tuple[str, ...] = ()
    rps: float = 0.0
    slower: float = 1.0  # how many times slower the slow Git folders are
    share: float = 0.0  # of slow Git folders

    page: float = 0.15  # seconds, real
    get: float = 0.01
    patch: float = 2.0

    @property
    def limit(self) -> float:
        """The least possible seconds, with 16 calls at once."""
        patch, get = self.patch * self.scale, self.get * self.scale
        slow = round(self.matching * self.share)
        work = (self.matching - slow + slow * self.slower) * patch
        waves = math.ceil(self.matching / AT_ONCE) * patch
        at_once = waves if not slow else max(self.slower * patch, work / AT_ONCE)
        calls = (3 * self.matching - BURST) / self.rps + get if self.rps else 0.0
        return max(at_once + 2 * get, calls)

    @property
    def arguments(self) -> tuple[str, ...]:
        """The stand-in workspace's."""
        return (
            *("--folders", str(self.folders), "--matching", str(self.matching)),
            *("--page", str(self.page * self.scale), "--get", str(self.get * self.scale)),
            *("--patch", str(self.patch * self.scale), "--rps", str(self.rps)),
            *("--burst", str(BURST), "--slow", f"{self.share}:{self.slower}", *self.options),
        )


ALL = ("workflow", "sdk-pool-16", "known", "cold")
# Retry-After counts whole seconds, so cases with throttled calls have real latency.
THROTTLED = ("known", "sdk-pool-16")
CASES = (
    Case("small", 200, 40, ALL),
    Case("many", 1000, 100, ALL),
    Case("large", 5000, 40, ALL),
    Case("slow", 200, 40, ("second", "known", "sdk-pool-16"), slower=5.0, share=0.05),
    Case("10 a second", 200, 40, THROTTLED, 1.0, rps=10.0),
    Case("10 a second, no Retry-After", 200, 40, ("known",), 1.0, ("--no-retry-after",), 10.0),
    Case("10 at once", 200, 40, THROTTLED, 1.0, ("--max-inflight", "10")),
    Case("calls", 2000, 100, ("known",)),
    Case("memory", 5000, 40, ("memory",), 0.01),
)
SHORT = (
    Case("small", 40, 8, ALL, 0.01),
    Case("many", 60, 8, ("workflow", "known"), 0.01),
    Case("large", 200, 8, ("workflow", "known"), 0.01),
    Case("slow", 40, 20, ("second",), 0.01, slower=5.0, share=0.05),
    Case("10 a second", 40, 8, ("known",), 0.01, rps=50.0),
    Case("calls", 80, 8, ("known",), 0.01),
    Case("memory", 200, 8, ("memory",), 0.01),
)


@dataclass(frozen=True)
class Run:
    """What one peer did in one fresh workspace."""

    seconds: float
    peak: int
    calls: dict[str, int]

    @property
    def refused(self) -> float:
        """The share of the calls that were throttled."""
        return self.calls.get("refused", 0) / sum(self.calls.values())

    @property
    def promoting(self) -> int:
        """Calls that are not the refresh's."""
        return self.calls.get("get", 0) + self.calls.get("patch", 0)


Runs = dict[tuple[str, str], list[Run]]


def run(case: Case, peer: str) -> Run:
    """Let one peer promote in a fresh stand-in workspace."""
    command = (sys.executable, "-m", "benchmarks.workspace", *case.arguments)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as serving:
        assert serving.stdout is not None
        url = serving.stdout.readline().strip()
        ran = subprocess.run(
            (sys.executable, "-m", "benchmarks.peers", peer, url),
            capture_output=True,
            text=True,
            check=False,
        )
        serving.communicate("")
    if ran.returncode != 0:
        raise SystemExit(f"{peer} could not run in {case.name}:\n{ran.stderr}")
    facts: dict[str, Any] = json.loads(ran.stdout)
    if peer != "memory" and facts["there"] != case.matching:
        raise SystemExit(f"{peer} promoted {facts['there']} of {case.matching} in {case.name}")
    return Run(facts["seconds"], facts["peak"], facts["calls"])


def measure(cases: Sequence[Case], repetitions: int) -> Runs:
    """Run all peers, alternately."""
    runs: Runs = {(case.name, peer): [] for case in cases for peer in case.peers}
    for _ in range(repetitions):
        for case in cases:
            for peer in case.peers:
                runs[case.name, peer].append(run(case, peer))
    return runs


def median(runs: Sequence[Run]) -> float:
    """Return the seconds in the middle."""
    return statistics.median(each.seconds for each in runs)


def show(cases: Sequence[Case], runs: Runs) -> None:
    """Print a line for each peer in each case."""
    say(
        f"{'case':29}{'N':>5}{'M':>5} {'peer':13}{'median s':>9}{'min':>8}{'max':>8}"
        f"{'limit':>8}{'/ limit':>9}{'peak':>6}{'calls':>7}{'refused':>9}"
    )
    for case in cases:
        for peer in case.peers:
            if peer != "memory":
                say(line(case, peer, runs[case.name, peer]))


def line(case: Case, peer: str, runs: Sequence[Run]) -> str:
    """Return the figures of one peer in one case."""
    seconds = [each.seconds for each in runs]
    calls = statistics.median(sum(each.calls.values()) for each in runs)
    refused = statistics.median(each.refused for each in runs)
    return (
        f"{case.name:29}{case.folders:5}{case.matching:5} {peer:13}{median(runs):9.3f}"
        f"{min(seconds):8.3f}{max(seconds):8.3f}{case.limit:8.3f}{median(runs) / case.limit:9.2f}"
        f"{max(each.peak for each in runs):6}{calls:7.0f}{refused:9.1%}"
    )


def judge(cases: Sequence[Case], runs: Runs) -> None:
    """Print each goal, and whether it was met."""
    by_name = {case.name: case for case in cases}

    def over_limit(name: str, peer: str) -> float:
        return median(runs[name, peer]) / by_name[name].limit

    for name in ("small", "many", "large"):
        faster = median(runs[name, "workflow"]) / median(runs[name, "known"])
        goal(f"known folders, {name}: time / limit", over_limit(name, "known"), most=1.2)
        goal(f"known folders, {name}: times faster than the workflow", faster, least=10)
    sizes = median(runs["large", "known"]) / median(runs["small", "known"])
    goal("known folders: time in large / time in small", sizes, most=1.15)
    for name in (name for name in by_name if name.startswith("10 a second")):
        goal(f"{name}: time / limit", over_limit(name, "known"), most=1.3)
        refused = statistics.median(each.refused for each in runs[name, "known"])
        goal(f"{name}: share of refused calls", refused, most=0.1)
    goal("slow Git folders, second push: time / limit", over_limit("slow", "second"), most=1.2)
    calls = max(each.promoting for each in runs["calls", "known"]) / by_name["calls"].matching
    goal("calls for each Git folder, besides the refresh", calls, most=3)
    megabytes = max(each.seconds for each in runs["memory", "memory"])
    goal(f"MB for {by_name['memory'].folders} known folders", megabytes, most=20)


def goal(what: str, value: float, *, most: float = math.inf, least: float = 0.0) -> None:
    """Print one goal with its figure."""
    met = "goal met" if least <= value <= most else "goal missed"
    wanted = f"at most {most:g}" if most < math.inf else f"at least {least:g}"
    say(f"{met}: {what}: {value:.2f} ({wanted})")


def say(text: str) -> None:
    """Print one line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return 0 even if a goal is missed, since machines are noisy."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks promotion")
    parser.add_argument("--short", action="store_true", help="a tiny form that proves it runs")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    given = parser.parse_args(argv)
    cases, repetitions = (SHORT, 1) if given.short else (CASES, given.repetitions)
    say(f"promotion, {repetitions} of each in turns, latency at a tenth unless refused")
    runs = measure(cases, repetitions)
    show(cases, runs)
    judge(cases, runs)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
