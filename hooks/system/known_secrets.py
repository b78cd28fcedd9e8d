"""Hide the secrets that this process has read in all that it prints or stores.

`promotion.safe_text` recognizes tokens by their form; client secrets and passwords have none.
"""

from __future__ import annotations

import re
from typing import Any

from promotion.safe_text import HIDDEN, printable, redact

LEAST = 8  # characters: anything shorter is no secret, and would match ordinary text

_known: set[str] = set()


def remember(*secrets: str) -> None:
    """Hide *secrets* from now on."""
    _known.update(secret for secret in secrets if len(secret) >= LEAST)


def hide(text: str) -> str:
    """Return *text* without any secret that was read, and without any recognized token."""
    if _known:
        longest_first = sorted(_known, key=len, reverse=True)
        # Case-insensitive, since host names are converted to lower case.
        text = re.sub("|".join(map(re.escape, longest_first)), HIDDEN, text, flags=re.IGNORECASE)
    return redact(text)


def shown(text: str) -> str:
    """Return *text* for a terminal: in one line, without control characters and secrets."""
    return printable(hide(text))


def hide_within(value: Any) -> Any:
    """Return JSON values with every secret in them hidden."""
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, list):
        return [hide_within(entry) for entry in value]
    if isinstance(value, dict):
        return {name: hide_within(entry) for name, entry in value.items()}
    return value
