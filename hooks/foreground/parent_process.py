"""Find the `git push` that a hook runs under, on Linux and macOS."""

# ruff: noqa: PTH123

from __future__ import annotations

import os
import sys

from hooks.foreground.program_output import output_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# A process: its parent, its start time (a pid alone may be reused), and its command line.
Process = tuple[int, str, list[str]]
DEPTH = 64  # more parents than this mean a loop in inconsistent data


class Pusher:
    """The process of a `git push`."""

    def __init__(self, pid: int, started: str, command: list[str]) -> None:
        self.pid = pid
        self.started = started
        self.command = command

    @property
    def dry_run(self) -> bool:
        """Whether the command is a dry run, which sends nothing."""
        given = self.command[self.command.index("push") :] if "push" in self.command else []
        return "--dry-run" in given or "-n" in given


def find_pusher(environ: Mapping[str, str]) -> Pusher | None:
    """Return the nearest `git push` above this process; None where none is visible."""
    if sys.platform == "win32":
        from hooks.foreground.windows_process import pusher

        return pusher(os.getpid())
    elif sys.platform == "linux":  # noqa: RET505 - mypy reads these branches for one platform
        return nearest_push(os.getppid(), process)
    else:
        return nearest_push(os.getppid(), processes(environ).get)


def nearest_push(pid: int, look_up: Callable[[int], Process | None]) -> Pusher | None:
    """Walk up from *pid* to the first process that is a push."""
    for _ in range(DEPTH):
        found = look_up(pid)
        if found is None:
            return None
        parent, started, command = found
        if is_push(command):
            return Pusher(pid, started, command)
        pid = parent
    return None


def is_push(command: list[str]) -> bool:
    """Return whether a command is a push: `git -C dir push`, `/usr/lib/git-core/git push`."""
    program = command[0].rpartition("/")[2] if command else ""
    return program == "git-push" or (program == "git" and "push" in command[1:])


def process(pid: int) -> Process | None:
    """Look a process up in Linux's /proc."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The second field is the name in brackets, which may itself hold spaces and brackets.
            fields = file.read().rpartition(b")")[2].split()
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            command = os.fsdecode(file.read()).split("\0")
        return int(fields[1]), fields[19].decode(), command[:-1]
    except (OSError, IndexError, ValueError):
        return None


def processes(environ: Mapping[str, str]) -> dict[int, Process]:
    """Return every process as `ps` shows it; an argument that holds spaces is cut at them."""
    listing = output_of(
        ("ps", "-Aww", "-o", "pid=,ppid=,lstart=,command="), {**environ, "LC_ALL": "C"}
    )
    found = {}
    for line in os.fsdecode(listing).splitlines():
        words = line.split()
        if len(words) > 7 and words[0].isdecimal() and words[1].isdecimal():
            found[int(words[0])] = (int(words[1]), " ".join(words[2:7]), words[7:])
    return found
