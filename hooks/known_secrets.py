"""The secrets that this process has read, so that nothing it prints or keeps shows them.

`promotion.redact` knows tokens by their shape; a client secret or a password has none.
"""

from __future__ import annotations

import re
from typing import Any

from promotion.printable import printable
from promotion.redact import HIDDEN, redact

LEAST = 8  # characters: anything shorter is no secret, and would be found in every sentence

_known: set[str] = set()


def remember(*secrets: str) -> None:
    """Hide *secrets* from now on."""
    _known.update(secret for secret in secrets if len(secret) >= LEAST)


def hide(text: str) -> str:
    """Return *text* without any secret that was read, and without what looks like one."""
    if _known:
        longest_first = sorted(_known, key=len, reverse=True)
        # Host names are made lower case on their way.
        text = re.sub("|".join(map(re.escape, longest_first)), HIDDEN, text, flags=re.IGNORECASE)
    return redact(text)


def shown(text: str) -> str:
    """Return *text* as a terminal may show it: in one line, without escapes and secrets."""
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
