"""`brickpush` on a machine whose wall clock is set while it runs: tests start it.

Arguments: the file that holds by how many seconds the clock is wrong, then those of `brickpush`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

wrong_by, right = Path(sys.argv[1]), time.time
time.time = lambda: right() + float(wrong_by.read_text())

from github_app.__main__ import main  # noqa: E402 - whoever takes the clock gets ours

sys.exit(main(sys.argv[2:]))
