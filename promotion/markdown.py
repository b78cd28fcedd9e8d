"""Words of others (paths, branch names, other programs' messages) as plain Markdown text. Pure."""

from __future__ import annotations

import re

from promotion.printable import printable


def escape(text: str) -> str:
    """Return *text* in one line, so that GitHub shows it as it is, in a table's cell too."""
    flat = printable(" ".join(text.split()))
    plain = re.sub(r"([\\`*_{}\[\]<>#|~!@&])", r"\\\1", flat)
    # GitHub makes links of addresses that stand anywhere in a text.
    return re.sub(r"(?i)\bwww\.", r"www\\.", plain.replace("://", "\\://"))
