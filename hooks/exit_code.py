"""What `git promote` tells the shell. Pure."""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """The four endings of the command."""

    DONE = 0
    FAILED = 1  # some Git folder, or a whole workspace
    CONFIGURATION = 2  # settings, arguments, or a sign-in
    UNEXPECTED = 3
