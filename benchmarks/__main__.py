"""Run the benchmarks: all of them, or those that are named.

`python -m benchmarks [hook|promotion ...] [options of the one that is named]`
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

BENCHMARKS = ("hook", "promotion")
ROOT = Path(__file__).parents[1]


def main(argv: Sequence[str] | None = None) -> int:
    """Run each in a process of its own; return 1 if one could not run."""
    words = list(sys.argv[1:] if argv is None else argv)
    named = list(itertools.takewhile(lambda word: not word.startswith("-"), words))
    options, names = words[len(named) :], named or list(BENCHMARKS)
    strangers = [name for name in names if name not in BENCHMARKS]
    if strangers:
        sys.stderr.write(f"no benchmark {strangers[0]}; there are: {', '.join(BENCHMARKS)}\n")
        return 2
    codes = []
    for name in names:
        sys.stdout.write(f"== {name}\n")
        sys.stdout.flush()
        command = (sys.executable, "-m", f"benchmarks.{name}", *options)
        codes.append(subprocess.run(command, cwd=ROOT, check=False).returncode)
    return 1 if any(codes) else 0


if __name__ == "__main__":
    raise SystemExit(main())
