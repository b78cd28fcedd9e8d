"""A desktop notification, where the user asked for it; best effort."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hooks.programs import find_program, run_program

SECONDS = 5.0
# The words are arguments of the script: they never become part of it.
APPLE_SCRIPT = (
    "on run words",
    "display notification (item 2 of words) with title (item 1 of words)",
    "end run",
)


def notify(title: str, words: str, environ: Mapping[str, str]) -> bool:
    """Show a notification, and return whether a program took it."""
    if program := find_program("notify-send", environ):
        arguments = [program, "--app-name=git promote", "--", title, words]
    elif program := find_program("osascript", environ):
        script = [part for line in APPLE_SCRIPT for part in ("-e", line)]
        arguments = [program, *script, title, words]
    else:
        return False
    return run_program(arguments, environ, Path("/"), SECONDS).code == 0
