"""`brickpush setup` in a process of its own, as a person starts it."""

from __future__ import annotations

import re
import subprocess
import sys

from running import environment


class Setup:
    """Started; its output is read line by line."""

    def __init__(self, directory, *options):
        self.said = ""
        self.process = subprocess.Popen(
            (sys.executable, "-I", "-m", "brickpush", "setup", "--no-browser", *options),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(),
        )

    @property
    def url(self):
        """The page's one-time link."""
        return self.until(r"http://127\.0\.0\.1:\d+/start\?token=\S+")

    def until(self, pattern):
        while not (found := re.search(pattern, self.said)):
            line = self.process.stdout.readline()
            assert line, f"setup ended without {pattern!r}:\n{self.said}"
            self.said += line
        return found[0]

    def end(self):
        """Return the exit code."""
        rest, _ = self.process.communicate(timeout=30)
        self.said += rest
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
