"""Make text safe to show or log: hide secrets, escape Markdown and control characters. Pure."""

from __future__ import annotations

import re

HIDDEN = "[hidden]"

# A GitHub installation token of 2026 is ghs_<app id>_<JWT>: it holds dots, dashes and underscores.
_SECRETS = re.compile(
    r"""
      \b(?:gh[pousr]|github_pat)_[A-Za-z0-9._-]{8,}   # GitHub tokens
    | \bdapi[0-9a-f]{8,}(?:-\d+)?                      # Databricks personal access tokens
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9._-]*          # JSON web tokens
    | (?<=bearer\ )[A-Za-z0-9._~+/=-]{8,}              # whatever follows "Bearer "
    | (?<=basic\ )[A-Za-z0-9+/=]{8,}                   # or "Basic "
    | (?<=://)[^/@\s]+(?=@)                            # user:password in a URL
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def redact(text: str) -> str:
    """Return *text* with every token, password in a URL and private key hidden."""
    return _SECRETS.sub(HIDDEN, text)


def escape(text: str) -> str:
    """Return *text* in one line, escaped so that GitHub shows it as it is, in a table cell too."""
    flat = printable(" ".join(text.split()))
    plain = re.sub(r"([\\`*_{}\[\]<>#|~!@&])", r"\\\1", flat)
    # GitHub turns addresses anywhere in a text into links.
    return re.sub(r"(?i)\bwww\.", r"www\\.", plain.replace("://", "\\://"))


def printable(text: str) -> str:
    """Return *text* with "?" for escapes, bidi marks and all other unprintable characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def printable_lines(text: str) -> str:
    """Return *text* likewise, but keep its line breaks."""
    return "\n".join(printable(line) for line in text.split("\n"))
