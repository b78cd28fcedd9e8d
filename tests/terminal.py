"""A person in front of a terminal: a program that has a pseudo terminal of its own."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time

from running import DEADLINE, environment, wait_until

CTRL_C, CTRL_D = "\x03", "\x04"
# The program becomes the terminal's foreground, so that Ctrl-C reaches it as it does a person's;
# who runs the tests in the background of a script has them ignore it.
ATTACH = (
    "import fcntl, os, signal, sys, termios;"
    "signal.signal(signal.SIGINT, signal.SIG_DFL);"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """Started at once; what it shows is read as it is waited for."""

    def __init__(self, *command, cwd, **environ):
        self.shown = ""
        self._seen = 0
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            (sys.executable, "-I", "-c", ATTACH, *command),
            cwd=cwd,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment(TERM="xterm", **environ),
            start_new_session=True,
        )
        os.close(theirs)

    def until(self, pattern):
        """Return what of *pattern* comes next; what was shown before it is gone by."""
        deadline = time.monotonic() + DEADLINE
        while not (found := re.search(pattern, self.shown[self._seen :])):
            assert self._read(deadline), f"no {pattern!r} in:\n{self.shown}"
        self._seen += found.end()
        return found[0]

    def answer(self, pattern, text):
        """Wait for a question, then type the answer to it."""
        self.until(pattern)
        self.type(f"{text}\n")

    def answer_unseen(self, pattern, text):
        """Do the same once the terminal shows nothing of what is typed."""
        self.until(pattern)
        wait_until(lambda: not self.echoes, what="a terminal that shows nothing")
        self.type(f"{text}\n")

    def type(self, text):
        os.write(self._ours, text.encode())

    @property
    def echoes(self):
        """Whether the terminal shows what is typed."""
        return bool(termios.tcgetattr(self._ours)[3] & termios.ECHO)

    def end(self):
        """Return the exit code, once everything is shown."""
        assert self._ends(DEADLINE), f"it goes on:\n{self.shown}"
        return self.process.wait()

    def stop(self, key=CTRL_C):
        """Press a key that ends it; again where Python was just about to listen. Return the code.

        A signal that comes between Python's last look and its wait for a key is not seen until
        the next one. A program that has begun to say its last words is left to end.
        """
        before = len(self.shown)
        self.type(key)
        while not self._ends(2.0) and not self.shown[before:].replace("^C", "").strip():
            self.type(key)
        return self.end()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def _ends(self, seconds):
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        return self.process.poll() is not None

    def _read(self, deadline):
        """Read what is there; False at the end, or when nothing has come in time."""
        ready, _, _ = select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))
        try:
            read = os.read(self._ours, 4096) if ready else b""
        except OSError:  # Linux's way to say that nobody has the terminal open any more
            read = b""
        self.shown += read.decode(errors="replace").replace("\r\n", "\n")
        return bool(read)
