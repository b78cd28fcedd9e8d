"""The exit codes of `git promote`. Pure."""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """How the command ended."""

    DONE = 0
    FAILED = 1  # some Git folder, or a whole workspace
    CONFIGURATION = 2  # settings, arguments, or a sign-in
    UNEXPECTED = 3
