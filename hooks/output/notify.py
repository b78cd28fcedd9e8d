"""Show a desktop notification, where the user has enabled it; best effort."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hooks.system.programs import find_program, run_program

SECONDS = 5.0
# The text is passed as arguments, so that it can't change the script.
APPLE_SCRIPT = (
    "on run words",
    "display notification (item 2 of words) with title (item 1 of words)",
    "end run",
)


def notify(title: str, words: str, environ: Mapping[str, str]) -> bool:
    """Show a notification, and return whether a program accepted it."""
    if program := find_program("notify-send", environ):
        arguments = [program, "--app-name=git promote", "--", title, words]
    elif program := find_program("osascript", environ):
        script = [part for line in APPLE_SCRIPT for part in ("-e", line)]
        arguments = [program, *script, title, words]
    else:
        return False
    return run_program(arguments, environ, Path("/"), SECONDS).code == 0
