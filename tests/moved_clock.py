"""Run `brickpush` on a machine whose clock is wrong: `moved_clock.py SECONDS ARGUMENTS...`.

Only what asks Python for the time is told another one; what waits, waits as long as ever.
"""

from __future__ import annotations

import sys
import time


def move(seconds):
    """Let the machine's clock be so many seconds ahead."""
    real = time.time
    time.time = lambda: real() + seconds


if __name__ == "__main__":
    move(float(sys.argv[1]))  # before anything of the service is imported
    from github_app.__main__ import main

    sys.exit(main(sys.argv[2:]))
