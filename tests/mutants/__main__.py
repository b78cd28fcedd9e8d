"""`make mutants`: change the product a little, sixty times, and see whether a test notices.

The changes are made in copies of the checkout, never in it. The last line is the rate.
"""

from __future__ import annotations

import argparse
import math
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue

from mutants.copies import ROOT, Copy, files, fingerprint, make_copy
from mutants.defences import Defence, defences
from mutants.measuring import Measured, measure, product
from mutants.mutations import Mutation
from mutants.sample import all_mutations, equivalents, sample
from mutants.trial import Verdict, in_order, run, tried

KEPT = ROOT / ".mutants"
GOAL = 0.95


@dataclass
class Bench:
    """The copies, each for one trial at a time, and what was measured in them."""

    copies: list[Copy]
    measured: Measured | None
    until: float  # monotonic: no trial begins later
    unfit: set[str] = field(default_factory=set)  # tests that fail without any change

    def __post_init__(self) -> None:
        self._free: Queue[Copy] = Queue()
        for copy in self.copies:
            self._free.put(copy)

    def prepare(self, *, as_measured: bool) -> None:
        """Find the tests that fail anyway, and stop where one has no name that pytest finds."""
        # The measuring itself may have made some fail.
        suspects = [name for name in self.measured.failed if "::" in name and not as_measured]
        self.unfit = set(run(self.copies[0], suspects, limit=3600).failed) if suspects else set()
        for name in sorted(self.unfit):
            say(f"left out, for it fails without any change: {name}")
        collected = run(self.copies[0], ["tests"], "--collect-only", limit=600)
        log = (self.copies[0].directory / "trial.log").read_text(errors="replace")
        unknown = self.measured.seconds.keys() - set(log.splitlines())
        if collected.code != 0 or (unknown and not as_measured):
            raise SystemExit(f"mutants: not collected: {sorted(unknown)[:5]}\n{log[-2000:]}")
        self.unfit |= unknown

    def blind(self, defence: Defence) -> list[str]:
        """Return the tests that do not notice that *defence* is gone."""
        copy = self._free.get()
        try:
            return defence.blind(copy)
        finally:
            self._free.put(copy)

    def verdict(self, mutation: Mutation) -> Verdict | None:
        """Try one change; None where no time is left."""
        copy = self._free.get()
        try:
            if time.monotonic() > self.until:
                return None
            seconds = self.measured.seconds
            tests = in_order(mutation.path, self.measured.tests_of(mutation) - self.unfit, seconds)
            content = mutation.applied((ROOT / mutation.path).read_text(encoding="utf-8"))
            return tried(copy, mutation.path, content, tests, sum(seconds[name] for name in tests))
        finally:
            self._free.put(copy)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    options = _options()
    began = time.monotonic()
    names = files()
    kept = KEPT / fingerprint(names)
    with tempfile.TemporaryDirectory(prefix="brickpush-mutants-", ignore_cleanup_errors=True) as at:
        Path(at).chmod(0o755)  # the tests' PostgreSQL is another user's
        copies = [make_copy(Path(at) / str(n), names) for n in range(1, options.jobs + 1)]
        if options.defences:
            return _take_away(Bench(copies, None, math.inf), options.only)
        last = next(KEPT.glob("*"), kept) if options.as_measured else kept
        measured = _measured(copies, last)
        if options.coverage:
            return _show_coverage(measured)
        bench = Bench(copies, measured, began + 60 * options.minutes)
        bench.prepare(as_measured=options.as_measured)
        defended = _take_away(bench, options.only)
        return max(defended, _try_all(bench, _chosen(options)))


def _take_away(bench: Bench, only: str) -> int:
    """Take away each defence of SECURITY.md; return 1 where a test that it names does not mind."""
    taken, missed = [each for each in defences() if each.file.startswith(only)], 0
    with ThreadPoolExecutor(len(bench.copies)) as pool:
        for defence, blind in zip(taken, pool.map(bench.blind, taken), strict=True):
            missed += bool(blind)
            for test in blind:
                say(f"NOT NOTICED {defence.file}: {defence.without} | {test}")
    say(f"defences: {len(taken) - missed} of {len(taken)} noticed by every test that names them")
    return int(missed > 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m mutants",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1, help="which sample")
    parser.add_argument("--count", type=int, default=60, help="how many changes")
    parser.add_argument("--minutes", type=float, default=30, help="for all of it")
    parser.add_argument("--jobs", type=int, default=2, help="how many trials at once")
    parser.add_argument("--only", default="", help="modules whose path begins so")
    parser.add_argument("--defences", action="store_true", help="those of SECURITY.md only")
    parser.add_argument(
        "--as-measured", action="store_true", help="though files have changed since"
    )
    parser.add_argument("--coverage", action="store_true", help="show the coverage, try nothing")
    return parser.parse_args()


def _measured(copies: list[Copy], kept: Path) -> Measured:
    if kept.exists():
        say(f"which test runs which line: as measured before ({kept.relative_to(ROOT)})")
        return Measured(kept)
    say("measuring which test runs which line ...")
    began = time.monotonic()
    measured = measure(copies, kept)
    for older in set(KEPT.iterdir()) - {kept}:
        shutil.rmtree(older)
    say(f"{len(measured.seconds)} tests measured in {time.monotonic() - began:.0f} s")
    return measured


def _show_coverage(measured: Measured) -> int:
    command = (sys.executable, "-m", "coverage", "report", "--data-file", measured.data_file)
    return subprocess.run((*command, "--skip-covered"), cwd=ROOT, check=False).returncode


def _chosen(options: argparse.Namespace) -> list[Mutation]:
    paths = [path for path in product() if path.startswith(options.only)]
    left_out = {each.key for each in equivalents()}
    found = all_mutations(ROOT, paths)
    say(f"{len(found)} changes are possible, {len(left_out)} known to change nothing;")
    return sample(found, left_out, seed=options.seed, count=options.count)


def _try_all(bench: Bench, chosen: list[Mutation]) -> int:
    tried_ones: list[tuple[Mutation, Verdict]] = []
    with ThreadPoolExecutor(len(bench.copies)) as pool:
        running = {pool.submit(bench.verdict, mutation): mutation for mutation in chosen}
        for future in as_completed(running):
            mutation, verdict = running[future], future.result()
            if verdict is not None:
                tried_ones.append((mutation, verdict))
                say(f"[{len(tried_ones)}/{len(chosen)}] {_line(mutation, verdict)}")
    survivors = [each for each in tried_ones if not each[1].by]
    say("")
    for mutation, verdict in sorted(survivors, key=lambda each: each[0].key):
        say(f"SURVIVED {mutation.path}:{mutation.first_line} in {mutation.function or 'module'}")
        say(f"    {mutation.change}")
        say(f"    {verdict.tests} tests ran it" if verdict.tests else "    no test runs it")
    if len(tried_ones) < len(chosen):
        say(f"{len(chosen) - len(tried_ones)} more were not tried: no time was left")
    noticed = len(tried_ones) - len(survivors)
    rate = noticed / len(tried_ones) if tried_ones else 0.0
    say(f"mutants: {noticed} of {len(tried_ones)} noticed ({100 * rate:.1f} %)")
    return 0 if rate >= GOAL else 1


def _line(mutation: Mutation, verdict: Verdict) -> str:
    where = f"{mutation.path}:{mutation.first_line}"
    how = f"noticed by {verdict.by}" if verdict.by else "SURVIVED"
    return f"{where} {mutation.change.splitlines()[0]} | {how} ({verdict.seconds:.0f} s)"


if __name__ == "__main__":
    raise SystemExit(main())
