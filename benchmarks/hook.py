"""Measure what the hook adds to `git push`, compared with a pre-commit hook that does nothing.

Run it from a checkout: `python -m benchmarks.hook`. Pushes of all kinds are interleaved, so that
a busy machine affects all of them alike.
"""

# ruff: noqa: T201

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # the stand-in workspace and the clone of the tests

from pushing.machine import RAW_HOOK, Machine, a_machine  # noqa: E402
from pushing.plugin import CONFIG, a_plugin, install  # noqa: E402

PUSHES = 20
MOST_ADDED_MS = 20.0
MOST_START_SECONDS = 0.5
NO_OP = """\
default_install_hook_types: [pre-push]
repos:
  - repo: local
    hooks:
      - id: nothing
        name: nothing
        entry: python -I -c pass
        language: python
        stages: [pre-push]
        always_run: true
        pass_filenames: false
        verbose: true
"""
KINDS = ("no hook", "git: ours", "pre-commit: nothing", "pre-commit: ours", "prek: ours")
# A remote on this machine takes a push within 20 ms, so only the start of the child is measured;
# GitHub takes a second, and the child is ready by then.
FAR = "pre-commit: ours, remote takes 1 s"


def main() -> int:
    """Print the medians; return 1 if the hook takes longer than the limit."""
    with ExitStack() as stack, tempfile.TemporaryDirectory() as directory:
        plugin = a_plugin(Path(directory) / "brickpush")
        machines = {kind: set_up(kind, Path(directory), plugin, stack) for kind in (*KINDS, FAR)}
        took: dict[str, list[float]] = {kind: [] for kind in (*KINDS, FAR)}
        started: dict[str, list[float]] = {kind: [] for kind in (*KINDS, FAR)}
        returned_first = 0
        for _ in range(PUSHES):
            for kind, machine in machines.items():
                seconds, start, first = push(machine, promotes="ours" in kind)
                took[kind].append(seconds * 1000)
                started[kind] += [start] if start is not None else []
                returned_first += first
    return report(took, started, returned_first)


def set_up(kind: str, directory: Path, plugin: Path, stack: ExitStack) -> Machine:
    """Return a machine whose pushes are of one kind, with a Git folder that follows main."""
    root = directory / "".join(c if c.isalnum() else "-" for c in kind)
    root.mkdir()
    machine = stack.enter_context(a_machine(root))
    machine.workspace.add("main")
    runner, _, hook = kind.removesuffix(", remote takes 1 s").partition(": ")
    if kind == FAR:
        machine.hook("#!/bin/sh\nexec sleep 1\n", "pre-receive", machine.remote)
    if runner == "git":
        machine.hook(RAW_HOOK.format(python=sys.executable))
    elif hook:
        install(machine, runner, plugin, CONFIG if hook == "ours" else NO_OP)
    machine.commit()
    machine.push("--no-verify")
    return machine


def push(machine: Machine, *, promotes: bool) -> tuple[float, float | None, bool]:
    """Push once; return its seconds, those from its end to the first PATCH, and which was first."""
    machine.commit()
    updates = machine.workspace.times
    updates.clear()
    began = time.perf_counter()
    pushed = machine.push()
    seconds = time.perf_counter() - began
    ended_at = time.time()
    if pushed.returncode != 0:
        raise SystemExit(pushed.stdout)
    if not promotes:
        return seconds, None, False
    machine.wait(lambda: updates, "a PATCH")
    machine.wait(lambda: not machine.processes(), "the child's end")
    return seconds, updates[0] - ended_at, updates[0] > ended_at


def report(
    took: dict[str, list[float]], started: dict[str, list[float]], returned_first: int
) -> int:
    """Print what was measured, and whether it is within the limits; machines are noisy."""
    print(f"git push, {PUSHES} of each kind, interleaved; {os.cpu_count()} processors")
    print(f"{'':36}{'median ms':>10}{'min':>8}   push's end to first PATCH, median s")
    for kind, times in took.items():
        start = f"{statistics.median(started[kind]):13.2f}" if started[kind] else ""
        print(f"{kind:36}{statistics.median(times):10.0f}{min(times):8.0f}{start}")
    pairs = zip(took["pre-commit: ours"], took["pre-commit: nothing"], strict=True)
    added = statistics.median(ours - nothing for ours, nothing in pairs)
    start = statistics.median(started[FAR])
    ours = sum(len(times) for times in started.values())
    print(f"added to pre-commit's own hook that does nothing: {added:+.0f} ms")
    print(f"pushes that returned before the first PATCH: {returned_first} of {ours}")
    good = added <= MOST_ADDED_MS and start <= MOST_START_SECONDS and returned_first == ours
    limits = f"limits: {MOST_ADDED_MS:.0f} ms added, {MOST_START_SECONDS} s after a distant push"
    print(f"{limits}: goal {'met' if good else 'missed'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
