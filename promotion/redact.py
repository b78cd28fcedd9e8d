"""Take tokens and secrets out of a text before a person or a log sees it. Pure."""

from __future__ import annotations

import re

HIDDEN = "[hidden]"

# A GitHub installation token of 2026 is ghs_<app id>_<JWT>: it holds dots, dashes and underscores.
_SECRETS = re.compile(
    r"""
      \b(?:gh[pousr]|github_pat)_[A-Za-z0-9._-]{8,}   # GitHub tokens
    | \bdapi[0-9a-f]{8,}(?:-\d+)?                      # Databricks personal access tokens
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9._-]*          # JSON web tokens
    | (?<=bearer\ )[A-Za-z0-9._~+/=-]{8,}              # whatever stands behind "Bearer "
    | (?<=basic\ )[A-Za-z0-9+/=]{8,}                   # and behind "Basic "
    | (?<=://)[^/@\s]+(?=@)                            # user:password in a URL
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def redact(text: str) -> str:
    """Return *text* with every token, password in a URL and private key hidden."""
    return _SECRETS.sub(HIDDEN, text)
