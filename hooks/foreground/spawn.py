"""Start a detached process, which git, pre-commit and the terminal neither wait for nor end."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

if sys.platform == "win32":
    import subprocess

    def detach(program: tuple[str, ...], environ: Mapping[str, str], directory: str) -> None:
        """Start *program* in *directory*, without a console and outside the job where allowed."""
        quiet = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        try:
            _start(program, environ, directory, quiet | subprocess.CREATE_BREAKAWAY_FROM_JOB)
        except PermissionError:  # the job of an IDE or of a CI runner does not allow a breakaway
            _start(program, environ, directory, quiet)

    def _start(
        program: tuple[str, ...], environ: Mapping[str, str], directory: str, flags: int
    ) -> None:
        subprocess.Popen(
            program,
            env=environ,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=True,
            creationflags=flags,
        )

else:
    MOST_DESCRIPTORS = 65536

    def detach(program: tuple[str, ...], environ: Mapping[str, str], directory: str) -> None:
        """Start *program* in *directory*, in a session of its own and with null stdio.

        Both are needed: one inherited descriptor keeps git push waiting, and one shared session
        lets the closing terminal kill the process.
        """
        first = os.fork()
        if first == 0:
            try:
                os.setsid()
                if os.fork() == 0:
                    _become(program, environ, directory)
            finally:
                os._exit(0)
        os.waitpid(first, 0)

    def _become(program: tuple[str, ...], environ: Mapping[str, str], directory: str) -> None:
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.closerange(3, min(os.sysconf("SC_OPEN_MAX"), MOST_DESCRIPTORS))
        os.chdir(directory)
        # A new program, since on macOS a forked interpreter that looks up a proxy may crash.
        os.execve(program[0], program, environ)
