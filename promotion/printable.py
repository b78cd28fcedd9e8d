"""Take out of a text what could steer a terminal or a reader's eye. Pure, and cheap to import."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return *text* in one line, without escapes, bidi marks and whatever else is not shown."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def printable_lines(text: str) -> str:
    """Return *text* likewise, with its lines."""
    return "\n".join(printable(line) for line in text.split("\n"))
